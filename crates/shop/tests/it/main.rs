//! Tests the whole command, with a running emulator and without one.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "clippy exempts test functions, not the functions they share"
)]

mod emulator;
mod misuse;
mod run;
