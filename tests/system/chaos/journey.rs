//! One run: invoices in, faults on the way, and what came of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use tidegate_local::engine::Injection;

use super::verdict;
use crate::feed::feed;
use crate::world::World;

/// Differences that a report shows.
const SHOWN: usize = 20;

/// What is fed in.
pub(super) struct Input {
    pub(super) file: PathBuf,
    /// Only its first invoices.
    pub(super) limit: usize,
    /// Where the functions' binaries are.
    pub(super) functions: PathBuf,
}

/// What came of a run.
pub(super) struct Outcome {
    /// What is not as it must be; empty if all is well.
    pub(super) differences: Vec<String>,
    /// Injected faults by kind.
    pub(super) injected: BTreeMap<String, u64>,
    /// Every one of them.
    pub(super) journal: Vec<u8>,
    pub(super) duplicates: u64,
    invocations: u64,
    errors: u64,
    mail: verdict::Mail,
    seconds: u64,
}

/// Runs the whole system once.
pub(super) async fn journey(injection: Injection, input: &Input) -> Outcome {
    let began = std::time::Instant::now();
    let world = World::start_at(input.functions.clone(), Some(injection)).await;
    let fed = feed(&world, &input.file, input.limit).await;
    world.settle().await;

    let mut differences = verdict::histories(&world, &fed).await;
    differences.extend(verdict::read_models(&world, &input.file, input.limit).await);
    differences.extend(verdict::dead_letters(&world, &fed).await);
    let (mail, wrong) = verdict::mail(&world).await;
    differences.extend(wrong);

    let status = world.status().await;
    let journal = std::fs::read(world.state.path().join("faults.jsonl")).unwrap_or_default();
    world.end().await;
    let sum = |field: &str| functions(&status).map(|function| function[field].as_u64().unwrap_or(0)).sum();
    let duplicates = |function: &Value| function["metrics"]["Duplicate"].as_f64().unwrap_or(0.0) as u64;
    Outcome {
        differences,
        injected: serde_json::from_value(status["faults"]["injected"].clone()).unwrap_or_default(),
        journal,
        duplicates: functions(&status).map(duplicates).sum(),
        invocations: sum("invocations"),
        errors: sum("errors"),
        mail,
        seconds: began.elapsed().as_secs(),
    }
}

fn functions(status: &Value) -> impl Iterator<Item = &Value> {
    status["functions"].as_object().into_iter().flatten().map(|(_, function)| function)
}

impl Outcome {
    /// For people.
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
        let faults: Vec<String> = kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        lines.push(format!("  {} faults: {}", kinds.values().sum::<u64>(), faults.join(", ")));
        match self.differences.as_slice() {
            [] => lines.push("  no difference".to_owned()),
            differences => {
                lines.extend(
                    differences.iter().take(SHOWN).map(|difference| format!("  DIFFERENCE: {difference}")),
                );
                if differences.len() > SHOWN {
                    lines.push(format!("  … and {} more", differences.len() - SHOWN));
                }
            }
        }
        lines.join("\n")
    }
}
