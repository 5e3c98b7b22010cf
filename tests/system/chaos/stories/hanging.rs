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

/// No commit is applied twice, and none is forgotten: it is reported as applied, or as a duplicate
/// if an attempt that was cut off had stored it and could not confirm it any more.
fn forgotten(findings: &Findings) -> Vec<String> {
    let commits = findings.commits;
    let applied = findings.metric(PROJECTION, "Applied");
    let duplicates = findings.metric(PROJECTION, "Duplicate");
    if applied <= commits && applied + duplicates >= commits {
        return Vec::new();
    }
    vec![format!(
        "{PROJECTION} reported {applied} commits as applied and {duplicates} as duplicates, of \
         {commits}"
    )]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make chaos"]
async fn hanging() {
    run_story(&HANGING).await;
}
