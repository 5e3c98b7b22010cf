//! The local delivery engine.
//!
//! It runs compiled Lambda functions on one machine and delivers to them by Lambda's own rules: event source mappings for Kinesis,
//! DynamoDB Streams and SQS, EventBridge rules, and asynchronous invocation. An AWS-compatible emulator holds the streams, tables and
//! queues; the engine uses only plain API calls of it.

pub mod activity;
pub mod asynchronous;
pub mod build;
pub mod bus;
pub mod checkpoint;
pub mod clients;
mod console;
pub mod control;
mod credentials;
pub mod deliveries;
pub mod destination;
pub mod distribution;
pub mod emulator;
pub mod engine;
pub mod environment;
pub mod fault;
mod guard;
pub mod invocation;
pub mod log_tail;
pub mod logs;
pub mod mapping;
pub mod metrics;
pub mod operator;
mod outage;
mod parts;
pub mod provision;
pub mod proxy;
pub mod remote;
mod resting;
pub mod running;
mod runtime_api;
pub mod send_error;
#[cfg(test)]
mod stand_in;
pub mod status;
pub mod trial;
pub mod usage;
