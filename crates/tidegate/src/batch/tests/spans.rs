//! Tests the runner's spans as a receiver gets them over HTTP.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use opentelemetry::trace::TraceContextExt;
use prost::Message;
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::trace::Traces;

/// The fields of OTLP's messages that the tests use, by the numbers of its `.proto` files.
mod otlp {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Request {
        #[prost(message, repeated, tag = "1")]
        pub(super) resources: Vec<ResourceSpans>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ResourceSpans {
        #[prost(message, optional, tag = "1")]
        pub(super) resource: Option<Resource>,
        #[prost(message, repeated, tag = "2")]
        pub(super) scopes: Vec<ScopeSpans>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Resource {
        #[prost(message, repeated, tag = "1")]
        pub(super) attributes: Vec<Attribute>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ScopeSpans {
        #[prost(message, repeated, tag = "2")]
        pub(super) spans: Vec<Span>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Span {
        #[prost(bytes = "vec", tag = "1")]
        pub(super) trace: Vec<u8>,
        #[prost(bytes = "vec", tag = "2")]
        pub(super) id: Vec<u8>,
        #[prost(bytes = "vec", tag = "4")]
        pub(super) parent: Vec<u8>,
        #[prost(string, tag = "5")]
        pub(super) name: String,
        #[prost(int32, tag = "6")]
        pub(super) kind: i32,
        #[prost(fixed64, tag = "7")]
        pub(super) start: u64,
        #[prost(fixed64, tag = "8")]
        pub(super) end: u64,
        #[prost(message, repeated, tag = "9")]
        pub(super) attributes: Vec<Attribute>,
        #[prost(message, repeated, tag = "13")]
        pub(super) links: Vec<Link>,
        #[prost(message, optional, tag = "15")]
        pub(super) status: Option<Status>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Link {
        #[prost(bytes = "vec", tag = "1")]
        pub(super) trace: Vec<u8>,
        #[prost(bytes = "vec", tag = "2")]
        pub(super) span: Vec<u8>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Status {
        #[prost(string, tag = "2")]
        pub(super) message: String,
        #[prost(int32, tag = "3")]
        pub(super) code: i32,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Attribute {
        #[prost(string, tag = "1")]
        pub(super) key: String,
        #[prost(message, optional, tag = "2")]
        pub(super) value: Option<Value>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Value {
        #[prost(oneof = "Kind", tags = "1, 2, 3")]
        pub(super) kind: Option<Kind>,
    }
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(super) enum Kind {
        #[prost(string, tag = "1")]
        Text(String),
        #[prost(bool, tag = "2")]
        Truth(bool),
        #[prost(int64, tag = "3")]
        Number(i64),
    }
}

const ERROR: i32 = 2;
const CONSUMER: i32 = 5;

/// A receiver of spans on its own port.
struct Receiver {
    endpoint: String,
    requests: Arc<Mutex<Vec<otlp::Request>>>,
}

impl Receiver {
    /// Creates a receiver that answers each request with this status.
    fn answering(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                received.lock().unwrap().extend(take(stream.unwrap(), status));
            }
        });
        Self { endpoint, requests }
    }

    /// Returns the received spans without waiting: a finished invocation has sent all of its spans.
    fn spans(&self) -> Vec<otlp::Span> {
        let requests = self.requests.lock().unwrap().clone();
        let scopes =
            requests.into_iter().flat_map(|request| request.resources).flat_map(|of| of.scopes);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    fn resource(&self) -> BTreeMap<String, String> {
        let request = self.requests.lock().unwrap()[0].clone();
        attributes(&request.resources[0].resource.clone().unwrap().attributes)
    }
}

fn take(stream: TcpStream, status: &str) -> Option<otlp::Request> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    assert_eq!(line.trim(), "POST /v1/traces HTTP/1.1");
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let header = line.trim().to_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        if let Some(value) = header.strip_prefix("content-type: ") {
            assert_eq!(value, "application/x-protobuf");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let request = otlp::Request::decode(body.as_slice()).unwrap();
    let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
    Some(request)
}

fn attributes(of: &[otlp::Attribute]) -> BTreeMap<String, String> {
    let text = |value: &otlp::Value| match value.kind.clone().unwrap() {
        otlp::Kind::Text(text) => text,
        otlp::Kind::Truth(truth) => truth.to_string(),
        otlp::Kind::Number(number) => number.to_string(),
    };
    of.iter().map(|each| (each.key.clone(), text(each.value.as_ref().unwrap()))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const TRACE: [&str; 2] = ["4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"];
const PARENT: [&str; 2] = ["00f067aa0ba902b7", "b7ad6b7169203331"];

fn traceparent(number: usize) -> String {
    format!("00-{}-{}-01", TRACE[number], PARENT[number])
}

/// Handles a record as the body's `do` prescribes.
struct Told;

impl Decode for Told {
    type Record = String;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<String, Failure> {
        #[derive(serde::Deserialize)]
        struct Event {
            r#do: String,
        }
        Ok(delivery.json::<Event>()?.r#do)
    }
}

impl Handler for Told {
    async fn handle(&self, told: &String, _: &BatchContext) -> Result<Handled, Failure> {
        let span = tracing::info_span!(target: "shop", "look", shelf = 7);
        span.in_scope(|| tracing::info!("nothing"));
        match told.as_str() {
            "fail" => Err(Failure::transient("down", "the shop is closed")),
            "refuse" => Err(Failure::permanent("no_such_shelf", "7")),
            "work" => {
                tokio::time::sleep(Duration::from_millis(30)).await;
                Ok(Handled::Applied)
            }
            _ => Ok(Handled::Applied),
        }
    }
}

fn sqs(bodies: &[serde_json::Value]) -> Box<RawValue> {
    let records: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(number, body)| {
            json!({
                "messageId": format!("m{number}"), "body": body.to_string(),
                "attributes": { "ApproximateReceiveCount": "2" }, "messageAttributes": {},
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders",
            })
        })
        .collect();
    RawValue::from_string(json!({ "Records": records }).to_string()).unwrap()
}

async fn run_traced(traces: Arc<Traces>, source: Source, event: &RawValue) -> Report {
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner = Runner::new(source, EachRecord::new(Told, 4), "probe", letters).traces(traces);
    let remaining = Duration::from_secs(20);
    runner.run(Invocation { event, request_id: "request-1", remaining, replay: false }).await
}

/// Returns the invocation's span and those of its records, in the order of the batch.
async fn traced(source: Source, event: &RawValue) -> (otlp::Span, Vec<otlp::Span>, Receiver) {
    let receiver = Receiver::answering("200 OK");
    let traces = Arc::new(Traces::to("probe", &receiver.endpoint).unwrap());
    let _ = run_traced(traces, source, event).await;
    let (mut whole, mut records): (Vec<_>, Vec<_>) =
        receiver.spans().into_iter().partition(|span| span.parent.is_empty());
    assert_eq!(whole.len(), 1, "{whole:?}");
    let whole = whole.remove(0);
    records.sort_by_key(|span| attributes(&span.attributes)["messaging.message.id"].clone());
    for record in &records {
        assert_eq!((&record.trace, &record.parent), (&whole.trace, &whole.id), "{record:?}");
        assert!(
            whole.start <= record.start && record.start <= record.end && record.end <= whole.end
        );
    }
    (whole, records, receiver)
}

#[tokio::test]
async fn records_of_two_traces_are_parts_of_one_invocation_and_link_to_both() {
    let body = |number| {
        json!({ "do": "work", "traceparent": traceparent(number), "id": format!("e{number}"),
        "source": "shop.orders", "type": "OrderPlaced", "subject": "order#1", "correlationid": "c1" })
    };
    let (whole, records, receiver) = traced(Source::Sqs, &sqs(&[body(0), body(1)])).await;
    assert_eq!((whole.name.as_str(), whole.kind, records.len()), ("probe", CONSUMER, 2));
    let expected = [
        ("faas.coldstart", "true"),
        ("faas.invocation_id", "request-1"),
        ("faas.trigger", "pubsub"),
        ("messaging.batch.message_count", "2"),
        ("messaging.operation.name", "process"),
        ("messaging.operation.type", "process"),
        ("messaging.system", "aws_sqs"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(attributes(&whole.attributes), BTreeMap::from(expected));
    for (number, record) in records.iter().enumerate() {
        let [link] = record.links.as_slice() else { panic!("{record:?}") };
        assert_eq!(
            (hex(&link.trace).as_str(), hex(&link.span).as_str()),
            (TRACE[number], PARENT[number])
        );
        assert_ne!(hex(&record.trace), TRACE[number], "its own trace is the invocation's");
        assert_eq!((record.name.as_str(), record.kind), ("process orders", CONSUMER));
        let (id, event) = (format!("m{number}"), format!("e{number}"));
        let expected = [
            ("cloudevents.event_id", event.as_str()),
            ("cloudevents.event_source", "shop.orders"),
            ("cloudevents.event_subject", "order#1"),
            ("cloudevents.event_type", "OrderPlaced"),
            ("messaging.destination.name", "orders"),
            ("messaging.message.conversation_id", "c1"),
            ("messaging.message.id", id.as_str()),
            ("messaging.operation.name", "process"),
            ("messaging.operation.type", "process"),
            ("messaging.system", "aws_sqs"),
            ("tidegate.attempts", "2"),
            ("tidegate.outcome", "applied"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(attributes(&record.attributes), BTreeMap::from(expected));
        assert_eq!(record.status.as_ref().map_or(0, |status| status.code), 0);
        assert!(record.end - record.start >= 30_000_000, "as long as the work took");
    }
    let resource = receiver.resource();
    assert_eq!(
        (resource["service.name"].as_str(), resource["faas.name"].as_str()),
        ("probe", "probe")
    );
    assert_eq!(resource["cloud.platform"], "aws_lambda");
}

#[tokio::test]
async fn a_record_that_failed_says_so_and_how() {
    let bodies = [
        json!({ "do": "fail" }),
        json!({ "do": "refuse" }),
        json!("no event"),
        json!({ "do": "" }),
    ];
    let (whole, records, _) = traced(Source::Sqs, &sqs(&bodies)).await;
    let seen: Vec<_> = records
        .iter()
        .map(|record| {
            let found = attributes(&record.attributes);
            let get = |name: &str| found.get(name).cloned().unwrap_or_default();
            let status = record.status.clone().unwrap_or_default();
            let words = [get("tidegate.outcome"), get("tidegate.failure.class"), get("error.type")];
            (words.join(" "), status.code, status.message)
        })
        .collect();
    assert_eq!(
        seen[0],
        ("failed transient down".to_owned(), ERROR, "the shop is closed".to_owned())
    );
    assert_eq!(
        seen[1],
        ("dead_lettered permanent no_such_shelf".to_owned(), ERROR, "7".to_owned())
    );
    assert_eq!((seen[2].0.as_str(), seen[2].1), ("dead_lettered permanent invalid_body", ERROR));
    assert_eq!(seen[3], ("applied  ".to_owned(), 0, String::new()));
    assert_eq!(whole.status.unwrap_or_default().code, 0, "the invocation did what it could");
}

#[tokio::test]
async fn an_event_that_is_no_batch_fails_its_invocation() {
    let event = RawValue::from_string("{}".to_owned()).unwrap();
    let (whole, records, _) = traced(Source::Sqs, &event).await;
    assert_eq!((records.len(), whole.status.clone().unwrap_or_default().code), (0, ERROR));
    assert_eq!(attributes(&whole.attributes)["error.type"], "not_a_batch");
}

#[tokio::test]
async fn nothing_is_lost_at_the_end_of_a_large_batch() {
    let bodies: Vec<_> = (0..1100).map(|_| json!({ "do": "" })).collect();
    let (_, records, receiver) = traced(Source::Sqs, &sqs(&bodies)).await;
    assert_eq!((records.len(), receiver.requests.lock().unwrap().len()), (1100, 3));
}

#[tokio::test]
async fn the_spans_of_a_functions_code_are_parts_of_its_record() {
    let receiver = Receiver::answering("200 OK");
    let traces = Arc::new(Traces::to("probe", &receiver.endpoint).unwrap());
    let subscriber = tracing_subscriber::registry().with(traces.layer());
    let logging = tracing::subscriber::set_default(subscriber);
    run_traced(traces, Source::Sqs, &sqs(&[json!({ "do": "" })])).await;
    drop(logging);
    let spans = receiver.spans();
    let look = spans.iter().find(|span| span.name == "look").unwrap();
    let record = spans.iter().find(|span| span.name == "process orders").unwrap();
    assert_eq!((&look.parent, &look.trace), (&record.id, &record.trace));
    assert_eq!(attributes(&look.attributes)["shelf"], "7");
    assert_eq!(spans.len(), 3, "those of the toolkit for its log lines are none: {spans:?}");
    assert!(!opentelemetry::Context::current().has_active_span(), "nothing is left of it");
}

#[tokio::test]
async fn a_receiver_that_refuses_or_hangs_costs_no_record() {
    let refusing = Receiver::answering("503 Service Unavailable");
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = format!("http://{}/v1/traces", hanging.local_addr().unwrap());
    // Long enough for a second attempt, which must not happen.
    let (long, short) = (Duration::from_secs(2), Duration::from_millis(100));
    for (endpoint, patience) in [
        (refusing.endpoint.as_str(), long),
        (&hanging, short),
        ("http://127.0.0.1:9/v1/traces", long),
    ] {
        let traces = Arc::new(Traces::open("probe", endpoint, patience).unwrap());
        let report = run_traced(traces, Source::Sqs, &sqs(&[json!({ "do": "" })])).await;
        assert_eq!(report.counts, Counts { applied: 1, ..Counts::default() });
        assert_eq!(report.response.unwrap().items().count(), 0);
    }
    assert_eq!(refusing.requests.lock().unwrap().len(), 1, "no second try holds up the answer");
}

#[tokio::test]
async fn each_source_brings_its_trace_context_in_its_own_way() {
    let kinesis = json!({ "Records": [{
        "eventID": "shard:1", "eventSourceARN": "arn:aws:kinesis:eu-west-1:1:stream/orders",
        "kinesis": { "sequenceNumber": "1", "partitionKey": "a", "approximateArrivalTimestamp": 1.0,
            "data": STANDARD.encode(json!({ "do": "", "traceparent": traceparent(0) }).to_string()) },
    }] });
    let dynamodb = json!({ "Records": [{
        "eventID": "e", "eventName": "INSERT", "awsRegion": "eu-west-1",
        "eventSourceARN": "arn:aws:dynamodb:eu-west-1:1:table/event-store/stream/2026-11-21T00:00:00.000",
        "dynamodb": { "SequenceNumber": "1", "SizeBytes": 26, "StreamViewType": "NEW_IMAGE", "ApproximateCreationDateTime": 1,
            "Keys": { "stream": { "S": "order#1" }, "version": { "N": "1" } },
            "NewImage": { "stream": { "S": "order#1" }, "trace": { "S": traceparent(0) } } },
    }] });
    let bus = json!({ "id": "e", "source": "shop.orders", "detail-type": "OrderPlaced",
        "detail": { "do": "", "traceparent": traceparent(0) } });
    let sqs = json!({ "Records": [{
        "messageId": "m", "body": "{}", "attributes": {}, "eventSourceARN": "arn:aws:sqs:eu-west-1:1:orders",
        "messageAttributes": { "traceparent": { "stringValue": traceparent(0), "dataType": "String" } },
    }] });
    for (source, event, name, trigger) in [
        (Source::Kinesis, kinesis, "process orders", "pubsub"),
        (Source::DynamoDb, dynamodb, "process event-store", "datasource"),
        (Source::EventBridge, bus, "process", "pubsub"),
        (Source::Sqs, sqs, "process orders", "pubsub"),
    ] {
        let event = RawValue::from_string(event.to_string()).unwrap();
        let (whole, records, _) = traced(source, &event).await;
        let [record] = records.as_slice() else { panic!("{records:?}") };
        assert_eq!((record.name.as_str(), record.links.len()), (name, 1), "{source:?}");
        assert_eq!(hex(&record.links[0].trace), TRACE[0], "{source:?}");
        assert_eq!(attributes(&whole.attributes)["faas.trigger"], trigger);
    }
}

#[tokio::test]
async fn a_trace_context_that_is_none_is_no_link() {
    let good = traceparent(0);
    let later = format!("cc{}-more", &good[2..]);
    for (text, links) in [
        (good.as_str(), 1),
        (&later, 1),
        (&format!("{good}-more"), 0),
        (&good.to_uppercase(), 0),
        (&good.replacen("00", "ff", 1), 0),
        (&good.replace(TRACE[0], &"0".repeat(32)), 0),
        (&good.replace(PARENT[0], &"0".repeat(16)), 0),
        (&good[..good.len() - 1], 0),
        ("", 0),
    ] {
        let (_, records, _) =
            traced(Source::Sqs, &sqs(&[json!({ "do": "", "traceparent": text })])).await;
        assert_eq!(records[0].links.len(), links, "{text}");
    }
}

/// Answers any request.
#[cfg(feature = "http")]
async fn answer(
    _: Arc<()>,
    call: crate::request::Call<(), BTreeMap<String, String>>,
) -> Result<crate::request::Answer, crate::request::Problem> {
    tracing::info_span!(target: "shop", "look").in_scope(|| tracing::info!("nothing"));
    match call.path["shelf"].as_str() {
        "closed" => Err(Failure::transient("down", "the shop is closed").into()),
        shelf => crate::request::Answer::ok(&shelf),
    }
}

#[cfg(feature = "http")]
#[tokio::test]
async fn the_span_of_a_request_is_a_child_of_the_clients_and_named_after_its_route() {
    use crate::request::{Api, ApiService, Route};
    use crate::test::{ApiClient, HttpEvent};
    const SERVER: i32 = 2;
    let receiver = Receiver::answering("200 OK");
    let traces =
        Arc::new(Traces::open("probe", &receiver.endpoint, Duration::from_secs(20)).unwrap());
    let _subscriber =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(traces.layer()));
    let api = Api::new("shop.api", ()).route(Route::get("/shelves/{shelf}").anonymous(), answer);
    let client = ApiClient::of(ApiService::new(api, "probe").traces(Arc::clone(&traces)));
    let request = HttpEvent::url("GET", "/shelves/7").header("traceparent", &traceparent(0));
    assert_eq!(client.send(request).await.status, 200);
    assert_eq!(client.send(HttpEvent::url("GET", "/shelves/closed")).await.status, 503);
    let spans = receiver.spans();
    let servers: Vec<_> = spans.iter().filter(|span| span.kind == SERVER).collect();
    assert_eq!(servers.len(), 2, "they are sent before the response");
    assert_eq!(
        (hex(&servers[0].trace), hex(&servers[0].parent)),
        (TRACE[0].into(), PARENT[0].into())
    );
    let work = spans.iter().find(|span| span.name == "look").unwrap();
    assert_eq!(work.parent, servers[0].id, "spans of the handler are its children");
    for (span, status) in servers.iter().zip(["200", "503"]) {
        assert_eq!(span.name, "GET /shelves/{shelf}");
        let attributes = attributes(&span.attributes);
        assert_eq!(attributes["http.route"], "GET /shelves/{shelf}");
        assert_eq!(attributes["http.response.status_code"], status);
        assert!(!format!("{attributes:?}").contains("shelves/7"), "{attributes:?}");
    }
    let failed = servers[1];
    assert_eq!(failed.status.as_ref().map(|status| status.code), Some(ERROR));
    assert_eq!(attributes(&failed.attributes)["error.type"], "down");
}
