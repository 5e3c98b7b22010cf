//! Tests `infra/` on an emulator that enforces IAM policies: `make infra-test`.
//!
//! The emulator is MiniStack with `AUTH=true`. It enforces the following:
//!
//! * A function gets credentials of a session of its own role. For every call, the emulator checks
//!   the signature and evaluates the role's current policies.
//! * The access key `test`, which Terraform and the tests use, is root. The emulator checks nothing
//!   for root, not even the signature.
//! * Users with keys of their own are checked like roles.
//! * The emulator does not check its own work: mappings read their sources, rules invoke functions
//!   and services write logs without a policy. It does not retry either: records that a mapping's
//!   function reports as failed, and events that a rule cannot deliver, are lost.
//!
//! So these tests check delivery and permissions. The system tests, which run on the engine, check
//! recovery.
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
mod part;
mod permissions;
#[path = "../system/programs.rs"]
mod programs;
mod terraform;
mod wait;
