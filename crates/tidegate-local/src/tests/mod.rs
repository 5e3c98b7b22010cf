//! What unit tests of several modules need.

pub(crate) mod stand_in;
