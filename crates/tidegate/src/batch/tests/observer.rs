//! Tests the observations that an observer receives.

use super::*;

/// Records its observations.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn observe(&self, seen: &Observation<'_>) {
        let took = seen.took.map(|took| took.as_secs());
        let (position, lane) = (&seen.delivery.position, seen.lane);
        let failure = seen.failure.map(|failure| failure.code().to_owned());
        self.0
            .lock()
            .unwrap()
            .push(format!("{position} in {lane}: {:?} {failure:?} {took:?}", seen.outcome));
        assert_ne!(seen.lane, "shy", "an observer that panics");
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_is_told_outcome_failure_and_time_of_every_delivery() {
    let notes = Arc::new(Notes::default());
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner =
        Runner::new(Source::Kinesis, EachRecord::new(Obedient::default(), 4), "probe", letters)
            .observe(Arc::<Notes>::clone(&notes));
    let event = event(
        Source::Kinesis,
        &[
            ("shy", "work"),
            ("b", "permanent"),
            ("c", "undecodable"),
            ("d", "hang"),
            ("d", "ok"),
            ("e", "ok"),
        ],
    );
    let remaining = Duration::from_secs(20);
    let report =
        runner.run(Invocation { event: &event, request_id: "r", remaining, replay: false }).await;
    assert_eq!(report.response.unwrap().items().collect::<Vec<_>>(), ["4"]);
    assert_eq!(
        *notes.0.lock().unwrap(),
        [
            "shard:1 in shy: Done(Applied) None Some(2)",
            "shard:2 in b: Done(DeadLettered) Some(\"never\") Some(0)",
            "shard:3 in c: Done(DeadLettered) Some(\"undecodable\") None",
            "shard:4 in d: Failed(transient (deadline): still running at the invocation's deadline) Some(\"deadline\") Some(19)",
            "shard:5 in d: NotRun(Blocked) None None",
            "shard:6 in e: Done(Applied) None Some(0)",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn records_that_a_handler_does_not_time_are_measured_as_a_batch() {
    struct Slow;
    impl Decode for Slow {
        type Record = ();
        fn decode(&self, _: &Delivery<'_>) -> Result<(), Failure> {
            Ok(())
        }
    }

    impl BatchHandler for Slow {
        async fn handle_batch(&self, items: &[Item<()>], _: &BatchContext) -> Vec<Outcome> {
            tokio::time::sleep(Duration::from_secs(3)).await;
            items.iter().map(|_| Outcome::Done(Handled::Applied)).collect()
        }
    }
    let notes = Arc::new(Notes::default());
    let runner =
        Runner::new(Source::Kinesis, Slow, "probe", Arc::new(MemoryDeadLetters::default()))
            .observe(Arc::<Notes>::clone(&notes));
    let event = event(Source::Kinesis, &[("a", "")]);
    let remaining = Duration::from_secs(20);
    runner.run(Invocation { event: &event, request_id: "r", remaining, replay: false }).await;
    assert_eq!(*notes.0.lock().unwrap(), ["shard:1 in a: Done(Applied) None Some(3)"]);
}
