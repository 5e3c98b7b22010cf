//! A generation of a read model, and how it is rebuilt.

use std::sync::Arc;

use super::fenced::{FenceWatch, Fenced};
use super::request::Request;
use crate::failure::Failure;
use crate::generation::Generations;
use crate::projection::{Projection, Projector, ReadModel};
use crate::query::{Table, TableReader};
use crate::store::EventReader;

/// A generation of a read model.
pub(super) struct Side<P> {
    pub(super) number: u32,
    pub(super) model: Arc<dyn ReadModel>,
    pub(super) rows: Table,
    pub(super) counters: Table,
    pub(super) entries: Option<Table>,
    /// What the deliveries of the function go to.
    pub(super) projector: Projector<Arc<P>>,
}

/// A projection with its generations.
pub(super) struct Rebuildable<P> {
    pub(super) generations: Generations,
    pub(super) projection: Arc<P>,
    pub(super) events: Arc<dyn EventReader>,
    pub(super) tables: Arc<dyn TableReader>,
    pub(super) store: Table,
    pub(super) sides: Vec<Side<P>>,
    pub(super) watch: Option<Arc<FenceWatch>>,
}

impl<P: Projection> Rebuildable<P> {
    /// Returns a generation.
    ///
    /// # Errors
    /// `unknown_generation` (permanent): this function does not feed it.
    pub(super) fn side(&self, number: u32) -> Result<&Side<P>, Failure> {
        self.sides.iter().find(|side| side.number == number).ok_or_else(|| {
            let known: Vec<_> = self.sides.iter().map(|side| side.number.to_string()).collect();
            let (name, known) = (self.generations.projection(), known.join(", "));
            let reason = format!(
                "this function feeds the generations {known} of {name}, and not {number}; deploy \
                 the topology that declares it"
            );
            Failure::permanent("unknown_generation", reason)
        })
    }

    /// Creates the projector with which a request changes a generation.
    pub(super) fn projector(&self, side: &Side<P>, request: &Request) -> Projector<Arc<P>> {
        let model = self.fenced(&side.model, Some(request.owner.clone()));
        Projector::new(Arc::clone(&self.projection), model, Arc::clone(&self.events))
    }

    /// Puts the fence in front of a read model, if the projection has one.
    pub(super) fn fenced(
        &self,
        model: &Arc<dyn ReadModel>,
        owner: Option<String>,
    ) -> Arc<dyn ReadModel> {
        let model = Arc::clone(model);
        match &self.watch {
            Some(watch) => Arc::new(Fenced::new(model, Arc::clone(watch), owner)),
            None => model,
        }
    }
}
