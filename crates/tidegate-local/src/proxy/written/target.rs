//! What a call can have written to.

use crate::wake::Polled;

/// What a call has written to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::proxy) enum Written {
    /// A stream.
    Stream(String),
    /// A table.
    Table(String),
    /// A queue, with the seconds after which its message can be received.
    Queue(String, u64),
    /// A bus.
    Bus(String),
    /// Streams, of which the call does not say which.
    AnyStream,
    /// Tables, of which the call does not say which.
    AnyTable,
    /// Queues, of which the call does not say which.
    AnyQueue,
    /// Buses, of which the call does not say which.
    AnyBus,
}

impl Written {
    pub(super) fn any(kind: Polled) -> Self {
        match kind {
            Polled::Stream => Self::AnyStream,
            Polled::Table => Self::AnyTable,
            Polled::Queue => Self::AnyQueue,
            Polled::Bus => Self::AnyBus,
        }
    }
}

/// Returns the name in an ARN, such as `orders` in `arn:aws:kinesis:…:stream/orders`. Anything else
/// is a name.
pub(super) fn resource(name: &str) -> &str {
    match name.split_once('/') {
        Some((arn, resource)) if arn.starts_with("arn:") => resource,
        _ => name,
    }
}
