//! Batches of commits, and how their deliveries end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use super::*;
use crate::envelope::Envelope;
use crate::failure::Class;
use crate::publish::publisher::{READS, REQUESTS};
use crate::test::{Call, Fault, Faults, Faulty, TargetAnswer};

/// Creates a publisher to a target of which requests fail as a whole by a plan.
fn faulty(target: &MemoryTarget, faults: &Faults) -> Publisher {
    let target = Faulty::new(shared(target.clone()), faults.clone());
    hasty(without_store().route(Events::all(), target))
}

fn now(publisher: &Publisher) -> usize {
    publisher.routes[0].sender.requests.now()
}

#[tokio::test]
async fn an_event_that_cannot_be_encoded_or_is_refused_does_not_keep_back_the_others_of_its_commit()
{
    let bus = bus().answering(|_, entry| match entry.id.as_str() {
        "refused" => TargetAnswer::Refused(refused().context("OrderPlaced refused")),
        _ => TargetAnswer::Taken,
    });
    let publisher = to(&bus);
    let items = [
        whole(&[("a", "1"), ("no json", "{"), ("b", "2"), ("refused", "3"), ("c", "4")]),
        whole(&[("d", "5")]),
    ];
    for _ in ["delivered", "replayed"] {
        let outcomes = run(&publisher, &items).await;
        let Outcome::Failed(failure) = &outcomes[0] else { panic!("{outcomes:?}") };
        assert_eq!(failure.class(), Class::Permanent);
        for reason in ["2 of 5 messages", "no json", "OrderPlaced refused", "MalformedDetail"] {
            assert!(failure.reason().contains(reason), "{reason}: {failure}");
        }
        assert_eq!(outcomes[1], APPLIED);
    }
    let once = ["a", "b", "refused", "c", "d"];
    assert_eq!(bus.requests(), [once, once]);
}

#[tokio::test]
async fn only_what_was_not_taken_is_sent_again_and_throttled_entries_halve_the_requests_at_a_time()
{
    let bus = bus().answering(|request, entry| match (request, entry.id.as_str()) {
        (1, "b") => TargetAnswer::Refused(throttled()),
        (1 | 2, "c") => TargetAnswer::Refused(down()),
        _ => TargetAnswer::Taken,
    });
    let publisher = to(&bus);
    let items = [whole(&[("a", "1"), ("b", "2")]), whole(&[("c", "3")])];
    assert_eq!(run(&publisher, &items).await, [APPLIED, APPLIED]);
    assert_eq!(bus.requests(), [vec!["a", "b", "c"], vec!["b", "c"], vec!["c"]]);
    // The concurrency was halved once, and two requests without a throttle make a round.
    assert_eq!(now(&publisher), REQUESTS / 2 + 1);
}

#[tokio::test]
async fn a_target_that_throttles_is_given_less_and_its_failure_is_called_throttled() {
    let each = bus().answering(|_, _| TargetAnswer::Refused(throttled()));
    let as_a_whole = Faults::none();
    as_a_whole.always(Call::Publish, Some(Fault::Throttled));
    for publisher in [to(&each), faulty(&bus(), &as_a_whole)] {
        let outcomes = run(&publisher, &[whole(&[("a", "1")])]).await;
        assert_eq!(outcomes[0].failure().unwrap().class(), Class::Transient);
        assert_eq!(code(&outcomes[0]), Failure::THROTTLED);
        assert_eq!(now(&publisher), 1);
    }
    assert_eq!(each.requests().len(), RETRY.attempts as usize);
    assert_eq!(as_a_whole.calls(Call::Publish), RETRY.attempts);
}

#[tokio::test]
async fn a_request_whose_answer_is_lost_is_sent_again_with_the_same_ids() {
    let (bus, faults) = (bus(), Faults::none().at(Call::Publish, 1, Fault::LostResponse));
    let outcomes = run(&faulty(&bus, &faults), &[whole(&[("a", "1"), ("b", "2")])]).await;
    assert_eq!(outcomes, [APPLIED]);
    assert_eq!(bus.requests(), [["a", "b"], ["a", "b"]]);
}

#[tokio::test]
async fn an_entry_for_which_a_whole_request_is_refused_keeps_no_other_back() {
    let target = shared(Picky(bus()));
    let publisher = hasty(without_store().route(Events::all(), Arc::clone(&target)));
    let items = [whole(&[("a", "1")]), whole(&[("bad", "2")]), whole(&[("b", "3")])];
    assert_eq!(codes(&run(&publisher, &items).await), ["done", "event_bus", "done"]);
    let taken: Vec<_> = target.0.taken().into_iter().map(|entry| entry.id).collect();
    assert_eq!(taken, ["a", "b"]);
}

/// A target that refuses a request in which an entry is bad, and does not say which.
struct Picky(MemoryTarget);

impl crate::publish::Target for Picky {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn limits(&self) -> crate::publish::Limits {
        crate::publish::Target::limits(&self.0)
    }

    fn size(&self, entry: &crate::publish::Entry) -> usize {
        self.0.size(entry)
    }

    fn send<'a>(
        &'a self,
        request: &'a [&'a crate::publish::Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Failure>>, crate::publish::RefusedRequest>> {
        if request.iter().any(|entry| entry.id == "bad") {
            let refused = crate::publish::RefusedRequest::by_entry(down());
            return std::future::ready(Err(refused)).boxed();
        }
        self.0.send(request)
    }
}

#[tokio::test]
async fn a_type_that_this_version_does_not_know_is_published_as_it_is() {
    let bus = bus();
    let mut newer = commit("order#1", 1, &[("a", r#"{"n":1.50}"#)]);
    newer.events[0].kind = "FromTheFuture".to_owned();
    newer.events[0].data_version = 9;
    let outcomes = run(&to(&bus), &[item(CommitChange::Commit(newer.clone()))]).await;
    assert_eq!(outcomes, [APPLIED]);
    let entry = bus.taken().remove(0);
    let sent = serde_json::to_value(Envelope::parse(entry.body.as_bytes()).unwrap()).unwrap();
    assert_eq!(sent, serde_json::to_value(newer.envelope(&newer.events[0]).unwrap()).unwrap());
    assert_eq!(sent["type"], "FromTheFuture");
    assert_eq!(sent["data"], serde_json::json!({"n": 1.5}));
}

#[tokio::test]
async fn commits_at_hand_are_published_before_split_ones_are_read() {
    let bus = bus();
    let (seen, at) = (bus.clone(), Arc::new(Mutex::new(Vec::new())));
    let reads = Arc::clone(&at);
    let publisher = publisher(move |_| {
        reads.lock().unwrap().push(seen.requests().len());
        std::future::ready(Ok(vec![commit("order#2", 1, &[("split", "1")])])).boxed()
    });
    let publisher = publisher.route(Events::all(), bus.clone());
    let items = [split("order#2", 1), whole(&[("whole", "2")]), item(CommitChange::Other)];
    assert_eq!(codes(&run(&publisher, &items).await), ["done", "done", "filtered"]);
    assert_eq!(bus.requests(), [["whole"], ["split"]]);
    assert_eq!(*at.lock().unwrap(), [1]);
}

#[tokio::test]
async fn what_the_store_holds_in_a_newer_form_comes_again() {
    let newer = || Failure::transient(Failure::NEWER, "format 2");
    let publisher = publisher(move |_| std::future::ready(Err(newer())).boxed());
    let publisher = publisher.route(Events::all(), bus());
    assert_eq!(run(&publisher, &[split("order#1", 1)]).await, [Outcome::Failed(newer())]);
    let unreadable =
        CommitChange::Newer { stream: "order#7".parse().unwrap(), version: Version::new(4) };
    let outcomes = run(&publisher, &[item(unreadable)]).await;
    let [Outcome::Failed(failure)] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    assert_eq!((failure.class(), failure.code()), (Class::Transient, Failure::NEWER));
}

#[tokio::test(start_paused = true)]
async fn entries_are_sent_again_after_growing_pauses_that_end_before_the_deadline() {
    let down = bus().answering(|_, _| TargetAnswer::Refused(down()));
    let publisher = without_store().route(Events::all(), down);
    let items = [whole(&[("a", "1")])];
    let begun = Instant::now();
    assert_eq!(code(&run(&publisher, &items).await[0]), "event_bus");
    let (took, most) = (begun.elapsed(), RETRY.pause * (1 + 2 + 4 + 8));
    assert!(took > RETRY.pause / 10 && took < most + RETRY.pause / 10, "{took:?}");
    let publisher = paced(publisher, Duration::from_secs(3600));
    let begun = Instant::now();
    let context = BatchContext::new(Duration::from_secs(5));
    assert_eq!(code(&publisher.handle_batch(&items, &context).await[0]), "event_bus");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_target_that_hangs_fails_what_was_sent_and_leaves_the_rest_not_run() {
    let hanging = Faults::none();
    hanging.always(Call::Publish, Some(Fault::Hangs { applied: false }));
    let publisher = faulty(&bus(), &hanging);
    let items: Vec<_> = (0..45).map(|number| whole(&[(&format!("e{number}"), "1")])).collect();
    let context = BatchContext::new(Duration::from_secs(30));
    let outcomes = publisher.handle_batch(&items, &context).await;
    let late = Instant::now().saturating_duration_since(context.deadline);
    assert!(Instant::now() >= context.deadline && late < Duration::from_millis(50), "{late:?}");
    let codes = codes(&outcomes);
    assert_eq!(codes[..40], ["deadline"; 40]);
    assert_eq!(codes[40..], ["not run"; 5]);
    let reason = outcomes[0].failure().unwrap().reason().to_owned();
    assert!(reason.starts_with("bus shop did not answer"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_fails_what_is_being_read_and_leaves_the_rest_not_run() {
    let publisher = publisher(|_| std::future::pending().boxed()).route(Events::all(), bus());
    let items: Vec<_> = (0..READS + 2).map(|number| split(&format!("order#{number}"), 1)).collect();
    let context = BatchContext::new(Duration::from_secs(30));
    let outcomes = publisher.handle_batch(&items, &context).await;
    assert!(Instant::now() < context.deadline + Duration::from_millis(50));
    let codes = codes(&outcomes);
    assert_eq!(codes[..READS], ["deadline"; READS]);
    assert_eq!(codes[READS..], ["not run"; 2]);
}

#[tokio::test(start_paused = true)]
async fn split_commits_are_read_several_at_a_time_and_fewer_when_the_store_throttles() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (at_work, seen) = (Arc::clone(&now), Arc::clone(&most));
    let publisher = publisher(move |_| {
        let at_work = Arc::clone(&at_work);
        seen.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            at_work.fetch_sub(1, Ordering::SeqCst);
            Err(throttled())
        }
        .boxed()
    });
    let items: Vec<_> = (0..10).map(|number| split(&format!("order#{number}"), 1)).collect();
    for expected in [READS, 1] {
        let outcomes = run(&publisher, &items).await;
        assert_eq!(codes(&outcomes), [Failure::THROTTLED; 10]);
        assert_eq!(most.swap(0, Ordering::SeqCst), expected);
    }
}
