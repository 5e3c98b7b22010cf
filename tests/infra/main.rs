//! What `infra/` creates, against an emulator that enforces IAM policies: `make infra-test`.
//!
//! The emulator is MiniStack with `AUTH=true`. What it enforces then, and what not:
//!
//! * A function gets credentials of a session of its own role. Every call it makes is checked for its signature and evaluated against the role's policies
//!   as they are at that moment.
//! * Whoever uses the access key `test`, Terraform and the tests themselves, is root: nothing is checked, not even the signature.
//! * Users with keys of their own are checked like roles.
//! * What the emulator does itself is not checked: mappings read their sources, rules invoke functions and services write logs without a policy. Nor does it
//!   retry: what a mapping's function reports as failed and what a rule could not hand over is lost. So these tests look at delivery and permissions, and the
//!   system tests, which run on the engine, at recovery.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "these are tests"
)]

mod added_function;
mod alias;
mod api;
mod comparison;
mod deployment;
mod differences;
mod emulator;
mod inventory;
mod order;
mod order_path;
mod permissions;
#[path = "../system/programs.rs"]
mod programs;
mod terraform;
mod wait;
