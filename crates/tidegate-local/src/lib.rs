//! The local delivery engine.
//!
//! It runs compiled Lambda functions on one machine and delivers to them by Lambda's own rules: event source mappings for Kinesis,
//! DynamoDB Streams and SQS, EventBridge rules, and asynchronous invocation. An AWS-compatible emulator holds the streams, tables and
//! queues; the engine uses only plain API calls of it.
//!
//! [`engine`] puts everything together; begin with its `start.rs`.
//!
//! | room | what is in it |
//! |---|---|
//! | assembly | [`engine`]: from options to a running system. `parts`: what runs in it, for those who look at it |
//! | backend | [`emulator`]: starts one. [`clients`]: the SDKs' clients of it; `outage` says once that it is gone. [`provision`]: creates in it what the topology declares |
//! | programs | `build`: the functions' binaries, built or found |
//! | deliveries | [`mapping`]: event source mappings. [`bus`]: EventBridge's rules. [`asynchronous`]: asynchronous invocation. [`checkpoint`], [`destination`], [`send_error`], [`running`], `resting`: what they share |
//! | invocations | [`invocation`]: what is handed to a function, and what comes back. [`fault`]: what goes wrong on purpose, in front of the functions and in the proxy; `trial`: what an invocation carries of it |
//! | functions | [`environment`]: execution environments as processes, and the trait [`Functions`](environment::Functions). [`remote`]: functions that something else runs |
//! | around a process | `runtime_api`: Lambda's Runtime and Extensions API. [`proxy`]: every AWS call, counted and billed. `credentials`: the ones that functions get. `guard`: keeps web pages from every listener |
//! | numbers and logs | `metrics`, `distribution`, `usage`; [`logs`]: the functions' logs as one; `log_tail`: the end of one invocation's log |
//! | for people | [`control`]: the API, Lambda's Invoke in it. [`status`]: how everything stands. `console`: the page. [`deliveries`]: the newest ones. [`operator`]: what waits for a person. [`activity`]: how idleness is recognised |

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
#[cfg(test)]
mod stand_in;
pub mod status;
mod trial;
mod usage;
