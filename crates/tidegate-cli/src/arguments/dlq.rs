//! Options of `tidegate dlq`.

use clap::Args;

use super::invoking::Invoking;
use super::place::Place;

pub(super) const LONG: &str = "\
Lists the dead letters of the declared system; with --yes replays them through their functions.

Dead letters are pointers to records that a stream mapping discarded, failed asynchronous \
invocations, events that EventBridge could not deliver, and the functions' own dead letters. \
Without --yes nothing is replayed and nothing is deleted. SQS cannot show a message without \
receiving it: listing hides each message for a moment (at most a minute if the command is \
killed) and raises its receive count. The topology gives such a queue no redrive of its own, so \
the count has no consequence.

With --yes each dead letter is replayed through its function, and deleted if that succeeds: HTTP \
200, no function error, no failed record. Failed and unrecognised messages stay in their queue. \
A command that is killed between success and deletion leaves a dead letter that is replayed \
again next time; functions apply every event only once. A record behind a pointer that fails \
permanently becomes a dead letter of the function's own, with its payload, before the stream's \
retention ends.

A dead letter is not trusted: it is replayed only if it names a function of the topology in the \
same account and region, and a stream, rule, bucket and key that belong to this function. Any \
other dead letter is refused, counted and left in its queue. The function is invoked by its \
alias, whatever version the dead letter names: after a rollback, the version in use replays it. \
Records that the filter of a source drops are not replayed, nor are successes in a queue that \
receives both.

Without a local system, --yes works on the AWS account of the environment only if the account \
(--account) or the system in it (--name-prefix) is named.";

/// Options of `dlq`.
#[derive(Debug, Args)]
pub(crate) struct Dlq {
    /// Only this queue, by its name in the topology; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) queue: Vec<String>,
    /// Only dead letters of this function, by its name in the topology or in Lambda.
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<String>,
    /// Only the dead letter whose id or message id begins with this text.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Replays the dead letters, and deletes those that succeeded.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Replays at most N dead letters.
    #[arg(long, value_name = "N", requires = "yes")]
    pub(crate) limit: Option<usize>,
    /// Continues after ten failures in a row.
    #[arg(long, requires = "yes")]
    pub(crate) keep_going: bool,
    #[command(flatten)]
    pub(crate) invoking: Invoking,
    #[command(flatten)]
    pub(crate) place: Place,
}
