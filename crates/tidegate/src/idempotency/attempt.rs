//! The invocation that tries to run an effect.

use jiff::Timestamp;

use super::lease::Lease;
use super::repeat::Repeat;
use crate::batch::{BatchContext, Delivered};
use crate::failure::Failure;

/// The invocation that tries to run an effect: how much time it has, and what runs the effect again
/// if it is held.
///
/// Made from the context of a record, whose event is kept with a held effect. Made from the context
/// of an invocation for a request, whose client repeats it.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub(super) lease: Lease,
    pub(super) arrived_at: Option<Timestamp>,
    pub(super) again: Again,
}

impl From<&BatchContext> for Attempt {
    fn from(context: &BatchContext) -> Self {
        Self {
            lease: context.into(),
            arrived_at: context.delivered.as_ref().and_then(Delivered::arrived_at),
            again: context.delivered.clone().map_or(Again::Nothing, Again::Delivery),
        }
    }
}

impl From<&lambda_runtime::Context> for Attempt {
    fn from(context: &lambda_runtime::Context) -> Self {
        Self { lease: context.into(), arrived_at: None, again: Again::Client }
    }
}

/// What runs a held effect again.
#[derive(Clone, Debug)]
pub(super) enum Again {
    /// The event of its delivery.
    Delivery(Delivered),
    /// This invocation.
    Invocation(Repeat),
    /// The client, which repeats its request.
    Client,
    /// Nothing: the delivery must not be acknowledged.
    Nothing,
}

impl Again {
    /// Returns the invocation that is kept with the effect.
    pub(super) fn repeat(&self) -> Result<Option<Repeat>, Failure> {
        match self {
            Self::Delivery(delivered) => delivered.repeat().map(Some),
            Self::Invocation(repeat) => Ok(Some(repeat.clone())),
            Self::Client | Self::Nothing => Ok(None),
        }
    }
}
