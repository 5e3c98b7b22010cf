//! The story of a read model that does not respond.

use super::super::journey::Findings;
use super::{Story, given_up, run_story};

const PROJECTION: &str = "order-projection";

pub(in crate::chaos) const HANGING: Story = Story {
    name: "hanging",
    plan: "tests/chaos/hanging.toml",
    // The invocation has time for one hanging request, and not for two.
    fields: &[("timeout_seconds", "6")],
    faults: &["hang before DynamoDB.TransactWriteItems"],
    verdict: |findings| [given_up(findings), cut_off(findings), forgotten(findings)].concat(),
    figure: |findings| {
        let (commits, applied) = (findings.commits, findings.metric(PROJECTION, "Applied"));
        Some(format!("the projection reported {applied} of {commits} commits as applied"))
    },
};

/// The projection ends before Lambda ends it.
fn cut_off(findings: &Findings) -> Vec<String> {
    match findings.status["functions"][PROJECTION]["timeouts"].as_u64() {
        Some(0) => Vec::new(),
        timeouts => vec![format!("{PROJECTION} ran out of time: {timeouts:?}")],
    }
}

/// Commits that were applied before the read model hung are reported as applied. A request that
/// hangs here never has an effect, so each commit is applied once and reported so once.
fn forgotten(findings: &Findings) -> Vec<String> {
    let (commits, applied) = (findings.commits, findings.metric(PROJECTION, "Applied"));
    if applied == commits {
        return Vec::new();
    }
    vec![format!("{PROJECTION} reported {applied} commits as applied and must have {commits}")]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make chaos"]
async fn hanging() {
    run_story(&HANGING).await;
}
