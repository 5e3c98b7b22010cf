//! Creates the resources that a topology declares.
//!
//! Names at the backend are the declared ones; only FIFO queues get their suffix. Expiry of objects
//! and archives of buses are not set up: they do not affect what runs.

mod buckets;
mod buses;
mod create;
mod environment;
mod error;
mod provisioned;
mod queues;
mod senders;
mod statements;
mod streams;
mod tables;
mod topics;
mod wait;

pub use create::provision;
pub(crate) use environment::scheduler_role;
pub use error::ProvisionError;
pub use provisioned::{Arn, Provisioned, ProvisionedQueue, ProvisionedTable};
pub(crate) use queues::{INVOKE_QUEUE, invoke_queue};
pub use statements::Statements;
pub(crate) use statements::statements;
