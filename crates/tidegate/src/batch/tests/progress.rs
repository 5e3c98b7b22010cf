//! Tests aggregates that need more than one invocation.

use super::*;

/// Takes ten seconds for each record.
#[derive(Default)]
struct Slow {
    done: Mutex<Vec<String>>,
}

struct Shared(Arc<Slow>);

impl Decode for Shared {
    type Record = String;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<String, Failure> {
        Ok(String::from_utf8(delivery.bytes()?.to_vec())?)
    }
}

impl Handler for Shared {
    async fn handle(&self, record: &String, _: &BatchContext) -> Result<Handled, Failure> {
        tokio::time::sleep(Duration::from_secs(10)).await;
        self.0.done.lock().unwrap().push(record.clone());
        Ok(Handled::Applied)
    }
}

fn runner(slow: &Arc<Slow>) -> Runner<EachRecord<Shared>> {
    let letters = Arc::new(MemoryDeadLetters::default());
    Runner::new(Source::Kinesis, EachRecord::new(Shared(Arc::clone(slow)), 1), "probe", letters)
}

/// Creates an event of aggregates with these numbers of user records, each in one lane.
fn event(aggregates: &[usize]) -> Box<RawValue> {
    let record = |(number, count): (usize, &usize)| {
        let bodies: Vec<String> = (0..*count).map(|index| format!("{number}.{index}")).collect();
        let records: Vec<(u64, &[u8])> = bodies.iter().map(|body| (0, body.as_bytes())).collect();
        json!({
            "eventID": format!("shard:{number}"),
            "eventSourceARN": "arn:aws:kinesis:eu-west-1:1:stream/orders",
            "kinesis": {
                "sequenceNumber": number.to_string(), "partitionKey": "a",
                "data": STANDARD.encode(aggregated(&["k"], &records)),
            },
        })
    };
    let records: Vec<_> = aggregates.iter().enumerate().map(record).collect();
    RawValue::from_string(json!({ "Records": records }).to_string()).unwrap()
}

async fn invoke(runner: &Runner<EachRecord<Shared>>, event: &RawValue) -> (Vec<String>, Counts) {
    // Enough for two records of ten seconds each.
    let remaining = Duration::from_secs(26);
    let report = runner.run(Invocation { event, request_id: "r", remaining, replay: false }).await;
    (report.response.unwrap().items().map(str::to_owned).collect(), report.counts)
}

#[tokio::test(start_paused = true)]
async fn an_aggregate_that_needs_several_invocations_is_finished_in_one_environment() {
    let slow = Arc::new(Slow::default());
    let (runner, event) = (runner(&slow), event(&[5]));
    let (mut ends, mut duplicates) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (reported, counts) = invoke(&runner, &event).await;
        ends.push(reported.len());
        duplicates.push(counts.duplicate);
    }
    assert_eq!((ends, duplicates), (vec![1, 1, 0], vec![0, 2, 4]));
    assert_eq!(*slow.done.lock().unwrap(), ["0.0", "0.1", "0.2", "0.3", "0.4"]);
    // A finished aggregate is forgotten. If it comes once more, its causes show that it is done.
    let (reported, counts) = invoke(&runner, &event).await;
    assert_eq!((reported.len(), counts.duplicate), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn of_more_aggregates_than_are_remembered_the_first_goes_on() {
    let slow = Arc::new(Slow::default());
    let (runner, event) = (runner(&slow), event(&[3; 40]));
    let mut invocations = 0;
    let mut first = 0;
    // Kinesis delivers from the lowest failed record on.
    while first < 40 && invocations < 100 {
        let whole: serde_json::Value = serde_json::from_str(event.get()).unwrap();
        let rest = json!({ "Records": whole["Records"].as_array().unwrap()[first..] }).to_string();
        let (reported, _) = invoke(&runner, &RawValue::from_string(rest).unwrap()).await;
        first = reported.first().map_or(40, |lowest| lowest.parse().unwrap());
        invocations += 1;
    }
    assert_eq!(invocations, 60, "120 records, two at a time");
    assert_eq!(slow.done.lock().unwrap().len(), 120);
}

#[tokio::test(start_paused = true)]
async fn another_stream_and_a_replay_know_nothing_of_it() {
    let slow = Arc::new(Slow::default());
    let (runner, event) = (runner(&slow), event(&[3]));
    invoke(&runner, &event).await;
    let other = event.get().replace("stream/orders", "stream/others");
    let (_, counts) = invoke(&runner, &RawValue::from_string(other).unwrap()).await;
    assert_eq!((counts.applied, counts.duplicate), (2, 0));
    let remaining = Duration::from_secs(60);
    let replay = Invocation { event: &event, request_id: "r", remaining, replay: true };
    assert_eq!(runner.run(replay).await.counts.applied, 3);
}
