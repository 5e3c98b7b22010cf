//! Kinds of faults.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Kind of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The execution environment is killed.
    Kill,
    /// The function did its work, but its response is lost: the invocation counts as failed.
    LoseResponse,
    /// The event is delivered once more. The answer to that delivery is ignored.
    DeliverTwice,
    /// The records of a batch change their order. Records with the same key keep theirs.
    Reorder,
    /// The event waits before the function gets it.
    Stall,
    /// The function gets no event for some time after its first one, as if its mappings were
    /// paused.
    Pause,
    /// The records of a batch have earlier arrival times.
    Age,
    /// The function's time is up early.
    TimeOut,
    /// The invocation, or the AWS call, is throttled.
    Throttle,
    /// The AWS call is answered with an internal error.
    Fail,
    /// The AWS call is refused for lack of permission. SDKs do not retry such a call.
    Deny,
    /// The AWS call takes longer.
    Delay,
    /// The AWS call gets no answer.
    Hang,
    /// The transaction is cancelled, for a [`Reason`] that names some of its items.
    Cancel,
    /// Some statements of the batch fail, for a [`Reason`]. The others are carried out.
    FailStatements,
}

/// Why DynamoDB cancels a transaction, or fails a statement of a batch, although each condition
/// holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// The table or one of its partitions is throttled.
    ThrottlingError,
    /// The provisioned capacity of the table is used up.
    ProvisionedThroughputExceeded,
    /// Another request is at work on the item.
    TransactionConflict,
    /// DynamoDB failed. Only statements fail for it: it is no reason of a cancelled transaction.
    InternalServerError,
}

impl Reason {
    /// All reasons. Each is an error of a statement in a batch.
    pub(super) const ALL: [Self; 4] = [
        Self::ThrottlingError,
        Self::ProvisionedThroughputExceeded,
        Self::TransactionConflict,
        Self::InternalServerError,
    ];
    /// Reasons of cancelled transactions.
    pub(super) const OF_TRANSACTIONS: [Self; 3] =
        [Self::ThrottlingError, Self::ProvisionedThroughputExceeded, Self::TransactionConflict];

    /// Returns DynamoDB's own message.
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::ThrottlingError => {
                "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table or index so please try again shortly."
            }
            Self::ProvisionedThroughputExceeded => {
                "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API."
            }
            Self::TransactionConflict => "Transaction is ongoing for the item",
            Self::InternalServerError => "Internal server error",
        }
    }
}

/// Moment of a fault: relative to the handler's work for an invocation, to the effect for an AWS
/// call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Before it.
    Before,
    /// During it.
    During,
    /// After it.
    After,
}

/// One fault, as it is injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fault {
    /// Kind of the fault.
    #[serde(rename = "fault")]
    pub kind: Kind,
    /// Moment of the fault, for kinds that have a choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// A time in milliseconds. Depending on the kind, it says how long, how much earlier, or how
    /// long after the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// Why a transaction is cancelled, or why statements fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Seed from which the new order, or the choice of items or statements, is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Fault {
    /// Creates a fault of this kind without any further detail.
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, when: None, milliseconds: None, reason: None, seed: None }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kill",
            Self::LoseResponse => "lose-response",
            Self::DeliverTwice => "deliver-twice",
            Self::Reorder => "reorder",
            Self::Stall => "stall",
            Self::Pause => "pause",
            Self::Age => "age",
            Self::TimeOut => "time-out",
            Self::Throttle => "throttle",
            Self::Fail => "fail",
            Self::Deny => "deny",
            Self::Delay => "delay",
            Self::Hang => "hang",
            Self::Cancel => "cancel",
            Self::FailStatements => "fail-statements",
        })
    }
}

/// Writes AWS's code of the reason.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ThrottlingError => "ThrottlingError",
            Self::ProvisionedThroughputExceeded => "ProvisionedThroughputExceeded",
            Self::TransactionConflict => "TransactionConflict",
            Self::InternalServerError => "InternalServerError",
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

/// Writes the kind and, where there is a choice, the reason and the moment: `stall`, `kill before`,
/// `cancel for ThrottlingError before`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        if let Some(reason) = self.reason {
            write!(f, " for {reason}")?;
        }
        match self.when {
            Some(when) => write!(f, " {when}"),
            None => Ok(()),
        }
    }
}
