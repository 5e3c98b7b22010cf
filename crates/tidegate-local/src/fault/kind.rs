//! What can go wrong.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The execution environment is killed.
    Kill,
    /// The function did its work, and the invocation counts as failed: its response was lost.
    LoseResponse,
    /// The event is delivered once more. The answer to that delivery is ignored.
    DeliverTwice,
    /// The records of a batch change their order; those with the same key keep theirs.
    Reorder,
    /// The event waits before it is handed to the function.
    Stall,
    /// The function's time is up early.
    TimeOut,
    /// The invocation, or the AWS call, is throttled.
    Throttle,
    /// The AWS call is answered with an internal error.
    Fail,
    /// The AWS call is refused for want of permission, which SDKs do not try again.
    Deny,
    /// The AWS call takes longer.
    Delay,
}

/// The moment of a fault: of an invocation, the handler's work; of an AWS call, its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Before it.
    Before,
    /// While it goes on.
    During,
    /// After it.
    After,
}

/// One fault, as it is injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fault {
    /// What goes wrong.
    #[serde(rename = "fault")]
    pub kind: Kind,
    /// At which moment, for the kinds that have a choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// How long, or how long after the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// What the new order is drawn with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kill",
            Self::LoseResponse => "lose-response",
            Self::DeliverTwice => "deliver-twice",
            Self::Reorder => "reorder",
            Self::Stall => "stall",
            Self::TimeOut => "time-out",
            Self::Throttle => "throttle",
            Self::Fail => "fail",
            Self::Deny => "deny",
            Self::Delay => "delay",
        })
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before",
            Self::During => "during",
            Self::After => "after",
        })
    }
}

/// `kill before`, `stall`: the kind and, where there is a choice, the moment.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.when {
            Some(when) => write!(f, "{} {when}", self.kind),
            None => self.kind.fmt(f),
        }
    }
}
