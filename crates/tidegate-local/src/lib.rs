//! The local delivery engine.
//!
//! It runs compiled Lambda functions on one machine and delivers to them by Lambda's own rules: event
//! source mappings for Kinesis, DynamoDB Streams and SQS, EventBridge rules, and asynchronous
//! invocation. An AWS-compatible emulator holds the streams, tables and queues; the engine uses only
//! plain API calls of it.
//!
//! | assembly | |
//! |---|---|
//! | [`engine`] | from options to a running system: begin with its `start.rs` |
//! | `parts` | what runs in an engine, for those who look at it |
//!
//! | backend | |
//! |---|---|
//! | [`emulator`] | finds, starts and stops an emulator |
//! | [`clients`] | the SDKs' clients of it |
//! | `outage` | says once that it does not answer, and once that it does again |
//! | [`provision`] | creates in it what a topology declares |
//!
//! | deliveries | |
//! |---|---|
//! | [`mapping`] | event source mappings |
//! | [`bus`] | EventBridge's rules and their targets |
//! | [`asynchronous`] | asynchronous invocation |
//! | [`driver`] | the one loop around their state machines |
//! | [`checkpoint`] | where positions in streams are kept |
//! | [`destination`] | where on-failure and on-success records go |
//! | [`send_error`] | whether what was not sent can be sent again |
//! | [`pace`] | how fast sources are polled, and how long waits are |
//! | `sqs`, `own_queue` | calls of queues; the engine's own queues |
//! | [`running`] | a mapping or queue as its owner holds it |
//!
//! | invocations | |
//! |---|---|
//! | [`invocation`] | what is handed to a function and what comes back |
//! | [`fault`] | what goes wrong on purpose, in front of the functions and in the proxy |
//! | `trial` | what an invocation carries of its faults |
//!
//! | functions | |
//! |---|---|
//! | `build` | their binaries, built or found |
//! | [`environment`] | execution environments as processes |
//! | [`remote`] | functions that something else runs |
//! | `runtime_api` | Lambda's Runtime API and Extensions API, for one process |
//! | [`proxy`] | every AWS call of a function, counted and billed |
//! | `credentials` | what functions get for the operator's |
//!
//! | to look at | |
//! |---|---|
//! | [`control`] | the engine's API, and Lambda's Invoke in it |
//! | `console` | the page that it serves |
//! | `guard` | keeps web pages from every listener |
//! | [`status`] | how everything stands |
//! | [`activity`] | the counter by which idleness is recognised |
//! | [`operator`] | what waits for a person |
//! | [`history`] | the newest invocations and on-failure records |
//! | [`logs`], `log_tail` | the functions' logs as one; the end of one invocation's log |
//! | `metrics`, `distribution`, `usage` | numbers: printed metrics, percentiles, CPU and memory |

pub mod activity;
pub mod asynchronous;
mod build;
pub mod bus;
pub mod checkpoint;
pub mod clients;
mod console;
pub mod control;
mod credentials;
pub mod destination;
mod distribution;
pub mod driver;
pub mod emulator;
pub mod engine;
pub mod environment;
pub mod fault;
mod guard;
pub mod history;
pub mod invocation;
mod log_tail;
pub mod logs;
pub mod mapping;
mod metrics;
pub mod operator;
mod outage;
mod own_queue;
pub mod pace;
mod parts;
pub mod provision;
pub mod proxy;
pub mod remote;
pub mod running;
mod runtime_api;
pub mod send_error;
mod sqs;
pub mod status;
#[cfg(test)]
mod tests;
mod trial;
mod usage;
