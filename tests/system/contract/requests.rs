//! Idempotency keys of requests, on the stores in memory and on those in DynamoDB.
//!
//! The toolkit's adapter is driven with an API that has both ways: a command whose commit is the
//! deduplication, and an effect with an idempotency record.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tidegate::idempotency::{AfterCrash, DynamoDbIdempotency, Effects, IdempotencyStore};
use tidegate::ids::StreamId;
use tidegate::message::Message;
use tidegate::request::{Answer, Api, Call, Problem, Route};
use tidegate::store::{Aggregate, Decision, DynamoDbEventStore, EventStore, Retry, execute, load};
use tidegate::test::{
    ApiClient, Call as Port, Fault, Faults, Faulty, HttpEvent, MemoryEventStore, MemoryIdempotency,
};
use tokio::sync::Notify;
use uuid::Uuid;

use super::Tables;

const MONTH: Duration = Duration::from_secs(31 * 24 * 3600);

#[derive(Clone, Serialize, Deserialize, Message)]
struct Count {
    by: u32,
}
#[derive(Clone, Serialize, Deserialize, Message)]
struct Counted {
    by: u32,
}

tidegate::messages! { enum Command { Count } }
tidegate::messages! { enum Event { Counted } }

#[derive(Default)]
struct Counter {
    sum: u32,
}

impl Aggregate for Counter {
    type Command = Command;
    type Event = Event;
    const SOURCE: &'static str = "test.counters";

    fn creates(_: &Command) -> bool {
        true
    }

    fn apply(&mut self, Event::Counted(counted): &Event) {
        self.sum += counted.by;
    }

    fn decide(&self, Command::Count(count): &Command) -> Decision<Event> {
        Decision::one(Counted { by: count.by })
    }
}

struct State {
    counters: Arc<dyn EventStore>,
    effects: AtomicU32,
    begun: Notify,
    go_on: Notify,
}

#[derive(Deserialize)]
struct InPath {
    counter: String,
}

async fn count(state: Arc<State>, call: Call<Count, InPath>) -> Result<Answer, Problem> {
    let command = Command::from(call.body);
    let (stream, origin) =
        (StreamId::new("counter", &call.path.counter)?, call.request.origin(&command)?);
    let executed =
        execute::<Counter>(&*state.counters, &stream, &command, &origin, Retry::default()).await?;
    let counted: Vec<u32> =
        executed.events().iter().map(|Event::Counted(counted)| counted.by).collect();
    Answer::ok(&json!({ "version": executed.version, "counted": counted }))
}

#[derive(Deserialize)]
struct Run {
    waits: bool,
}

async fn run(state: Arc<State>, call: Call<Run>) -> Result<Answer, Problem> {
    let number = state.effects.fetch_add(1, Ordering::SeqCst) + 1;
    if call.body.waits {
        state.begun.notify_one();
        state.go_on.notified().await;
    }
    Answer::created(&format!("/effects/{number}"), &json!({ "number": number }))
}

/// The stores of one backend, and an API over them with faults.
struct World {
    state: Arc<State>,
    client: ApiClient<State>,
    counter: String,
}

impl World {
    fn new(
        (counters, records): &(Arc<dyn EventStore>, Arc<dyn IdempotencyStore>),
        faults: &Faults,
        after_crash: AfterCrash,
    ) -> Self {
        let state = Arc::new(State {
            counters: Arc::new(Faulty::new(Arc::clone(counters), faults.clone())),
            effects: AtomicU32::new(0),
            begun: Notify::new(),
            go_on: Notify::new(),
        });
        let records = Arc::new(Faulty::new(Arc::clone(records), faults.clone()));
        let effects = Effects::new(records, "contract", MONTH);
        let api = Api::sharing("contract.api", Arc::clone(&state))
            .route(Route::post("/counters/{counter}").key_required(), count)
            .route(Route::post("/effects").key_required().once(effects, after_crash), run);
        Self { state, client: ApiClient::new(api), counter: Uuid::new_v4().to_string() }
    }

    /// A request whose caller and counter no other test has.
    fn request(&self, path: &str) -> HttpEvent {
        HttpEvent::api("POST", path).jwt("https://issuer.example", &self.counter, &[]).key("\"k\"")
    }

    fn count(&self, by: u32) -> HttpEvent {
        self.request(&format!("/counters/{}", self.counter)).json(&json!({ "by": by }))
    }

    fn run(&self, waits: bool) -> HttpEvent {
        self.request("/effects").json(&json!({ "waits": waits }))
    }

    async fn sum(&self) -> u32 {
        let stream = StreamId::new("counter", &self.counter).unwrap();
        load::<Counter>(&*self.state.counters, &stream).await.unwrap().aggregate.sum
    }

    fn effects(&self) -> u32 {
        self.state.effects.load(Ordering::SeqCst)
    }
}

type Stores = (Arc<dyn EventStore>, Arc<dyn IdempotencyStore>);

async fn contract(stores: &Stores) {
    a_repeated_request_gets_the_first_answer(stores).await;
    a_lost_answer_of_the_store_changes_nothing(stores).await;
    twins_at_the_same_moment_lead_to_one_effect(stores).await;
    after_the_death_of_the_first_the_route_decides(stores).await;
}

async fn a_repeated_request_gets_the_first_answer(stores: &Stores) {
    let world = World::new(stores, &Faults::none(), AfterCrash::Hold);
    let counted = world.client.send(world.count(3)).await;
    assert_eq!(counted.json(), json!({ "version": 1, "counted": [3] }));
    let run = world.client.send(world.run(false)).await;
    for _ in 0..2 {
        assert_eq!(world.client.send(world.count(3)).await.body, counted.body);
        let again = world.client.send(world.run(false)).await;
        assert_eq!((again.status, again.body), (201, run.body.clone()));
        assert_eq!(again.headers.get("location"), run.headers.get("location"));
    }
    for other in [world.count(4), world.run(true)] {
        let refused = world.client.send(other).await;
        assert_eq!((refused.status, &refused.json()["code"]), (422, &json!("key_reused")));
    }
    assert_eq!((world.sum().await, world.effects()), (3, 1));
}

async fn a_lost_answer_of_the_store_changes_nothing(stores: &Stores) {
    for fault in [Fault::LostResponse, Fault::SentTwice, Fault::Throttled] {
        for call in [Port::Commit, Port::Claim, Port::Complete] {
            let faults = Faults::none().at(call, 1, fault.clone());
            let world = World::new(stores, &faults, AfterCrash::Hold);
            for request in [world.count(3), world.run(false)] {
                let mut answer = world.client.send(request.clone()).await;
                for _ in 0..3 {
                    if answer.status == 503 {
                        answer = world.client.send(request.clone()).await;
                    }
                }
                assert!(answer.status < 300, "{fault:?} {call:?}: {answer:?}");
            }
            assert_eq!((world.sum().await, world.effects()), (3, 1), "{fault:?} {call:?}");
            assert_eq!(faults.injected().len(), 1, "{fault:?} {call:?}");
        }
    }
}

async fn twins_at_the_same_moment_lead_to_one_effect(stores: &Stores) {
    let world = World::new(stores, &Faults::none(), AfterCrash::Hold);
    let counts = world.client.send_together((0..4).map(|_| world.count(3)).collect()).await;
    for answer in &counts {
        assert_eq!((answer.status, &answer.body), (200, &counts[0].body), "{answer:?}");
    }
    let runs = world.client.send_together((0..4).map(|_| world.run(true)).collect());
    let go_on = async {
        world.state.begun.notified().await;
        world.state.go_on.notify_one();
    };
    let (runs, ()) = tokio::join!(runs, go_on);
    for answer in &runs {
        assert_eq!((answer.status, &answer.body), (201, &runs[0].body), "{answer:?}");
    }
    assert_eq!((world.sum().await, world.effects()), (3, 1));
}

async fn after_the_death_of_the_first_the_route_decides(stores: &Stores) {
    for (after_crash, status, effects) in
        [(AfterCrash::RunAgain, 201, 2), (AfterCrash::Hold, 409, 1)]
    {
        let world = World::new(stores, &Faults::none(), after_crash);
        let short = world.client.clone().time(Duration::from_secs(4));
        let begun = async { world.state.begun.notified().await };
        assert_eq!(short.send_until(world.run(true), begun).await, None);
        world.state.go_on.notify_one();
        // It waits until the lease of the first is over.
        let answer = world.client.send(world.run(true)).await;
        assert_eq!((answer.status, world.effects()), (status, effects), "{answer:?}");
    }
}

#[tokio::test]
async fn keys_of_requests_hold_on_the_doubles() {
    contract(&(Arc::new(MemoryEventStore::default()), Arc::new(MemoryIdempotency::default())))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_requests_hold_on_dynamodb() {
    let tables = Tables::create().await;
    let client = tables.clients.dynamodb.clone();
    let counters = DynamoDbEventStore::new(client.clone(), "event-store");
    let records = DynamoDbIdempotency::new(client, "idempotency");
    contract(&(Arc::new(counters), Arc::new(records))).await;
    tables.end().await;
}
