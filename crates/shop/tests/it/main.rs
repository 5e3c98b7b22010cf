//! Tests the whole command, with a running emulator and without one.

// Clippy exempts test functions, not the functions they share.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod emulator;
mod misuse;
mod run;
