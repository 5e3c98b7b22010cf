//! The order of a stream at a target that keeps it, whatever fails.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::publish::Limits;
use crate::test::{Call, Fault, Faults, Faulty, SentEntry, TargetAnswer};

/// Events of the streams, in the order of the commits: stream, version, id.
type Plan = Vec<(usize, u64, String)>;

/// Creates commits with these streams and numbers of events.
fn commits(shape: &[(usize, usize)]) -> (Vec<RecordedCommit>, Plan) {
    let (mut versions, mut plan) = (HashMap::new(), Vec::new());
    let commits = shape.iter().map(|(stream, count)| {
        let next: &mut u64 = versions.entry(*stream).or_insert(1);
        let ids: Vec<_> = (0..*count as u64).map(|at| format!("{stream}/{}", *next + at)).collect();
        let events: Vec<_> = ids.iter().map(|id| (id.as_str(), "{}")).collect();
        let commit = commit(&format!("order#{stream}"), *next, &events);
        plan.extend(ids.into_iter().zip(*next..).map(|(id, version)| (*stream, version, id)));
        *next += *count as u64;
        commit
    });
    (commits.collect(), plan)
}

/// Draws what a target does with an entry: it fails a share of them in any combination.
fn drawn(seed: u64, number: u64, share: u64) -> TargetAnswer {
    // A step of SplitMix64.
    let mut bits = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits ^= bits >> 27;
    match bits % 100 {
        drawn if drawn >= share => TargetAnswer::Taken,
        drawn if drawn % 3 == 0 => TargetAnswer::Lost(down()),
        drawn if drawn % 3 == 1 => TargetAnswer::Refused(throttled()),
        _ => TargetAnswer::Refused(down()),
    }
}

/// Checks that no request has two entries of a stream, and that every entry was sent only after the
/// one before it was confirmed.
fn check_sending(sent: &[SentEntry], plan: &Plan) -> Result<(), TestCaseError> {
    let place = |id: &str| {
        let (stream, version, _) = plan.iter().find(|(.., planned)| planned == id).unwrap();
        (*stream, *version)
    };
    let (mut confirmed, mut in_request) = (HashSet::new(), HashSet::new());
    for sent in sent {
        let (stream, version) = place(&sent.entry.id);
        prop_assert!(in_request.insert((sent.request, stream)), "two of a stream: {:?}", sent);
        let before = version == 1 || confirmed.contains(&(stream, version - 1));
        prop_assert!(before, "{} before the one in front of it was confirmed", sent.entry.id);
        if sent.answer == TargetAnswer::Taken {
            confirmed.insert((stream, version));
        }
    }
    Ok(())
}

/// Checks that a reader that skips what it has seen gets each event of a stream, in order.
fn check_taken(target: &MemoryTarget, plan: &Plan) -> Result<(), TestCaseError> {
    let mut seen = HashSet::new();
    let taken = target.taken().into_iter().map(|entry| entry.id);
    let read: Vec<_> = taken.filter(|id| seen.insert(id.clone())).collect();
    for stream in 0..8 {
        let of = |id: &&String| id.starts_with(&format!("{stream}/"));
        let planned: Vec<_> = plan.iter().map(|(.., id)| id).filter(of).collect();
        prop_assert_eq!(read.iter().filter(of).collect::<Vec<_>>(), planned);
    }
    Ok(())
}

/// Delivers commits as a stream mapping does: again from the lowest that failed, until none does.
/// `split` says which of them must be read from the store.
async fn deliver(publisher: &Publisher, commits: &[RecordedCommit], split: &[bool]) {
    let (mut from, mut invocations) = (0, 0);
    while from < commits.len() {
        invocations += 1;
        assert!(invocations < 1000, "it does not come to an end");
        let commits_left = commits.iter().zip(split.iter().cycle()).skip(from);
        let items: Vec<_> = commits_left
            .map(|(commit, is_split)| match is_split {
                true => super::split(commit.stream.as_str(), commit.first_version().number()),
                false => item(CommitChange::Commit(commit.clone())),
            })
            .collect();
        let outcomes = run(publisher, &items).await;
        let failed = outcomes.iter().position(|outcome| outcome.failure().is_some());
        from = failed.map_or(commits.len(), |failed| from + failed);
    }
}

/// Creates a publisher that reads commits from these, and whose reads fail now and then.
fn reading(commits: &[RecordedCommit], seed: u64, share: u64) -> Publisher {
    let (commits, reads) = (commits.to_vec(), AtomicU64::new(0));
    publisher(move |stream| {
        let of = |commit: &&RecordedCommit| commit.stream == *stream;
        let read = match drawn(!seed, reads.fetch_add(1, Ordering::SeqCst), share / 2) {
            TargetAnswer::Taken => Ok(commits.iter().filter(of).cloned().collect()),
            _ => Err(throttled()),
        };
        std::future::ready(read).boxed()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn a_target_that_keeps_the_order_gets_each_stream_in_order_whatever_fails(
        shape in prop::collection::vec((0..8_usize, 1..4_usize), 1..24),
        seed in any::<u64>(),
        share in 0..80_u64,
        most in 1..12_usize,
        whole in 0..3_u32,
        split in prop::collection::vec(prop::bool::weighted(0.3), 24),
    ) {
        let (commits, plan) = commits(&shape);
        let sendings = AtomicU64::new(0);
        let target = MemoryTarget::new("stream").ordered();
        let target = target.limits(Limits::new(most, 2_000, 1_000)).answering(move |_, _| {
            drawn(seed, sendings.fetch_add(1, Ordering::SeqCst), share)
        });
        // Some requests fail as a whole, one of them after it was applied.
        let faults = Faults::none();
        for request in 1..=whole {
            let fault = if request == 2 { Fault::LostResponse } else { Fault::Throttled };
            faults.at(Call::Publish, request * 2, fault);
        }
        let faulty = Faulty::new(shared(target.clone()), faults);
        let publisher = reading(&commits, seed, share).route(Events::all(), faulty);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(deliver(&publisher, &commits, &split));
        check_sending(&target.sent(), &plan)?;
        check_taken(&target, &plan)?;
    }
}

#[tokio::test]
async fn what_waits_for_an_earlier_event_is_blocked_and_other_streams_go_on() {
    let stream =
        MemoryTarget::new("stream").ordered().answering(|_, entry| match entry.id.as_str() {
            "a1" => TargetAnswer::Refused(down()),
            _ => TargetAnswer::Taken,
        });
    let of = |stream: &str, version, id| {
        item(CommitChange::Commit(commit(stream, version, &[(id, "1")])))
    };
    let items = [of("a#1", 1, "a1"), of("b#1", 1, "b1"), of("a#1", 2, "a2"), of("b#1", 2, "b2")];
    let outcomes = run(&to(&stream), &items).await;
    assert_eq!(codes(&outcomes), ["event_bus", "done", "blocked", "done"]);
    let taken: Vec<_> = stream.taken().into_iter().map(|entry| entry.id).collect();
    assert_eq!(taken, ["b1", "b2"]);
}

#[tokio::test]
async fn what_will_never_be_taken_lets_the_later_events_pass() {
    let stream =
        MemoryTarget::new("stream").ordered().answering(|_, entry| match entry.id.as_str() {
            "a1" => TargetAnswer::Refused(refused()),
            _ => TargetAnswer::Taken,
        });
    let outcomes = run(&to(&stream), &[whole(&[("a1", "1")]), whole(&[("a2", "2")])]).await;
    assert_eq!(codes(&outcomes), ["event_refused", "done"]);
}

#[tokio::test]
async fn a_commit_behind_one_that_must_be_read_waits_for_it() {
    let stream = MemoryTarget::new("stream").ordered();
    let store =
        |_: &StreamId| std::future::ready(Ok(vec![commit("a#1", 1, &[("a1", "1")])])).boxed();
    let publisher = publisher(store).route(Events::all(), stream.clone());
    let later = || item(CommitChange::Commit(commit("a#1", 2, &[("a2", "2")])));
    assert_eq!(run(&publisher, &[split("a#1", 1), later()]).await, [APPLIED, APPLIED]);
    assert_eq!(stream.requests(), [["a1"], ["a2"]]);
    // If it cannot be read, nothing behind it is sent.
    let publisher = without_reads().route(Events::all(), stream.clone());
    let outcomes = run(&publisher, &[split("a#1", 1), later()]).await;
    assert_eq!(codes(&outcomes), [Failure::THROTTLED, "blocked"]);
    let version = Version::new(1);
    let newer = item(CommitChange::Newer { stream: "a#1".parse().unwrap(), version });
    let outcomes = run(&publisher, &[newer, later()]).await;
    assert_eq!(codes(&outcomes), [Failure::NEWER, "blocked"]);
    assert_eq!(stream.requests().len(), 2, "nothing was sent");
}

#[tokio::test]
async fn a_commit_that_must_be_read_waits_for_one_before_it_that_was_not_taken() {
    let stream =
        MemoryTarget::new("stream").ordered().answering(|_, entry| match entry.id.as_str() {
            "a1" => TargetAnswer::Refused(down()),
            _ => TargetAnswer::Taken,
        });
    let store =
        |_: &StreamId| std::future::ready(Ok(vec![commit("a#1", 2, &[("a2", "2")])])).boxed();
    let publisher = hasty(publisher(store).route(Events::all(), stream.clone()));
    let first = item(CommitChange::Commit(commit("a#1", 1, &[("a1", "1")])));
    let outcomes = run(&publisher, &[first, split("a#1", 2)]).await;
    assert_eq!(codes(&outcomes), ["event_bus", "blocked"]);
    assert!(stream.taken().is_empty());
}

fn without_reads() -> Publisher {
    publisher(|_| std::future::ready(Err(throttled())).boxed())
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_must_wait_keeps_no_other_stream_back() {
    let begun = tokio::time::Instant::now();
    let stream = MemoryTarget::new("stream").ordered().answering(move |_, entry| {
        // The first event is refused for 50 ms; all of the other stream's are taken meanwhile.
        match entry.id.as_str() {
            "a1" if begun.elapsed() < Duration::from_millis(50) => TargetAnswer::Refused(down()),
            _ => TargetAnswer::Taken,
        }
    });
    let of = |stream: &str, version, id: &str| {
        item(CommitChange::Commit(commit(stream, version, &[(id, "1")])))
    };
    let mut items = vec![of("a#1", 1, "a1")];
    items.extend((1..=20).map(|version| of("b#1", version, &format!("b{version}"))));
    let publisher = without_store().route(Events::all(), stream.clone());
    let _ = run(&publisher, &items).await;
    let sent = stream.sent();
    let a1 = |sent: &&SentEntry| sent.entry.id == "a1";
    let second = sent.iter().filter(a1).nth(1).map_or(usize::MAX, |sent| sent.request);
    let last = sent.iter().find(|sent| sent.entry.id == "b20").unwrap().request;
    assert!(last < second, "b20 in request {last}, a1 again in {second}");
}
