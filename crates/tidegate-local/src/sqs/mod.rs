//! SQS calls that all queues share: receiving, hiding, releasing and deleting messages.

mod deletion;
mod hides;
mod receiver;
mod visibility;

pub(crate) use deletion::delete;
pub(crate) use hides::Hides;
pub(crate) use receiver::Receiver;
pub(crate) use visibility::{hide, hide_all, release};
