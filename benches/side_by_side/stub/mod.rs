//! A stub of AWS: DynamoDB in memory behind HTTP, with a fixed latency, in a process of its own.
//!
//! It evaluates conditions and stores items, so that it recognises duplicates as DynamoDB does. It
//! refuses requests that it does not know. EventBridge, SES and SQS accept everything.

mod expression;
mod operation;
mod statement;
mod table;

use parking_lot::{Mutex, MutexGuard};
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub(crate) use operation::Counts;
use operation::Store;

use crate::{processor, protocol};
use benchmarks::problem::Problem;

/// A command to the stub, one line on standard input. The stub answers each with a [`Snapshot`].
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Deletes all items. From now on the stub answers after this many milliseconds.
    Empty { latency_ms: u64 },
    /// Resets the counts.
    Recount,
    /// Returns the counts.
    Report,
}

/// State of the stub.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// Requests and units since the last reset.
    pub(crate) counts: Counts,
    /// The stub's own processor time since then, in nanoseconds.
    pub(crate) cpu_ns: u64,
    /// Items in the tables of effects.
    pub(crate) items: u64,
}

/// Tables in which each item is an effect or the record of an effect.
const EFFECTS: [&str; 3] = ["event-store", "idempotency", "powertools"];

#[derive(Default)]
struct Stub {
    store: Store,
    latency: Duration,
    cpu_before: Duration,
}

impl Stub {
    fn obey(&mut self, order: Order) -> Snapshot {
        match order {
            Order::Empty { latency_ms } => {
                *self = Self { latency: Duration::from_millis(latency_ms), ..Self::default() };
            }
            Order::Recount => {
                self.store.counts = Counts::default();
                self.cpu_before = processor::time();
            }
            Order::Report => {}
        }
        Snapshot {
            counts: self.store.counts.clone(),
            cpu_ns: processor::nanoseconds(processor::time().saturating_sub(self.cpu_before)),
            items: EFFECTS.iter().map(|table| self.store.tables.count(table) as u64).sum(),
        }
    }
}

/// Serves until standard input ends.
pub(crate) async fn run() -> Result<(), Problem> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    protocol::say(&listener.local_addr()?.to_string())?;
    let stub = Arc::new(Mutex::new(Stub::default()));
    tokio::spawn(accept(listener, Arc::clone(&stub)));
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = ended.send(obey_lines(&stub));
    });
    end.await?
}

fn obey_lines(stub: &Mutex<Stub>) -> Result<(), Problem> {
    for line in std::io::stdin().lines() {
        let snapshot = lock(stub).obey(serde_json::from_str(&line?)?);
        protocol::say(&serde_json::to_string(&snapshot)?)?;
    }
    Ok(())
}

fn lock(stub: &Mutex<Stub>) -> MutexGuard<'_, Stub> {
    stub.lock()
}

async fn accept(listener: TcpListener, stub: Arc<Mutex<Stub>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let stub = Arc::clone(&stub);
        let service = service_fn(move |request| answer(Arc::clone(&stub), request));
        // A client that closes its connection is not an error.
        tokio::spawn(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service),
        );
    }
}

async fn answer(
    stub: Arc<Mutex<Stub>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let target = target.unwrap_or_default().to_owned();
    let body = match request.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let latency = lock(&stub).latency;
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let (status, content, text) = respond(&stub, &target, &body);
    let response = Response::builder().status(status).header("content-type", content);
    let response = response.header("x-amzn-requestid", "00000000-0000-0000-0000-000000000000");
    Ok(response.body(Full::new(text.into())).unwrap_or_default())
}

fn respond(stub: &Mutex<Stub>, target: &str, body: &[u8]) -> (u16, &'static str, Vec<u8>) {
    const DYNAMODB: &str = "application/x-amz-json-1.0";
    if body.starts_with(b"Action=SendEmail") {
        let answer = "<SendEmailResponse><SendEmailResult><MessageId>1</MessageId></SendEmailResult></SendEmailResponse>";
        return (200, "text/xml", answer.into());
    }
    if target == "AWSEvents.PutEvents" {
        let entries = serde_json::from_slice::<Value>(body).ok();
        let entries = entries
            .and_then(|request| request.get("Entries")?.as_array().map(Vec::len))
            .unwrap_or(0);
        let accepted: Vec<Value> = (0..entries).map(|_| json!({ "EventId": "1" })).collect();
        let answer = json!({ "FailedEntryCount": 0, "Entries": accepted });
        return (200, "application/x-amz-json-1.1", answer.to_string().into());
    }
    if target == "AmazonSQS.SendMessage" {
        return (200, DYNAMODB, json!({ "MessageId": "1" }).to_string().into());
    }
    let operation = target.rsplit_once('.').map_or("", |(_, operation)| operation);
    let answer = match serde_json::from_slice::<Value>(body) {
        Ok(request) => lock(stub).store.call(operation, &request),
        Err(error) => {
            return (400, DYNAMODB, json!({ "message": error.to_string() }).to_string().into());
        }
    };
    (answer.status, DYNAMODB, serde_json::to_vec(&answer.body).unwrap_or_default())
}
