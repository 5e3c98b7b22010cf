//! Finds a running local delivery engine, and calls its control API.

pub mod client;
pub mod engine_file;
pub mod local;
pub mod process;
