//! Tests the compiled functions on the local engine, and the stores on a real backend.
//!
//! `make test` builds the functions and runs these tests; `BACKEND=localstack` runs them on
//! LocalStack.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "these are tests"
)]

mod api;
mod bad_input;
mod chaos;
mod contract;
mod crashes;
mod feed;
mod ledger;
mod mail;
mod order_path;
mod payments;
mod programs;
mod publishing;
mod rebuild;
mod replay;
mod shop;
mod topology;
mod visibility;
mod world;
