//! Stories: each has a system, its faults, and additional checks of the result.
//!
//! `make chaos` runs them all.

mod hanging;
mod newer;
mod paused;
mod throttled;

use std::path::PathBuf;

pub(super) use hanging::HANGING;
pub(super) use paused::PAUSED;

use super::journey::{Findings, Input};
use super::run;
use crate::programs::repository;

/// Number of invoices of a story.
const INVOICES: usize = 300;
/// Seeds of a story.
const SEEDS: &str = "1 2 3";

/// A story.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) name: &'static str,
    /// Path of its fault plan, from the repository's root.
    plan: &'static str,
    /// Values of the topology that the story changes.
    pub(super) fields: &'static [(&'static str, &'static str)],
    /// Faults that a meaningful run must have injected.
    pub(super) faults: &'static [&'static str],
    /// Differences beyond the ordinary ones.
    pub(super) verdict: fn(&Findings) -> Vec<String>,
    /// What it measures, for people.
    pub(super) figure: fn(&Findings) -> Option<String>,
}

impl Story {
    /// Path of its fault plan.
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

async fn run_story(story: &'static Story) {
    run(Input::new(story, super::input(), INVOICES), SEEDS).await;
}

/// Letters of asynchronous invocations. There must be none: a story lets the last attempt succeed.
fn given_up(findings: &Findings) -> Vec<String> {
    match findings.mail.dead {
        0 => Vec::new(),
        dead => vec![format!(
            "a letter that a retry would have saved: {dead} events of the notification"
        )],
    }
}
