//! Entries whose causes are not known yet.

use jiff::Timestamp;

use super::entry::What;
use crate::ids::{Cause, Version};

/// An entry whose cause is not looked up yet.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) at: Timestamp,
    /// Place of its stream among those that were read.
    pub(super) stream: usize,
    /// Number of its decision among all that were read.
    pub(super) decision: usize,
    pub(super) version: Version,
    pub(super) what: What,
    /// Name by which others refer to it as their cause.
    pub(super) name: Option<Cause>,
    /// Place of the draft from which it follows within its stream.
    pub(super) part_of: Option<usize>,
    /// Names of its cause, the closest first.
    pub(super) causes: Vec<Cause>,
    pub(super) arrived_at: Option<Timestamp>,
    pub(super) correlation_id: String,
}
