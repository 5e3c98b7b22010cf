//! Tests handlers whose dependencies are throttled.

use super::*;

/// A dependency that accepts `takes` calls at a time and throttles all others.
struct Dependency {
    takes: usize,
    at_work: Mutex<usize>,
    most: Mutex<Vec<usize>>,
}

impl Decode for Arc<Dependency> {
    type Record = ();

    fn decode(&self, _: &Delivery<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

impl Handler for Arc<Dependency> {
    async fn handle(&self, _: &(), _: &BatchContext) -> Result<Handled, Failure> {
        let now = {
            let mut at_work = self.at_work.lock().unwrap();
            *at_work += 1;
            *at_work
        };
        self.most.lock().unwrap().push(now);
        tokio::time::sleep(Duration::from_millis(10)).await;
        *self.at_work.lock().unwrap() -= 1;
        if now > self.takes {
            Err(Failure::transient(Failure::THROTTLED, "too many"))
        } else {
            Ok(Handled::Applied)
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_dependency_is_given_less_and_the_next_invocation_remembers() {
    let dependency =
        Arc::new(Dependency { takes: 5, at_work: Mutex::default(), most: Mutex::default() });
    let handler = EachRecord::new(Arc::clone(&dependency), 16);
    let runner =
        Runner::new(Source::Kinesis, handler, "probe", Arc::new(MemoryDeadLetters::default()));
    let lanes: Vec<String> = (0..100).map(|lane| lane.to_string()).collect();
    let records: Vec<(&str, &str)> = lanes.iter().map(|lane| (lane.as_str(), "")).collect();
    let event = event(Source::Kinesis, &records);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let remaining = Duration::from_secs(30);
        let report = runner
            .run(Invocation { event: &event, request_id: "r", remaining, replay: false })
            .await;
        let most = std::mem::take(&mut *dependency.most.lock().unwrap());
        seen.push((most.into_iter().max().unwrap(), report.counts.failed));
    }
    // 16 at a time: 11 are throttled. Then 8; from then on the number oscillates around 5: half of
    // 6 and up again.
    assert_eq!(seen[0].0, 16);
    assert!(seen[0].1 < 30, "{seen:?}");
    assert!(seen[1].0 <= 6 && seen[1].1 < 8, "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn lanes_that_are_at_work_give_way_when_fewer_may_run() {
    /// Throttles the first record of the first lane.
    struct Once(Mutex<Vec<(u64, usize)>>, Mutex<usize>, tokio::time::Instant);
    impl Decode for Arc<Once> {
        type Record = String;
        fn decode(&self, delivery: &Delivery<'_>) -> Result<String, Failure> {
            Ok(delivery.ordering_key.clone())
        }
    }

    impl Handler for Arc<Once> {
        async fn handle(&self, lane: &String, _: &BatchContext) -> Result<Handled, Failure> {
            let now = {
                let mut at_work = self.1.lock().unwrap();
                *at_work += 1;
                *at_work
            };
            self.0.lock().unwrap().push((self.2.elapsed().as_millis() as u64, now));
            tokio::time::sleep(Duration::from_millis(10)).await;
            *self.1.lock().unwrap() -= 1;
            if lane == "0" {
                Err(Failure::transient(Failure::THROTTLED, ""))
            } else {
                Ok(Handled::Applied)
            }
        }
    }
    let handler = Arc::new(Once(Mutex::default(), Mutex::default(), tokio::time::Instant::now()));
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner =
        Runner::new(Source::Kinesis, EachRecord::new(Arc::clone(&handler), 8), "probe", letters);
    let lanes: Vec<String> = (0..40).map(|number| (number % 8).to_string()).collect();
    let records: Vec<(&str, &str)> = lanes.iter().map(|lane| (lane.as_str(), "")).collect();
    let event = event(Source::Kinesis, &records);
    let remaining = Duration::from_secs(30);
    let report =
        runner.run(Invocation { event: &event, request_id: "r", remaining, replay: false }).await;
    assert_eq!(report.counts, Counts { applied: 35, failed: 1, not_run: 4, ..Counts::default() });
    let begun = handler.0.lock().unwrap();
    let most = |at: u64| {
        begun.iter().filter(|(begun, _)| *begun == at).map(|(_, now)| *now).max().unwrap()
    };
    assert_eq!([most(0), most(10), most(20), most(30)], [8, 4, 5, 6]);
}
