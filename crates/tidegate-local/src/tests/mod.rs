//! Helpers for the unit tests of several modules.

pub(crate) mod stand_in;
