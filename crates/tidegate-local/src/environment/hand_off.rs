//! An invocation on its way to the process that waits at `/next`.

use super::extensions::Invoked;
use crate::invocation::Request;

/// The hand-off of an invocation: what `/next` returns.
///
/// If it is dropped before [`take`](Self::take), the waiter has hung up. It then reports this to
/// its host, and the invocation stays for the next waiter.
pub(crate) struct HandOff {
    content: Option<Content>,
    unheard: Box<dyn Fn() + Send + Sync>,
}

/// Content of a hand-off.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) event: Invoked,
    pub(crate) request: Request,
}

impl HandOff {
    /// Creates a hand-off that calls `unheard` if it is dropped before its content is taken.
    pub(crate) fn new(content: Content, unheard: impl Fn() + Send + Sync + 'static) -> Self {
        Self { content: Some(content), unheard: Box::new(unheard) }
    }

    /// Takes the content. The caller must write it at once.
    pub(crate) fn take(mut self) -> Option<Content> {
        self.content.take()
    }

    /// Drops the hand-off without a report: its creator already knows that the waiter has hung up.
    pub(crate) fn forget(mut self) {
        self.content = None;
    }
}

impl std::fmt::Debug for HandOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandOff").field("content", &self.content).finish_non_exhaustive()
    }
}

impl Drop for HandOff {
    fn drop(&mut self) {
        if self.content.is_some() {
            (self.unheard)();
        }
    }
}
