//! The command as a person runs it, against a real emulator and functions whose answers are scripted.

// Clippy exempts test functions, not the functions they share.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod account;
mod any_project;
mod bad_input;
mod command;
mod cost;
mod credentials;
mod dead_letters;
mod deployed;
mod document;
mod effects;
mod emulator;
mod functions;
mod hostile;
mod misuse;
mod new_function;
mod parked;
mod started;
mod topology;
mod watching;
