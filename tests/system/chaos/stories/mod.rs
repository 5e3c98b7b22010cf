//! Stories: each a system, its faults, and what else must be true of it in the end. `make chaos`
//! runs them all.

mod hanging;
mod newer;
mod paused;
mod throttled;

use std::path::PathBuf;

pub(super) use hanging::HANGING;
pub(super) use paused::PAUSED;

use super::journey::{Input, Outcome};
use super::run;
use crate::programs::repository;

/// Invoices of a story.
const INVOICES: usize = 300;
/// Seeds of a story.
const SEEDS: &str = "1 2 3";

/// A story.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) name: &'static str,
    /// The file of its faults, from the repository's root.
    plan: &'static str,
    /// What its topology has other values for.
    pub(super) fields: &'static [(&'static str, &'static str)],
    /// What must have been injected for a run to say anything.
    pub(super) faults: &'static [&'static str],
    /// Differences beyond the ordinary ones.
    pub(super) verdict: fn(&Outcome) -> Vec<String>,
    /// What it measures, for people.
    pub(super) figure: fn(&Outcome) -> Option<String>,
}

impl Story {
    /// The file of its faults.
    pub(super) fn plan(&self) -> PathBuf {
        repository().join(self.plan)
    }
}

/// All faults together, in the system as it is.
pub(super) const ALL_FAULTS: Story = Story {
    name: "all faults",
    plan: "tests/chaos.toml",
    fields: &[],
    faults: &[],
    verdict: |_| Vec::new(),
    figure: |_| None,
};

async fn tell(story: &'static Story) {
    run(Input::of(story, super::input(), INVOICES), SEEDS).await;
}

/// Letters of asynchronous invocations. There must be none: a story lets the last attempt succeed.
fn given_up(outcome: &Outcome) -> Vec<String> {
    match outcome.mail.dead {
        0 => Vec::new(),
        dead => vec![format!("a letter that a retry would have saved: {dead} events of the notification")],
    }
}
