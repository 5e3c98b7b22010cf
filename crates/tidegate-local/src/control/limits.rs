//! Lambda's limits on requests of Invoke.

/// Lambda's limit of a synchronous request, in bytes.
pub(super) const REQUEST_LIMIT: usize = 6_291_456;
/// Lambda's limit of an event, in bytes: 1 MB since October 2025.
pub(super) const EVENT_LIMIT: usize = 1_048_576;
/// Lambda's limit of a client context, in bytes of base64.
pub(super) const CLIENT_CONTEXT_LIMIT: usize = 3583;
