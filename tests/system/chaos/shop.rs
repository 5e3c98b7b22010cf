//! The story `shop`: all functions under all faults together, with a payment provider that forgets
//! to answer and is down for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tidegate_local::engine::Injection;

use super::stories::ALL_FAULTS;
use super::{FEW, drawn, set, verdict};
use crate::feed::{gather, put};
use crate::programs::{directory, shown};
use crate::shop::{Opening, Shop};
use crate::world::sample;

/// Invoices of a full run.
const INVOICES: usize = 600;
/// Seeds of a full run.
const SEEDS: &str = "1 2 3";
/// What the provider does wrong: it charges and drops the answer in one call of twenty, and
/// declines one payment of fifty.
const PROVIDER: &str = include_str!("../../chaos/provider.json");
/// Factor by which waits are shorter. An order may still wait for minutes for its payment.
const TIME_SCALE: f64 = 10.0;
/// Rounds in which letters and held effects are given back to their functions.
const ROUNDS: usize = 3;

/// What came of a run.
struct Findings {
    /// What is not as it must be; empty if all is well.
    differences: Vec<String>,
    /// Injected faults by kind.
    injected: BTreeMap<String, u64>,
    /// All injected faults.
    journal: Vec<u8>,
    /// What the provider did.
    provider: Value,
    /// The books, as `shop check` prints them.
    books: String,
}

/// Runs the whole shop once: it is fed with invoices, and the provider is down for the middle
/// third.
async fn run(injection: Injection, seed: u64, file: &Path, limit: usize) -> Findings {
    let opening = Opening {
        script: Some(PROVIDER),
        seed,
        faults: Some(injection),
        time_scale: Some(TIME_SCALE),
        ..Opening::default()
    };
    let shop = Shop::open_as(opening).await;
    let (fed, mut first) = gather(&shop.world, file, limit).await;
    let mut middle = first.split_off(first.len() / 3);
    let last = middle.split_off(middle.len() / 2);
    put(&shop.world, first).await;
    shop.until_paid().await;
    shop.provider.set_down(true).await;
    put(&shop.world, middle).await;
    shop.until_breaker("open").await;
    shop.provider.set_down(false).await;
    put(&shop.world, last).await;
    shop.world.settle().await;

    let mut differences = verdict::dead_letters(&shop.world, &fed).await;
    differences.extend(replayed(&shop).await);
    let checked = shop.check(file, limit).await;
    let books = shown(&checked);
    if !checked.status.success() {
        differences.push(format!("the books differ from the file:\n{books}"));
    }
    let provider = shop.provider.report().await;
    if provider["duplicate_charges"] != 0 {
        differences.push(format!("charged twice: {provider:#}"));
    }
    let status = shop.world.status().await;
    let journal = std::fs::read(shop.world.state.path().join("faults.jsonl")).unwrap_or_default();
    shop.close().await;
    Findings {
        differences,
        injected: serde_json::from_value(status["faults"]["injected"].clone()).unwrap_or_default(),
        journal,
        provider,
        books,
    }
}

/// Gives letters of asynchronous events back to their functions, and releases held e-mails. Returns
/// what is left.
///
/// An operator's replay gets no faults. The next firing of the sweep does the work of a lost one.
async fn replayed(shop: &Shop) -> Vec<String> {
    for _ in 0..ROUNDS {
        for arguments in
            [&["dlq", "--queue", "async-failures", "--yes"][..], &["effects", "release", "--all"]]
        {
            let output = shop.world.tidegate(arguments).await;
            println!("tidegate {}: {}", arguments.join(" "), shown(&output));
        }
        shop.world.settle().await;
    }
    let letters = shop.letters().await;
    let left = letters.iter().filter(|letter| letter["queue"] == "async-failures");
    let left: BTreeSet<String> = left.map(|letter| letter["body"].to_string()).collect();
    let held = shop.world.tidegate(&["effects", "ls", "--json"]).await;
    let held: Vec<Value> = serde_json::from_slice(&held.stdout).expect("held effects");
    let held = held.iter().map(|effect| format!("still held: {effect}"));
    left.into_iter()
        .map(|body| format!("a letter that no replay saves: {body}"))
        .chain(held)
        .collect()
}

impl Findings {
    fn report(&self) -> String {
        let count: u64 = self.injected.values().sum();
        let provider = ["calls", "charges", "dropped_answers", "look_ups", "duplicate_charges"];
        let provider = provider.map(|name| format!("{name} {}", self.provider[name]));
        let mut lines = vec![
            format!("  {count} faults of {} kinds", self.injected.len()),
            format!("  provider: {}", provider.join(", ")),
            self.books.clone(),
        ];
        match self.differences.as_slice() {
            [] => lines.push("  no difference".to_owned()),
            all => lines.extend(all.iter().map(|difference| format!("  DIFFERENCE: {difference}"))),
        }
        lines.join("\n")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_all_faults_no_penny_and_no_unit_of_the_shop_is_lost() {
    let findings = run(drawn(&ALL_FAULTS.plan(), 1), 1, &sample(), FEW).await;
    println!("{}", findings.report());
    assert!(findings.injected.len() > 15, "too few kinds of faults: {:?}", findings.injected);
    assert_ne!(findings.provider["dropped_answers"], 0, "the provider forgot no answer");
    assert_eq!(findings.differences, Vec::<String>::new());
}

/// Runs `make chaos ONLY=shop`. `CHAOS_INPUT`, `CHAOS_INVOICES` and `CHAOS_SEEDS` override its
/// input, number of invoices and seeds.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make chaos"]
async fn shop() {
    let file = set("CHAOS_INPUT").map_or_else(super::input, PathBuf::from);
    let limit = set("CHAOS_INVOICES")
        .map_or(INVOICES, |limit| limit.parse().expect("CHAOS_INVOICES is a number"));
    let seeds = set("CHAOS_SEEDS").unwrap_or_else(|| SEEDS.to_owned());
    let mut wrong = Vec::new();
    for seed in seeds.split_whitespace() {
        let seed: u64 = seed.parse().expect("CHAOS_SEEDS are numbers");
        println!("shop, seed {seed}: {limit} invoices of {}", file.display());
        let findings = run(drawn(&ALL_FAULTS.plan(), seed), seed, &file, limit).await;
        println!("{}", findings.report());
        assert!(findings.injected.len() > 15, "too few kinds of faults: {:?}", findings.injected);
        if !findings.differences.is_empty() {
            let kept = directory().join(format!("chaos-shop-{seed}.jsonl"));
            std::fs::write(&kept, &findings.journal).expect("a journal");
            println!("its faults: {} (`tidegate local up --fault-journal`)", kept.display());
            wrong.push(seed);
        }
    }
    assert!(wrong.is_empty(), "shop: differences with the seeds {wrong:?}");
}
