//! The phases of a breaker, and who changed them.

use jiff::Timestamp;

/// Phase of a breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Calls go through, and failures are counted.
    #[default]
    Closed,
    /// Calls are refused until this time. Then one probe may find out.
    Open {
        /// End of the cool-down.
        until: Timestamp,
    },
    /// One probe is on its way, and other calls are refused.
    HalfOpen {
        /// Time at which the owner of the probe is certainly gone.
        lease_until: Timestamp,
    },
}

impl Phase {
    /// Returns the stable name: `closed`, `open` or `half-open`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half-open",
        }
    }
}

/// The operator who changed a breaker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operator {
    /// Name.
    pub name: String,
    /// Why.
    pub note: String,
}
