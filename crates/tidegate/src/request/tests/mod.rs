//! Tests of APIs, sent as the events of API Gateway and function URLs.

mod checks;
mod commands;
mod once;
mod properties;
mod watching;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;

use super::*;
use crate::failure::Failure;
use crate::idempotency::{AfterCrash, EffectError, Effects, IdempotencyStore};
use crate::ids::StreamId;
use crate::message::Message;
use crate::store::{Aggregate, Decision, EventStore, Retry, execute, load};
use crate::test::{ApiClient, HttpAnswer, HttpEvent, MemoryEventStore, MemoryIdempotency};

const MONTH: std::time::Duration = std::time::Duration::from_secs(31 * 24 * 3600);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(super) struct AddLine {
    product: String,
    quantity: u32,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(super) struct LineAdded {
    product: String,
    quantity: u32,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(super) struct LineRefused {}

crate::messages! { #[derive(Clone, Debug)] pub(super) enum Command { AddLine } }
crate::messages! { #[derive(Clone, Debug, PartialEq)] pub(super) enum Event { LineAdded, LineRefused } }

/// Takes ten cups at most.
#[derive(Default)]
pub(super) struct Order {
    quantity: u32,
}

impl Aggregate for Order {
    type Command = Command;
    type Event = Event;
    const SOURCE: &'static str = "test.orders";

    fn creates(_: &Command) -> bool {
        false
    }

    fn apply(&mut self, event: &Event) {
        if let Event::LineAdded(line) = event {
            self.quantity += line.quantity;
        }
    }

    fn decide(&self, Command::AddLine(line): &Command) -> Decision<Event> {
        if self.quantity + line.quantity > 10 {
            return Decision::one(LineRefused {});
        }
        let AddLine { product, quantity } = line.clone();
        Decision::one(LineAdded { product, quantity })
    }
}

/// The state of the API under test.
pub(super) struct Shop {
    store: Arc<dyn EventStore>,
    charges: AtomicU32,
    /// Lets a payment of `wait` go on.
    paid: Notify,
    /// Tells that a payment of `wait` began.
    begun: Notify,
}

#[derive(Deserialize)]
struct OrderPath {
    order: String,
}

#[derive(Deserialize)]
struct Look {
    #[serde(default)]
    depth: Option<u8>,
}

#[derive(Deserialize)]
struct Payment {
    pence: u64,
    #[serde(default)]
    how: String,
}

fn stream(order: &str) -> Result<StreamId, Problem> {
    StreamId::new("order", order).map_err(|error| Problem::not_found(error.to_string()))
}

async fn add_line(shop: Arc<Shop>, call: Call<AddLine, OrderPath>) -> Result<Answer, Problem> {
    let command = Command::from(call.body);
    let (stream, origin) = (stream(&call.path.order)?, call.request.origin(&command)?);
    let executed =
        execute::<Order>(&*shop.store, &stream, &command, &origin, Retry::default()).await?;
    let body = json!({ "version": executed.version, "accepted": executed.events().len() });
    match executed.events() {
        [Event::LineRefused(_)] => Err(Problem::invalid("the order has too many cups")
            .mistake("/quantity", "together at most 10")),
        _ => Answer::created(&format!("/orders/{}", call.path.order), &body),
    }
}

async fn read(shop: Arc<Shop>, call: Call<(), OrderPath, Look>) -> Result<Answer, Problem> {
    let loaded = load::<Order>(&*shop.store, &stream(&call.path.order)?).await?;
    let version = loaded.version;
    let order = loaded.existing().ok_or_else(|| Problem::not_found("there is no such order"))?;
    Answer::ok(
        &json!({ "quantity": order.quantity, "version": version, "depth": call.query.depth }),
    )
}

async fn pay(shop: Arc<Shop>, call: Call<Payment>) -> Result<Answer, Problem> {
    let charge = shop.charges.fetch_add(1, Ordering::Relaxed) + 1;
    let key = call.request.effect.as_ref().map(ToString::to_string);
    match call.body.how.as_str() {
        "wait" => {
            shop.begun.notify_one();
            shop.paid.notified().await;
        }
        "decline" => return Err(Problem::invalid("the card was declined")),
        "lose" => {
            return Err(EffectError::Unknown(Failure::transient("bank", "no answer")).into());
        }
        "down" => {
            return Err(EffectError::NotDone(Failure::transient("bank", "secret host")).into());
        }
        "panic" => panic!("the bank's secret"),
        "large" => {
            return Ok(Answer::text(StatusCode::OK, "application/json", "1".repeat(70_000)));
        }
        _ => {}
    }
    let receipt = json!({ "charge": charge, "pence": call.body.pence, "key": key });
    Ok(Answer::created(&format!("/payments/{charge}"), &receipt)?.header("x-bank", "first"))
}

async fn fail(_: Arc<Shop>, call: Call<(), OrderPath>) -> Result<Answer, Problem> {
    Err(match call.path.order.as_str() {
        "permanent" => Failure::permanent("no_such_cup", "we sell no such cup").into(),
        "corrupt" => Failure::permanent("corrupt_commit", "item 7 of table secret").into(),
        "transient" => Failure::transient("event_store", "host secret is down")
            .retry_after(std::time::Duration::from_millis(2500))
            .into(),
        "busy" => Failure::busy("twin_running", "secret").into(),
        "error" => "x".parse::<u8>().unwrap_err().into(),
        "panic" => panic!("secret"),
        "header" => return Ok(Answer::no_content().header("location", "/a\r\nset-cookie: a=b")),
        "large" => {
            return Ok(Answer::text(StatusCode::OK, "text/plain", "x".repeat(7 * 1024 * 1024)));
        }
        "cookies" => {
            let answer = Answer::bytes(StatusCode::OK, "image/png", &[0, 255]);
            return Ok(answer.header("Set-Cookie", "a=1").header("set-cookie", "b=2"));
        }
        _ => std::future::pending().await,
    })
}

async fn health(_: Arc<Shop>, call: Call) -> Result<Answer, Problem> {
    Answer::ok(&json!({
        "caller": call.request.caller.identity(),
        "correlation": call.request.correlation_id,
        "trace": call.request.traceparent,
    }))
}

/// What a test needs of an API: its parts, and a client.
pub(super) struct World {
    events: Arc<MemoryEventStore>,
    client: ApiClient<Shop>,
    shop: Arc<Shop>,
}

pub(super) fn api(
    store: Arc<dyn EventStore>,
    records: Arc<dyn IdempotencyStore>,
    after_crash: AfterCrash,
) -> (Api<Shop>, Arc<Shop>) {
    let shop = Arc::new(Shop {
        store,
        charges: AtomicU32::new(0),
        paid: Notify::new(),
        begun: Notify::new(),
    });
    let effects = Effects::new(records, "shop", MONTH);
    let api = Api::sharing("shop.api", Arc::clone(&shop))
        .route(Route::get("/orders/{order}"), read)
        .route(Route::post("/orders/{order}/lines").key_required(), add_line)
        .route(Route::post("/payments").key_required().once(effects.clone(), after_crash), pay)
        .route(Route::post("/gifts").key_optional().once(effects, after_crash), pay)
        .route(Route::get("/failures/{order}").scope("look"), fail)
        .route(Route::get("/health").anonymous(), health)
        .route(Route::put("/health").anonymous().body_limit(10), health);
    assert_eq!(api.mistakes(), [""; 0]);
    (api, shop)
}

impl World {
    fn new() -> Self {
        Self::with(Arc::new(MemoryIdempotency::default()), AfterCrash::RunAgain)
    }

    fn with(records: Arc<dyn IdempotencyStore>, after_crash: AfterCrash) -> Self {
        let events = Arc::new(MemoryEventStore::default());
        let store: Arc<dyn EventStore> = Arc::<MemoryEventStore>::clone(&events);
        let (api, shop) = api(store, records, after_crash);
        Self { events, client: ApiClient::new(api), shop }
    }

    async fn send(&self, request: HttpEvent) -> HttpAnswer {
        self.client.send(request).await
    }

    fn charges(&self) -> u32 {
        self.shop.charges.load(Ordering::Relaxed)
    }
}

const ISSUER: &str = "https://issuer.example";

/// A request of Anna's, with a token.
pub(super) fn anna(method: &str, path: &str) -> HttpEvent {
    HttpEvent::api(method, path).jwt(ISSUER, "anna", &["look"])
}

fn ben(method: &str, path: &str) -> HttpEvent {
    HttpEvent::api(method, path).jwt(ISSUER, "ben", &["look"])
}

fn line(order: &str, key: &str, quantity: u32) -> HttpEvent {
    anna("POST", &format!("/orders/{order}/lines"))
        .key(key)
        .json(&json!({ "product": "cup", "quantity": quantity }))
}

fn payment(key: &str, how: &str) -> HttpEvent {
    anna("POST", "/payments").key(key).json(&json!({ "pence": 100, "how": how }))
}

/// Returns status and code of a problem, and checks that it is a whole problem document.
#[track_caller]
pub(super) fn problem(answer: &HttpAnswer) -> (u16, String) {
    let document = answer.json();
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    assert_eq!(document["status"], answer.status, "{document}");
    for member in ["type", "title", "detail", "instance", "code"] {
        assert!(document[member].is_string(), "{member}: {document}");
    }
    (answer.status, document["code"].as_str().unwrap().to_owned())
}

fn now() -> Timestamp {
    Timestamp::now()
}
