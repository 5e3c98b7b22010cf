//! One run of the system: it feeds invoices, injects faults, and compares the result.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use tidegate_local::engine::Injection;

use super::rollout::Rollout;
use super::stories::Story;
use super::verdict;
use crate::feed::{gather, put};
use crate::programs::directory;
use crate::world::{Setup, World};

/// Differences that a report shows.
const SHOWN: usize = 20;

/// Input and functions of a run.
pub(super) struct Input {
    pub(super) story: &'static Story,
    pub(super) file: PathBuf,
    /// Number of invoices, from the first one.
    pub(super) limit: usize,
    /// Directory of the functions' binaries.
    pub(super) functions: PathBuf,
    /// Directory of the binaries of a newer version, which takes over during the run.
    pub(super) newer: Option<PathBuf>,
}

impl Input {
    /// A story with the functions of this build.
    pub(super) fn new(story: &'static Story, file: PathBuf, limit: usize) -> Self {
        Self { story, file, limit, functions: directory(), newer: None }
    }
}

/// What came of a run.
pub(super) struct Findings {
    /// What is not as it must be; empty if all is well.
    pub(super) differences: Vec<String>,
    /// Injected faults by kind.
    pub(super) injected: BTreeMap<String, u64>,
    /// All injected faults.
    pub(super) journal: Vec<u8>,
    pub(super) duplicates: u64,
    /// Commits in the event store.
    pub(super) commits: u64,
    pub(super) mail: verdict::Mail,
    /// Status of the engine at the end.
    pub(super) status: Value,
    invocations: u64,
    errors: u64,
    seconds: u64,
    /// Measurement of the story.
    figure: Option<String>,
}

/// Runs the whole system once.
pub(super) async fn journey(injection: Injection, input: &Input) -> Findings {
    let began = std::time::Instant::now();
    let rollout = input.newer.as_deref().map(|newer| Rollout::prepare(&input.functions, newer));
    let binaries = rollout.as_ref().map_or_else(|| input.functions.clone(), Rollout::directory);
    let setup = Setup {
        functions: Some(binaries),
        faults: Some(injection),
        fields: input.story.fields,
        ..Setup::default()
    };
    let world = World::start_as(setup).await;
    let (fed, entries) = gather(&world, &input.file, input.limit).await;
    match &rollout {
        Some(rollout) => rollout.run(&world, entries).await,
        None => put(&world, entries).await,
    }
    world.settle().await;

    // Letters come first, because they explain many other differences.
    let mut differences = verdict::dead_letters(&world, &fed).await;
    differences.extend(verdict::histories(&world, &fed).await);
    differences.extend(verdict::read_models(&world, &input.file, input.limit).await);
    let (mail, wrong) = verdict::mail(&world).await;
    differences.extend(wrong);
    let commits = verdict::commits(&world).await;

    let status = world.status().await;
    let journal = std::fs::read(world.state.path().join("faults.jsonl")).unwrap_or_default();
    world.end().await;
    let sum = |field: &str| {
        functions(&status).map(|function| function[field].as_u64().unwrap_or(0)).sum()
    };
    let duplicates =
        |function: &Value| function["metrics"]["Duplicate"].as_f64().unwrap_or(0.0) as u64;
    let mut findings = Findings {
        differences,
        injected: serde_json::from_value(status["faults"]["injected"].clone()).unwrap_or_default(),
        journal,
        duplicates: functions(&status).map(duplicates).sum(),
        commits,
        mail,
        invocations: sum("invocations"),
        errors: sum("errors"),
        status,
        seconds: began.elapsed().as_secs(),
        figure: None,
    };
    findings.differences.extend((input.story.verdict)(&findings));
    findings.figure = (input.story.figure)(&findings);
    findings
}

fn functions(status: &Value) -> impl Iterator<Item = &Value> {
    status["functions"].as_object().into_iter().flatten().map(|(_, function)| function)
}

impl Findings {
    /// A count of a function's metric.
    pub(super) fn metric(&self, function: &str, name: &str) -> u64 {
        self.status["functions"][function]["metrics"][name].as_f64().unwrap_or(0.0) as u64
    }

    /// Text for the terminal.
    pub(super) fn report(&self) -> String {
        // `kill after DynamoDB.PutItem` counts as `kill after a call`.
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        for (fault, count) in &self.injected {
            let kind = match fault.rsplit_once(' ') {
                Some((kind, operation)) if !["before", "during", "after"].contains(&operation) => {
                    format!("{kind} a call")
                }
                _ => fault.clone(),
            };
            *kinds.entry(kind).or_default() += count;
        }
        let mut lines = vec![format!(
            "  {} invocations, {} of them failed, {} duplicates suppressed; {}; {} s",
            self.invocations, self.errors, self.duplicates, self.mail, self.seconds
        )];
        let faults: Vec<String> =
            kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        lines.push(format!("  {} faults: {}", kinds.values().sum::<u64>(), faults.join(", ")));
        lines.extend(self.figure.iter().map(|figure| format!("  {figure}")));
        match self.differences.as_slice() {
            [] => lines.push("  no difference".to_owned()),
            differences => {
                lines.extend(
                    differences
                        .iter()
                        .take(SHOWN)
                        .map(|difference| format!("  DIFFERENCE: {difference}")),
                );
                if differences.len() > SHOWN {
                    lines.push(format!("  … and {} more", differences.len() - SHOWN));
                }
            }
        }
        lines.join("\n")
    }
}
