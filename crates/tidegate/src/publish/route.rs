//! A target and what goes to it.

use super::sending::Sender;
use super::{Events, Outgoing};
use crate::failure::Failure;
use crate::publish::Published;

/// What leaves because of an event.
pub(super) type Messages = dyn Fn(&Published<'_>) -> Result<Vec<Outgoing>, Failure> + Send + Sync;

/// A target and what goes to it.
pub(super) struct Route {
    pub(super) takes: Takes,
    pub(super) sender: Sender,
}

pub(super) enum Takes {
    Events(Events),
    /// Messages addressed to this name.
    Addressed(String),
}
