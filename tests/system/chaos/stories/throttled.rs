//! The story of cancelled transactions, because DynamoDB is throttled.

use serde_json::Value;

use super::super::journey::Outcome;
use super::{Story, given_up, tell};

const THROTTLED: Story = Story {
    name: "throttled",
    plan: "tests/chaos/throttled.toml",
    // The projection pauses until the end of an invocation, so invocations are short.
    fields: &[("timeout_seconds", "10")],
    faults: &["cancel for ThrottlingError before DynamoDB.TransactWriteItems"],
    verdict: |outcome| [given_up(outcome), explodes(outcome)].concat(),
    figure: |outcome| {
        let Sent { calls, cancelled } = sent(outcome);
        let commits = outcome.commits;
        Some(format!("{calls} transactions were sent for {commits} commits, {cancelled} of them cancelled"))
    },
};

/// Number of transactions that the projection sent.
struct Sent {
    calls: u64,
    cancelled: u64,
}

fn sent(outcome: &Outcome) -> Sent {
    let counts = &outcome.status["calls"]["order-projection"]["DynamoDB.TransactWriteItems"];
    let cancelled = &counts["errors"]["TransactionCanceledException"];
    Sent { calls: counts["calls"].as_u64().unwrap_or(0), cancelled: Value::as_u64(cancelled).unwrap_or(0) }
}

/// Reports a projection that splits throttled transactions instead of pausing.
///
/// A projector that splits a throttled transaction sends a request for each commit in each attempt.
/// A projector that pauses sends few requests.
fn explodes(outcome: &Outcome) -> Vec<String> {
    let Sent { cancelled, .. } = sent(outcome);
    if 2 * cancelled < outcome.commits {
        return Vec::new();
    }
    let commits = outcome.commits;
    vec![format!("{cancelled} transactions were sent into the throttling; there are {commits} commits")]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make chaos"]
async fn throttled() {
    tell(&THROTTLED).await;
}
