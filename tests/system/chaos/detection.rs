//! Tests that chaos detects missing protections: it must find a difference without each of them.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use tidegate_local::fault::Journal;

use super::journey::{Input, journey};
use super::shrink::{Shrunk, shrink};
use super::stories::{ALL_FAULTS, HANGING, PAUSED, Story};
use super::{again, drawn};
use crate::programs::{directory, repository};
use crate::world::sample;

/// A protection that a patch switches off.
struct Protection {
    name: &'static str,
    /// Effect of the patch.
    off: &'static str,
    /// Story that finds the missing protection.
    story: &'static Story,
}

const PROTECTIONS: [Protection; 7] = [
    Protection {
        name: "guard",
        off: "a read model's transaction has no condition on the version that it starts from",
        story: &ALL_FAULTS,
    },
    Protection {
        name: "owner",
        off: "completing, releasing, extending and holding a claim ask for nobody's token",
        story: &ALL_FAULTS,
    },
    Protection {
        name: "cause",
        off: "a command whose cause is in the stream is decided again",
        story: &ALL_FAULTS,
    },
    Protection {
        name: "lowest",
        off: "a stream is told the highest failed sequence number",
        story: &ALL_FAULTS,
    },
    Protection {
        name: "repetition",
        off: "an old record becomes a dead letter at its first failure",
        story: &PAUSED,
    },
    Protection {
        name: "deadline",
        off: "the projector goes on past the invocation's deadline and waits for every answer",
        story: &HANGING,
    },
    Protection { name: "stop", off: "a lane goes on behind its first failure", story: &ALL_FAULTS },
];
/// Few invoices, so that a difference is found and reduced quickly.
const INVOICES: usize = 60;
/// Seeds that are tried with each plan.
const SEEDS: RangeInclusive<u64> = 1..=4;

/// Result with a protection switched off.
struct Found {
    plan: String,
    seed: u64,
    difference: String,
    faults: usize,
    shrunk: Shrunk,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs functions without their protections: make detection"]
async fn detection() {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let built = PathBuf::from(
        set("DETECTION_FUNCTIONS").expect("DETECTION_FUNCTIONS: run `make detection`"),
    );
    let only: Option<BTreeSet<String>> =
        set("ONLY").map(|only| only.split_whitespace().map(str::to_owned).collect());
    let mut controls = BTreeSet::new();
    let mut rows = Vec::new();
    for protection in &PROTECTIONS {
        let Protection { name, off, .. } = protection;
        if only.as_ref().is_none_or(|only| only.contains(*name)) {
            println!("{name}: {off}");
            rows.push((*name, *off, find(protection, &built.join(name), &mut controls).await));
        }
    }
    let table = table(&rows);
    println!("\n{table}");
    let kept = built.join("table.md");
    std::fs::write(&kept, table).unwrap_or_else(|error| panic!("{}: {error}", kept.display()));
    let missed: Vec<_> =
        rows.iter().filter(|(_, _, found)| found.is_none()).map(|(name, ..)| name).collect();
    assert!(missed.is_empty(), "nobody would notice if these were missing: {missed:?}");
}

/// Runs with the faults of its story, and then with those of the protection's own plan if it has
/// one, until there is a difference. The same faults must make none while the protection is there.
async fn find(
    Protection { name, story, .. }: &Protection,
    functions: &Path,
    controls: &mut BTreeSet<(PathBuf, u64)>,
) -> Option<Found> {
    let own = repository().join("tests/detection").join(name).with_extension("toml");
    let plans = [story.plan(), own];
    for plan in plans.iter().filter(|plan| plan.is_file()) {
        let shown = plan
            .strip_prefix(repository())
            .expect("a file of the repository")
            .display()
            .to_string();
        for seed in SEEDS {
            if controls.insert((plan.clone(), seed)) {
                let control = journey(drawn(plan, seed), &input(story, directory())).await;
                let differences = control.differences;
                assert_eq!(
                    differences,
                    Vec::<String>::new(),
                    "with all protections: {shown}, seed {seed}"
                );
            }
            let input = input(story, functions.to_owned());
            let findings = journey(drawn(plan, seed), &input).await;
            println!("{shown}, seed {seed}:\n{}", findings.report());
            let Some(difference) = findings.differences.first() else { continue };
            let journal = functions.join("faults.jsonl");
            std::fs::write(&journal, &findings.journal)
                .unwrap_or_else(|error| panic!("{}: {error}", journal.display()));
            let entries = Journal::read(&journal).unwrap_or_else(|error| panic!("{error}"));
            let small = functions.join("faults.small.jsonl");
            let shrunk = shrink(&entries, &small, &input).await;
            if shrunk.confirmed {
                // The remaining faults must not make the difference by themselves.
                let control = journey(again(&small), &self::input(story, directory())).await;
                assert_eq!(
                    control.differences,
                    Vec::<String>::new(),
                    "with all protections: {}",
                    small.display()
                );
            }
            return Some(Found {
                plan: shown,
                seed,
                difference: difference.clone(),
                faults: entries.len(),
                shrunk,
            });
        }
    }
    None
}

fn input(story: &'static Story, functions: PathBuf) -> Input {
    Input { functions, ..Input::new(story, sample(), INVOICES) }
}

fn table(rows: &[(&str, &str, Option<Found>)]) -> String {
    let mut table = String::from(
        "| protection | switched off | found with | invoices | the first difference | faults | cut down to |\n|---|---|---|---|---|---|---|\n",
    );
    for (name, off, found) in rows {
        let row = match found {
            None => format!("| {name} | {off} | **not found** | {INVOICES} | | | |"),
            Some(Found { plan, seed, difference, faults, shrunk }) => {
                let difference = difference.replace(['\n', '|'], " ");
                let small =
                    if shrunk.confirmed { shrunk.faults.to_string() } else { "—".to_owned() };
                format!(
                    "| {name} | {off} | `{plan}`, seed {seed} | {INVOICES} | {difference} | {faults} | {small} |"
                )
            }
        };
        writeln!(table, "{row}").expect("a text takes everything");
    }
    table
}
