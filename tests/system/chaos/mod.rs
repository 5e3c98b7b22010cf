//! Chaos: runs the order path under faults, and in one story the whole shop, and checks invariants.

mod detection;
mod journey;
mod rollout;
mod shop;
mod shrink;
mod stories;
pub(crate) mod verdict;

use std::path::{Path, PathBuf};

use tidegate_local::engine::Injection;
use tidegate_local::fault::{FaultPlan, Journal};

use self::journey::{Findings, Input, journey};
use self::stories::ALL_FAULTS;
use crate::programs::directory;
use crate::world::sample;

/// Invoices of one full run.
const INVOICES: usize = 2000;
/// Invoices of the short run.
const FEW: usize = 150;
/// Seeds of a full run.
const SEEDS: &str = "1 2 3 4 5";

/// The faults of a plan, drawn with a seed.
fn drawn(plan: &Path, seed: u64) -> Injection {
    let plan = FaultPlan::read(plan).unwrap_or_else(|error| panic!("{error}"));
    Injection { plan: FaultPlan { seed, ..plan }, again: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_all_faults_together_every_read_model_is_right_and_every_mail_goes_out_once() {
    let input = Input::new(&ALL_FAULTS, sample(), FEW);
    let findings = journey(drawn(&ALL_FAULTS.plan(), 1), &input).await;
    println!("{}", findings.report());
    assert!(findings.injected.len() > 15, "too few kinds of faults: {:?}", findings.injected);
    assert!(findings.duplicates > 0, "nothing was delivered twice");
    assert_eq!(findings.differences, Vec::<String>::new());
}

/// Runs `make chaos`. `CHAOS_INPUT`, `CHAOS_INVOICES` and `CHAOS_SEEDS` override its input, number
/// of invoices and seeds.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a quarter of an hour: make chaos"]
async fn chaos() {
    run(Input::new(&ALL_FAULTS, input(), INVOICES), SEEDS).await;
}

/// Runs a story with each of its seeds. Keeps and reduces the faults of a run that made a
/// difference.
///
/// Environment variables override file, invoices and seeds.
async fn run(input: Input, seeds: &str) {
    let file = set("CHAOS_INPUT").map_or(input.file, PathBuf::from);
    let limit = set("CHAOS_INVOICES")
        .map_or(input.limit, |limit| limit.parse().expect("CHAOS_INVOICES is a number"));
    let seeds = set("CHAOS_SEEDS").unwrap_or_else(|| seeds.to_owned());
    let input = Input { file, limit, ..input };
    let name = input.story.name;
    let mut wrong = Vec::new();
    for seed in seeds.split_whitespace() {
        let seed: u64 = seed.parse().expect("CHAOS_SEEDS are numbers");
        println!("{name}, seed {seed}: {limit} invoices of {}", input.file.display());
        let findings = journey(drawn(&input.story.plan(), seed), &input).await;
        println!("{}", findings.report());
        let missing: Vec<_> = input
            .story
            .faults
            .iter()
            .filter(|fault| !findings.injected.contains_key(**fault))
            .collect();
        assert!(missing.is_empty(), "never injected: {missing:?}; {:?}", findings.injected);
        if !findings.differences.is_empty() {
            let kept = keep(&findings, name, seed);
            println!("its faults: {} (`tidegate local up --fault-journal`)", kept.display());
            let entries = Journal::read(&kept).unwrap_or_else(|error| panic!("{error}"));
            if set("CHAOS_SHRINK").as_deref() != Some("no") {
                shrink::shrink(&entries, &kept.with_extension("small.jsonl"), &input).await;
            }
            wrong.push(seed);
        }
    }
    assert!(wrong.is_empty(), "{name}: differences with the seeds {wrong:?}");
}

/// Value of an environment variable that is set and not empty.
fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The invoices of a real shop where `TIDEGATE_RETAIL` names their file, otherwise the sample.
fn input() -> PathBuf {
    std::env::var_os("TIDEGATE_RETAIL").map_or_else(sample, PathBuf::from)
}

/// Keeps a run's journal beside the build.
fn keep(findings: &Findings, story: &str, seed: u64) -> PathBuf {
    let kept = directory().join(format!("chaos-{}-{seed}.jsonl", story.replace(' ', "-")));
    std::fs::write(&kept, &findings.journal)
        .unwrap_or_else(|error| panic!("{}: {error}", kept.display()));
    kept
}

/// Injects the faults of a journal again.
fn again(journal: &Path) -> Injection {
    Injection { again: Some(journal.to_owned()), ..Injection::default() }
}
