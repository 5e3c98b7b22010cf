//! The local delivery engine: runs Lambda functions on one machine and delivers to them by Lambda's
//! rules.
//!
//! The rules are those of event source mappings for Kinesis, DynamoDB Streams and SQS, of
//! EventBridge rules, of SNS subscriptions, and of asynchronous invocation. An AWS-compatible
//! emulator holds the streams, tables and queues. The engine uses only plain API calls to it.
//!
//! | assembly | |
//! |---|---|
//! | [`engine`] | starts a whole system from options: begin with its `start.rs` |
//! | `parts` | the running parts of an engine, for its status and console |
//!
//! | emulator | |
//! |---|---|
//! | [`emulator`] | finds, starts and stops an emulator |
//! | [`clients`] | AWS SDK clients of the emulator |
//! | `outage` | reports that the emulator stops answering, and that it answers again |
//! | [`provision`] | creates what a topology declares |
//!
//! | deliveries | |
//! |---|---|
//! | [`mapping`] | event source mappings |
//! | [`bus`] | EventBridge buses: rules and their targets |
//! | [`archive`] | archives of buses, and replays from them |
//! | [`topic`] | SNS topics: subscriptions and their receivers |
//! | [`asynchronous`] | asynchronous invocation |
//! | [`scheduler`] | EventBridge Scheduler: schedules, their API and their firing |
//! | [`driver`] | the loop that runs their state machines |
//! | [`checkpoint`] | stores positions in streams |
//! | [`destination`] | sends on-failure and on-success records |
//! | [`send_error`] | decides whether a failed send can be retried |
//! | [`pace`] | polling intervals, waits and back-off |
//! | [`wake`] | wakes the pollers of a source when something is written to it |
//! | `sqs`, `own_queue` | calls of SQS; the engine's own queues |
//! | [`running`] | handle of a running mapping or queue |
//!
//! | requests | |
//! |---|---|
//! | [`gateway`] | answers HTTP: HTTP APIs and function URLs |
//!
//! | invocations | |
//! |---|---|
//! | [`invocation`] | request and answer of an invocation |
//! | [`fault`] | fault injection, in front of the functions and in the proxy |
//! | `trial` | the faults of one invocation |
//!
//! | functions | |
//! |---|---|
//! | `build` | builds or finds their binaries |
//! | [`environment`] | execution environments as processes |
//! | [`remote`] | functions that something else runs |
//! | `runtime_api` | Lambda's Runtime API and Extensions API, for one process |
//! | `partiql` | reads DynamoDB's statements |
//! | [`proxy`] | passes AWS calls on; counts and bills those of functions; the endpoint |
//! | `credentials` | local credentials, in place of the operator's |
//!
//! | observation | |
//! |---|---|
//! | [`control`] | the engine's API, with Lambda's Invoke |
//! | `console` | the local console, a web page |
//! | `guard` | refuses requests of other web pages |
//! | `whole_body` | reads the body of a request within a limit |
//! | [`status`] | status of the whole system |
//! | [`activity`] | the counter by which the engine recognises that it is idle |
//! | [`operator`] | counts what waits for an operator |
//! | [`timelines`] | reads timelines of messages, for the console |
//! | [`history`] | the newest invocations and on-failure records |
//! | [`logs`], `log_tail` | logs of all functions, merged; the end of one invocation's log |
//! | `metrics`, `distribution`, `usage` | printed metrics; percentiles; CPU time and memory |

pub mod activity;
pub mod archive;
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
pub mod exhausted;
pub mod fault;
pub mod gateway;
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
mod partiql;
mod parts;
pub mod provision;
pub mod proxy;
pub mod remote;
pub mod running;
mod runtime_api;
pub mod scheduler;
pub mod send_error;
mod sqs;
pub mod status;
#[cfg(test)]
mod tests;
pub mod timelines;
pub mod topic;
mod trial;
mod usage;
pub mod wake;
mod whole_body;
