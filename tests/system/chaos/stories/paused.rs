//! The story of paused mappings.
//!
//! They were paused until every record was older than `dead_letter_after_seconds`. When they
//! continue, calls to AWS fail.

use super::{Story, given_up, run_story};

pub(in crate::chaos) const PAUSED: Story = Story {
    name: "paused",
    plan: "tests/chaos/paused.toml",
    fields: &[],
    faults: &[
        "age",
        "pause",
        "deny DynamoDB.BatchExecuteStatement",
        "throttle before DynamoDB.BatchExecuteStatement",
    ],
    verdict: given_up,
    figure: |_| None,
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make chaos"]
async fn paused() {
    run_story(&PAUSED).await;
}
