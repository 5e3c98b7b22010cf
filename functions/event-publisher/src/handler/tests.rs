//! Tests of publishing, against a server that plays EventBridge by a script.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::retry::RetryConfig;
use aws_sdk_eventbridge::config::{BehaviorVersion, Config, Credentials, Region};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::future::{BoxFuture, FutureExt};
use serde_json::{Value, json};
use tidegate::envelope::Envelope;

use super::*;
use crate::entry::tests::commit as one_event;

const LIMIT: usize = 100_000;

/// The response of the bus to a request, given the request's number from 0 and the ids of its
/// events.
type Script = Box<dyn Fn(usize, &[String]) -> Response + Send + Sync>;

/// A server that plays EventBridge by a script and records its requests.
struct Bus {
    script: Script,
    requests: Mutex<Vec<Vec<Envelope>>>,
}

impl Bus {
    async fn answering(
        script: impl Fn(usize, &[String]) -> Response + Send + Sync + 'static,
    ) -> (Arc<Self>, EventBus) {
        let bus = Arc::new(Self { script: Box::new(script), requests: Mutex::default() });
        let served = Arc::clone(&bus);
        let answer = move |body: String| async move {
            let request: Value = serde_json::from_str(&body).unwrap();
            let envelopes: Vec<Envelope> = request["Entries"]
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| Envelope::parse(entry["Detail"].as_str().unwrap().as_bytes()).unwrap())
                .collect();
            let ids: Vec<String> = envelopes.iter().map(|envelope| envelope.id.clone()).collect();
            let mut requests = served.requests.lock().unwrap();
            requests.push(envelopes);
            (served.script)(requests.len() - 1, &ids)
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(
            async move { axum::serve(listener, axum::Router::new().fallback(answer)).await },
        );
        (bus, event_bus(&address))
    }

    /// Returns the ids that were sent, request by request.
    fn ids(&self) -> Vec<Vec<String>> {
        let requests = self.requests.lock().unwrap();
        let ids =
            |request: &Vec<Envelope>| request.iter().map(|envelope| envelope.id.clone()).collect();
        requests.iter().map(ids).collect()
    }
}

fn event_bus(address: &std::net::SocketAddr) -> EventBus {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .endpoint_url(format!("http://{address}"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .build();
    EventBus::new(Client::from_conf(config), "shop".to_owned())
}

/// Returns a bus without a server: connections are refused at once.
async fn nobody() -> EventBus {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    event_bus(&listener.local_addr().unwrap())
}

/// Creates a response with status 200, and with an error code for each entry that is not accepted.
fn results<'a>(codes: impl IntoIterator<Item = Option<&'a str>>) -> Response {
    let entries: Vec<Value> = codes
        .into_iter()
        .map(|code| match code {
            Some(code) => json!({"ErrorCode": code, "ErrorMessage": "not now"}),
            None => json!({"EventId": "1"}),
        })
        .collect();
    let failed = entries.iter().filter(|entry| entry["EventId"].is_null()).count();
    Json(json!({"FailedEntryCount": failed, "Entries": entries})).into_response()
}

fn taken(ids: &[String]) -> Response {
    results(ids.iter().map(|_| None))
}

fn refused(code: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"__type": code, "message": "no"}))).into_response()
}

/// Creates commits, each of its own stream, with these events: id and data.
fn commit(events: &[(&str, &str)]) -> RecordedCommit {
    let mut commit = one_event("{}");
    let first = commit.events.remove(0);
    commit.events = events
        .iter()
        .enumerate()
        .map(|(index, (id, data))| {
            let mut event = first.clone();
            event.id = (*id).to_owned();
            event.version = Version::NONE.plus(index + 1);
            event.data = (*data).to_owned();
            event
        })
        .collect();
    commit
}

fn item(record: CommitChange) -> Item<CommitChange> {
    Item::new("lane", record)
}

fn whole(events: &[(&str, &str)]) -> Item<CommitChange> {
    item(CommitChange::Commit(commit(events)))
}

fn split(number: usize) -> Item<CommitChange> {
    let stream = format!("order#{number}").parse().unwrap();
    let (version, last_version) = (Version::new(1), Version::new(1));
    item(CommitChange::Split { stream, version, last_version, last_event_id: "e1".to_owned() })
}

/// An event store that returns the same commit for each read.
struct Store<F>(F);

impl<F: Fn() -> BoxFuture<'static, Result<Vec<RecordedCommit>, Failure>> + Send + Sync> EventReader
    for Store<F>
{
    fn read<'a>(
        &'a self,
        _: &'a StreamId,
        _: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        (self.0)()
    }
}

fn publisher(
    bus: EventBus,
    store: impl Fn() -> BoxFuture<'static, Result<Vec<RecordedCommit>, Failure>> + Send + Sync + 'static,
) -> Publisher {
    let retry = Retry { pause: Duration::from_millis(1), ..RETRY };
    Publisher { retry, ..Publisher::new(bus, LIMIT, Arc::new(Store(store))) }
}

/// Creates a publisher that never reads from the store.
fn without_store(bus: EventBus) -> Publisher {
    publisher(bus, || std::future::ready(Err(Failure::permanent("read", ""))).boxed())
}

async fn run(publisher: &Publisher, items: &[Item<CommitChange>]) -> Vec<Outcome> {
    publisher.handle_batch(items, &BatchContext::new(Duration::from_secs(60))).await
}

fn code(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Failed(failure) => failure.code(),
        Outcome::NotRun(NotRun::OutOfTime) => "not run",
        Outcome::Done(_) => "done",
        outcome => panic!("{outcome:?}"),
    }
}

const APPLIED: Outcome = Outcome::Done(Handled::Applied);

#[tokio::test]
async fn an_event_that_cannot_be_encoded_or_is_refused_does_not_keep_back_the_others_of_its_commit()
{
    let (bus, client) = Bus::answering(|_, ids| {
        results(ids.iter().map(|id| (id == "refused").then_some("MalformedDetail")))
    })
    .await;
    let publisher = without_store(client);
    let items = [
        whole(&[("a", "1"), ("no json", "{"), ("b", "2"), ("refused", "3"), ("c", "4")]),
        whole(&[("d", "5")]),
    ];
    for _ in ["delivered", "replayed"] {
        let outcomes = run(&publisher, &items).await;
        let Outcome::Failed(failure) = &outcomes[0] else { panic!("{outcomes:?}") };
        assert_eq!(failure.class(), Class::Permanent);
        for reason in ["2 of 5 events", "no json", "OrderPlaced refused", "MalformedDetail"] {
            assert!(failure.reason().contains(reason), "{reason}: {failure}");
        }
        assert_eq!(outcomes[1], APPLIED);
    }
    let once = ["a", "b", "refused", "c", "d"];
    assert_eq!(bus.ids(), [once, once]);
}

#[tokio::test]
async fn only_what_was_not_taken_is_sent_again_and_throttled_entries_halve_the_requests_at_a_time()
{
    let (bus, client) = Bus::answering(|number, ids| {
        results(ids.iter().map(|id| match (number, id.as_str()) {
            (0, "b") => Some("ThrottlingException"),
            (0 | 1, "c") => Some("InternalFailure"),
            _ => None,
        }))
    })
    .await;
    let publisher = without_store(client);
    let items = [whole(&[("a", "1"), ("b", "2")]), whole(&[("c", "3")])];
    assert_eq!(run(&publisher, &items).await, [APPLIED, APPLIED]);
    assert_eq!(bus.ids(), [vec!["a", "b", "c"], vec!["b", "c"], vec!["c"]]);
    // The concurrency was halved once, and two requests without a throttle make a round.
    assert_eq!(publisher.requests.now(), REQUESTS / 2 + 1);
}

#[tokio::test]
async fn a_bus_that_throttles_is_given_less_and_its_failure_is_called_throttled() {
    for throttled in [
        |_: &[String]| refused("ThrottlingException"),
        |ids: &[String]| results(ids.iter().map(|_| Some("ThrottlingException"))),
    ] {
        let (bus, client) = Bus::answering(move |_, ids| throttled(ids)).await;
        let publisher = without_store(client);
        let outcomes = run(&publisher, &[whole(&[("a", "1")])]).await;
        assert_eq!(outcomes[0].failure().unwrap().class(), Class::Transient);
        assert_eq!(code(&outcomes[0]), Failure::THROTTLED);
        assert_eq!(bus.ids().len(), RETRY.attempts as usize);
        assert_eq!(publisher.requests.now(), 1);
    }
}

#[tokio::test]
async fn an_entry_for_which_a_whole_request_is_refused_keeps_no_other_back() {
    let (bus, client) = Bus::answering(|_, ids| match ids.iter().any(|id| id == "bad") {
        true => refused("ValidationException"),
        false => taken(ids),
    })
    .await;
    let publisher = without_store(client);
    let items = [whole(&[("a", "1")]), whole(&[("bad", "2")]), whole(&[("b", "3")])];
    let outcomes = run(&publisher, &items).await;
    assert_eq!(outcomes.iter().map(code).collect::<Vec<_>>(), ["done", "event_bus", "done"]);
    assert_eq!(bus.ids()[0], ["a", "bad", "b"]);
}

#[tokio::test]
async fn a_type_that_this_version_does_not_know_is_published_as_it_is() {
    let (bus, client) = Bus::answering(|_, ids| taken(ids)).await;
    let mut newer = commit(&[("a", r#"{"n":1.50}"#)]);
    newer.events[0].kind = "FromTheFuture".to_owned();
    newer.events[0].data_version = 9;
    let outcomes = run(&without_store(client), &[item(CommitChange::Commit(newer.clone()))]).await;
    assert_eq!(outcomes, [APPLIED]);
    let requests = bus.requests.lock().unwrap();
    let sent = serde_json::to_value(&requests[0][0]).unwrap();
    assert_eq!(sent, serde_json::to_value(newer.envelope(&newer.events[0]).unwrap()).unwrap());
    assert_eq!((&sent["type"], &sent["data"]), (&json!("FromTheFuture"), &json!({"n": 1.5})));
}

#[tokio::test]
async fn commits_at_hand_are_published_before_split_ones_are_read() {
    let (bus, client) = Bus::answering(|_, ids| taken(ids)).await;
    let (seen, at) = (Arc::clone(&bus), Arc::new(Mutex::new(Vec::new())));
    let reads = Arc::clone(&at);
    let publisher = publisher(client, move || {
        reads.lock().unwrap().push(seen.ids().len());
        std::future::ready(Ok(vec![commit(&[("split", "1")])])).boxed()
    });
    let outcomes =
        run(&publisher, &[split(1), whole(&[("whole", "2")]), item(CommitChange::Other)]).await;
    assert_eq!(outcomes, [APPLIED, APPLIED, Outcome::Done(Handled::Filtered)]);
    assert_eq!(bus.ids(), [["whole"], ["split"]]);
    assert_eq!(*at.lock().unwrap(), [1]);
}

#[tokio::test]
async fn what_the_store_holds_in_a_newer_form_comes_again() {
    let newer = || Failure::transient(Failure::NEWER, "format 2");
    let publisher = publisher(nobody().await, move || std::future::ready(Err(newer())).boxed());
    assert_eq!(run(&publisher, &[split(1)]).await, [Outcome::Failed(newer())]);
    let unreadable =
        CommitChange::Newer { stream: "order#7".parse().unwrap(), version: Version::new(4) };
    let outcomes = run(&publisher, &[item(unreadable)]).await;
    let [Outcome::Failed(failure)] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    assert_eq!((failure.class(), failure.code()), (Class::Transient, Failure::NEWER));
}

#[tokio::test(start_paused = true)]
async fn entries_are_sent_again_after_growing_pauses_that_end_before_the_deadline() {
    let mut publisher = without_store(nobody().await);
    publisher.retry = RETRY;
    let items = [whole(&[("a", "1")])];
    let begun = Instant::now();
    assert_eq!(code(&run(&publisher, &items).await[0]), "event_bus");
    let (took, most) = (begun.elapsed(), RETRY.pause * (1 + 2 + 4 + 8));
    assert!(took > RETRY.pause / 10 && took < most, "{took:?}");
    publisher.retry.pause = Duration::from_secs(3600);
    let begun = Instant::now();
    let context = BatchContext::new(Duration::from_secs(5));
    assert_eq!(code(&publisher.handle_batch(&items, &context).await[0]), "event_bus");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_hangs_fails_what_was_sent_and_leaves_the_rest_not_run() {
    // The server accepts the connection and never responds.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let publisher = without_store(event_bus(&listener.local_addr().unwrap()));
    let items: Vec<_> = (0..45).map(|number| whole(&[(&format!("e{number}"), "1")])).collect();
    let context = BatchContext::new(Duration::from_secs(30));
    let outcomes = publisher.handle_batch(&items, &context).await;
    assert!(
        Instant::now() >= context.deadline
            && Instant::now() < context.deadline + Duration::from_millis(50)
    );
    let codes: Vec<_> = outcomes.iter().map(code).collect();
    assert_eq!(codes[..40], ["deadline"; 40]);
    assert_eq!(codes[40..], ["not run"; 5]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_fails_what_is_being_read_and_leaves_the_rest_not_run() {
    let publisher = publisher(nobody().await, || std::future::pending().boxed());
    let items: Vec<_> = (0..READS + 2).map(split).collect();
    let context = BatchContext::new(Duration::from_secs(30));
    let outcomes = publisher.handle_batch(&items, &context).await;
    assert!(Instant::now() < context.deadline + Duration::from_millis(50));
    let codes: Vec<_> = outcomes.iter().map(code).collect();
    assert_eq!(codes[..READS], ["deadline"; READS]);
    assert_eq!(codes[READS..], ["not run"; 2]);
}

#[tokio::test(start_paused = true)]
async fn split_commits_are_read_several_at_a_time_and_fewer_when_the_store_throttles() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (at_work, seen) = (Arc::clone(&now), Arc::clone(&most));
    let publisher = publisher(nobody().await, move || {
        let at_work = Arc::clone(&at_work);
        seen.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            at_work.fetch_sub(1, Ordering::SeqCst);
            Err(Failure::transient(Failure::THROTTLED, "slow down"))
        }
        .boxed()
    });
    let items: Vec<_> = (0..10).map(split).collect();
    for expected in [READS, 1] {
        let outcomes = run(&publisher, &items).await;
        assert!(outcomes.iter().all(|outcome| code(outcome) == Failure::THROTTLED), "{outcomes:?}");
        assert_eq!(most.swap(0, Ordering::SeqCst), expected);
    }
}
