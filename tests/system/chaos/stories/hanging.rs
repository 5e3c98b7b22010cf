//! The story of a read model that does not respond.

use super::super::journey::Outcome;
use super::{Story, given_up, tell};

const PROJECTION: &str = "order-projection";

pub(in crate::chaos) const HANGING: Story = Story {
    name: "hanging",
    plan: "tests/chaos/hanging.toml",
    // The invocation has time for one hanging request, and not for two.
    fields: &[("timeout_seconds", "6")],
    faults: &["hang before DynamoDB.TransactWriteItems"],
    verdict: |outcome| [given_up(outcome), cut_off(outcome), forgotten(outcome)].concat(),
    figure: |outcome| {
        let (commits, applied) = (outcome.commits, outcome.metric(PROJECTION, "Applied"));
        Some(format!("the projection reported {applied} of {commits} commits as applied"))
    },
};

/// The projection must end its invocations before Lambda does.
fn cut_off(outcome: &Outcome) -> Vec<String> {
    match outcome.status["functions"][PROJECTION]["timeouts"].as_u64() {
        Some(0) => Vec::new(),
        timeouts => vec![format!("{PROJECTION} ran out of time: {timeouts:?}")],
    }
}

/// Commits that were applied before the read model hung are reported as applied. A request that
/// hangs here never has an effect, so each commit is applied once and reported so once.
fn forgotten(outcome: &Outcome) -> Vec<String> {
    let (commits, applied) = (outcome.commits, outcome.metric(PROJECTION, "Applied"));
    if applied == commits {
        return Vec::new();
    }
    vec![format!("{PROJECTION} reported {applied} commits as applied and must have {commits}")]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make chaos"]
async fn hanging() {
    tell(&HANGING).await;
}
