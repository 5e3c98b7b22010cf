//! The compiled functions, driven through the local engine, and the stores against a real backend.
//!
//! `make test` builds the functions and runs this; `BACKEND=localstack` runs it on LocalStack.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "these are tests"
)]

mod bad_input;
mod chaos;
mod contract;
mod crashes;
mod feed;
mod mail;
mod order_path;
mod programs;
mod replay;
mod topology;
mod visibility;
mod world;
