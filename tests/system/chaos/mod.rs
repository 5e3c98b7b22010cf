//! Chaos: the whole system under all faults together, and what must be true of it all the same.

mod detection;
mod journey;
mod shrink;
pub(crate) mod verdict;

use std::path::{Path, PathBuf};

use tidegate_local::engine::Injection;
use tidegate_local::fault::{FaultPlan, Journal};

use self::journey::{Input, Outcome, journey};
use crate::programs::{directory, repository};
use crate::world::sample;

/// Invoices of one full run.
const INVOICES: usize = 2000;
/// Invoices of the short run.
const FEW: usize = 150;
/// Seeds of a full run.
const SEEDS: &str = "1 2 3 4 5";

fn plan(seed: u64) -> Injection {
    let plan =
        FaultPlan::read(&repository().join("tests/chaos.toml")).unwrap_or_else(|error| panic!("{error}"));
    Injection { plan: FaultPlan { seed, ..plan }, again: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_all_faults_together_every_read_model_is_right_and_every_mail_goes_out_once() {
    let input = Input { file: sample(), limit: FEW, functions: directory() };
    let outcome = journey(plan(1), &input).await;
    println!("{}", outcome.report());
    assert!(outcome.injected.len() > 15, "too few kinds of faults: {:?}", outcome.injected);
    assert!(outcome.duplicates > 0, "nothing was delivered twice");
    assert_eq!(outcome.differences, Vec::<String>::new());
}

/// `make chaos`. `CHAOS_INPUT`, `CHAOS_INVOICES` and `CHAOS_SEEDS` replace what it runs with.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a quarter of an hour: make chaos"]
async fn chaos() {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let file = set("CHAOS_INPUT").map_or_else(input, PathBuf::from);
    let limit =
        set("CHAOS_INVOICES").map_or(INVOICES, |limit| limit.parse().expect("CHAOS_INVOICES is a number"));
    let seeds = set("CHAOS_SEEDS").unwrap_or_else(|| SEEDS.to_owned());
    let input = Input { file, limit, functions: directory() };
    let mut wrong = Vec::new();
    for seed in seeds.split_whitespace() {
        let seed: u64 = seed.parse().expect("CHAOS_SEEDS are numbers");
        println!("seed {seed}: {limit} invoices of {}", input.file.display());
        let outcome = journey(plan(seed), &input).await;
        println!("{}", outcome.report());
        if !outcome.differences.is_empty() {
            let kept = keep(&outcome, seed);
            println!("its faults: {} (`tidegate local up --fault-journal`)", kept.display());
            let entries = Journal::read(&kept).unwrap_or_else(|error| panic!("{error}"));
            shrink::shrink(&entries, &kept.with_extension("small.jsonl"), &input).await;
            wrong.push(seed);
        }
    }
    assert!(wrong.is_empty(), "differences with the seeds {wrong:?}");
}

/// The invoices of a real shop where they are at hand, otherwise the sample.
fn input() -> PathBuf {
    let real = repository().join("../shared/data/online-retail.csv.gz");
    if real.is_file() { real } else { sample() }
}

/// Keeps a run's journal beside the build.
fn keep(outcome: &Outcome, seed: u64) -> PathBuf {
    let kept = directory().join(format!("chaos-{seed}.jsonl"));
    std::fs::write(&kept, &outcome.journal).unwrap_or_else(|error| panic!("{}: {error}", kept.display()));
    kept
}

/// Injects the faults of a journal again.
fn again(journal: &Path) -> Injection {
    Injection { again: Some(journal.to_owned()), ..Injection::default() }
}
