//! The story of cancelled transactions, because DynamoDB is throttled.

use serde_json::Value;

use super::super::journey::Findings;
use super::{Story, given_up, run_story};

const THROTTLED: Story = Story {
    name: "throttled",
    plan: "tests/chaos/throttled.toml",
    // The projection pauses until the end of an invocation, so invocations are short.
    fields: &[("timeout_seconds", "10")],
    faults: &["cancel for ThrottlingError before DynamoDB.TransactWriteItems"],
    verdict: |findings| [given_up(findings), explodes(findings)].concat(),
    figure: |findings| {
        let Sent { calls, cancelled } = sent(findings);
        let commits = findings.commits;
        Some(format!(
            "{calls} transactions were sent for {commits} commits, {cancelled} of them cancelled"
        ))
    },
};

/// Number of transactions that the projection sent.
struct Sent {
    calls: u64,
    cancelled: u64,
}

fn sent(findings: &Findings) -> Sent {
    let counts = &findings.status["calls"]["order-projection"]["DynamoDB.TransactWriteItems"];
    let cancelled = &counts["errors"]["TransactionCanceledException"];
    Sent {
        calls: counts["calls"].as_u64().unwrap_or(0),
        cancelled: Value::as_u64(cancelled).unwrap_or(0),
    }
}

/// Reports a projection that splits throttled transactions instead of pausing.
///
/// A projector that splits a throttled transaction sends a request for each commit in each attempt.
/// A projector that backs off sends few requests.
fn explodes(findings: &Findings) -> Vec<String> {
    let Sent { cancelled, .. } = sent(findings);
    if 2 * cancelled < findings.commits {
        return Vec::new();
    }
    let commits = findings.commits;
    vec![format!(
        "{cancelled} transactions were sent into the throttling; there are {commits} commits"
    )]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make chaos"]
async fn throttled() {
    run_story(&THROTTLED).await;
}
