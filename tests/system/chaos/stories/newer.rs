//! The story of a newer writer: older environments do not know its types, type versions and
//! commits.

use std::path::PathBuf;

use super::super::journey::Input;
use super::{INVOICES, SEEDS, Story, given_up};
use crate::chaos;

const NEWER: Story = Story {
    name: "newer",
    plan: "tests/chaos/newer.toml",
    fields: &[],
    faults: &["age"],
    verdict: given_up,
    figure: |_| None,
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a second build of the functions: make chaos"]
async fn newer() {
    let built = std::env::var("CHAOS_NEWER").expect("CHAOS_NEWER: run `make chaos`");
    let input = Input::new(&NEWER, chaos::input(), INVOICES);
    chaos::run(Input { newer: Some(PathBuf::from(built)), ..input }, SEEDS).await;
}
