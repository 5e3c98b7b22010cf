//! The engine's parts against real emulators and real processes.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "clippy allows them in test functions, but not in what test functions call"
)]

mod asynchronous;
mod asynchronous_destinations;
mod aws_cli;
mod aws_sdk;
mod backend;
mod browser;
mod buses;
mod conformance;
mod console;
mod control;
mod credentials;
mod delivery;
mod destinations;
mod emulator;
mod endpoint;
mod engine;
mod environments;
mod extensions;
mod faults;
mod foreign_json;
mod freezing;
mod gateway;
mod invoke;
mod killed_engine;
mod logs;
mod memory;
mod nested;
mod part;
mod positions;
mod probe;
mod provision;
mod proxy;
mod queues;
mod remote;
mod replays;
mod reserved;
mod rule_targets;
mod rules;
mod runtime_api;
mod schedules;
mod silent;
mod statements;
mod timelines;
mod topics;
mod wakes;
