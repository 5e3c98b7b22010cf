//! Limits of requests.

use std::time::Duration;

use super::service::Service;

/// Largest event of a synchronous invocation, in bytes (AWS docs: Lambda quotas).
pub(super) const EVENT_BYTES: usize = 6_291_456;
/// Largest payload of an HTTP API, in bytes (AWS docs: HTTP API quotas, 10 MB).
const API_PAYLOAD_BYTES: usize = 10 << 20;
/// Longest request line with all values of headers, in bytes (AWS docs: HTTP API quotas).
const API_HEAD_BYTES: usize = 10_240;
/// Longest time that API Gateway waits for a function (AWS docs: HTTP API quotas).
const API_TIMEOUT: Duration = Duration::from_secs(30);

impl Service {
    /// Returns the largest body of a request.
    pub(super) fn body_bytes(self) -> usize {
        match self {
            Self::Api => API_PAYLOAD_BYTES,
            Self::FunctionUrl => EVENT_BYTES,
        }
    }

    /// Returns the longest request line with all values of headers.
    pub(super) fn head_bytes(self) -> Option<usize> {
        match self {
            Self::Api => Some(API_HEAD_BYTES),
            Self::FunctionUrl => None,
        }
    }

    /// Returns the longest time that the service waits for a function, besides the function's own
    /// timeout.
    pub(super) fn timeout(self) -> Option<Duration> {
        match self {
            Self::Api => Some(API_TIMEOUT),
            Self::FunctionUrl => None,
        }
    }
}
