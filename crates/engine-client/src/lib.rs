//! Finds a running local delivery engine, and asks it.

pub mod client;
pub mod engine_file;
pub mod local;
pub mod process;
