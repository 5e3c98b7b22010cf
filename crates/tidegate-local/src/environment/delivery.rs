//! An invocation on its way to a waiter at `/next`.

use std::sync::{Arc, Weak};

use crate::environment::extensions::Invoked;
use crate::environment::host::Host;
use crate::environment::phase::{EnvironmentId, InvocationId};
use crate::invocation::Request;

/// What `/next` returns. If it is dropped without having been taken, the waiter has hung up and the invocation stays for the next one.
#[derive(Debug)]
pub(crate) struct Delivery {
    host: Weak<Host>,
    environment: EnvironmentId,
    invocation: InvocationId,
    content: Option<Content>,
}

/// The content of a delivery.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) event: Invoked,
    pub(crate) request: Request,
}

impl Delivery {
    pub(crate) fn new(
        host: &Arc<Host>,
        environment: EnvironmentId,
        invocation: InvocationId,
        event: &Invoked,
        request: &Request,
    ) -> Self {
        let content = Content { event: event.clone(), request: request.clone() };
        Self { host: Arc::downgrade(host), environment, invocation, content: Some(content) }
    }

    /// Takes the content, to be written at once.
    pub(crate) fn take(mut self) -> Option<Content> {
        self.content.take()
    }

    /// Drops it silently: whoever made it knows that nobody heard.
    pub(crate) fn forget(mut self) {
        self.content = None;
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if self.content.is_some()
            && let Some(host) = self.host.upgrade()
        {
            host.unheard(self.environment, self.invocation);
        }
    }
}
