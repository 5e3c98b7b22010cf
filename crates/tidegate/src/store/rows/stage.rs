//! A stage of a decision: what one transaction stores.

use super::row_change::{RowChange, TRANSACTION_ITEMS};
use crate::store::aggregate::Decision;

/// A stage of a decision: the events and the rows that one transaction stores.
///
/// Most commands need one stage, the last. A command whose rows do not fit into one transaction
/// needs several. The events of a stage must leave a state from which the command goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage<E> {
    pub(super) decision: Decision<E>,
    pub(super) changes: Vec<RowChange>,
    pub(super) last: bool,
}

impl<E> Stage<E> {
    /// Most rows that a stage changes: 99. A transaction has 100 items, and one is the commit.
    ///
    /// A commit of more than about 390 KB has more items, and leaves room for fewer rows.
    pub const MOST_ROWS: usize = TRANSACTION_ITEMS - 1;

    /// Creates the last stage, whose events are the answer to the command.
    pub fn last(decision: Decision<E>) -> Self {
        Self { decision, changes: Vec::new(), last: true }
    }

    /// Creates a stage that another stage follows. The command is then decided again, on the state
    /// that the events lead to.
    pub fn before_another(decision: Decision<E>) -> Self {
        Self { last: false, ..Self::last(decision) }
    }

    /// Adds a change of a row. Each row may occur once.
    #[must_use]
    pub fn change(mut self, change: RowChange) -> Self {
        self.changes.push(change);
        self
    }

    /// Returns the events in order.
    pub fn events(&self) -> &[E] {
        self.decision.events()
    }

    /// Returns the changes of rows.
    pub fn changes(&self) -> &[RowChange] {
        &self.changes
    }

    /// Returns whether the command is done after this stage.
    pub fn is_last(&self) -> bool {
        self.last
    }
}
