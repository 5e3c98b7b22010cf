//! Runs the command as a person does, against a real emulator and functions with scripted answers.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "clippy exempts test functions, not the functions they share"
)]

mod account;
mod any_project;
mod bad_input;
mod bank;
mod breaker;
mod command;
mod consumer;
mod contracts;
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
mod processes;
mod requests;
mod started;
mod topology;
mod travel;
mod watching;
