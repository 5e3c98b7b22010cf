//! Serves a stream that answers as fast as possible: GetRecords from memory, all other calls from
//! an emulator.
//!
//! It separates the engine's share of a delivery from the emulator's.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use benchmarks::problem::Problem;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::source;

/// Most records of a GetRecords call.
const MOST: usize = 10_000;

/// The server of the stream.
pub(crate) struct FastStream {
    pub(crate) endpoint: String,
    inner: Arc<Inner>,
}

struct Inner {
    /// Each record as GetRecords returns it.
    records: Vec<String>,
    written: AtomicUsize,
    behind: String,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl FastStream {
    /// Creates a server with this many records. None of them can be read yet.
    pub(crate) async fn open(behind: &str, records: u64) -> Result<Self, Problem> {
        let record = |n: u64| {
            let mut record = source::kinesis(n);
            if let Some(record) = record.as_object_mut() {
                record.insert("SequenceNumber".to_owned(), json!(sequence(n)));
                record.insert("ApproximateArrivalTimestamp".to_owned(), json!(1_767_225_600.25));
            }
            record.to_string()
        };
        let inner = Arc::new(Inner {
            records: (0..records).map(record).collect(),
            written: AtomicUsize::new(0),
            behind: behind.to_owned(),
            http: Client::builder(TokioExecutor::new()).build_http(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let shared = Arc::clone(&inner);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let inner = Arc::clone(&shared);
                let service = service_fn(move |request| answer(Arc::clone(&inner), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Self { endpoint, inner })
    }

    /// Makes the first `records` records readable.
    pub(crate) fn write(&self, records: usize) {
        self.inner.written.store(records, Ordering::Release);
    }
}

/// Returns a number as long as the sequence numbers of Kinesis.
fn sequence(n: u64) -> String {
    format!("4959{n:052}")
}

async fn answer(
    inner: Arc<Inner>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let answered = match respond(&inner, request).await {
        Ok(answered) => answered,
        Err(problem) => {
            let mut failed = Response::new(Full::new(Bytes::from(format!("{problem:?}"))));
            *failed.status_mut() = StatusCode::BAD_GATEWAY;
            failed
        }
    };
    Ok(answered)
}

async fn respond(
    inner: &Inner,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Problem> {
    let (mut head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let target = head
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default();
    let said = match target {
        "Kinesis_20131202.GetShardIterator" => {
            let asked: Value = serde_json::from_slice(&body)?;
            let after = asked.get("StartingSequenceNumber").and_then(Value::as_str);
            let after = after.and_then(|digits| digits.get(4..)?.parse::<usize>().ok());
            json!({ "ShardIterator": after.map_or(0, |n| n + 1).to_string() }).to_string()
        }
        "Kinesis_20131202.GetRecords" => {
            let asked: Value = serde_json::from_slice(&body)?;
            let from =
                asked.get("ShardIterator").and_then(Value::as_str).and_then(|n| n.parse().ok());
            let limit =
                asked.get("Limit").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
            page(inner, from.unwrap_or(0), limit.unwrap_or(MOST))
        }
        _ => {
            head.uri = format!("{}{}", inner.behind, head.uri).parse()?;
            let answer = inner.http.request(Request::from_parts(head, Full::new(body))).await?;
            let (head, body) = answer.into_parts();
            return Ok(Response::from_parts(head, Full::new(body.collect().await?.to_bytes())));
        }
    };
    Ok(Response::builder()
        .header("content-type", "application/x-amz-json-1.1")
        .body(Full::new(Bytes::from(said)))?)
}

fn page(inner: &Inner, from: usize, limit: usize) -> String {
    let written = inner.written.load(Ordering::Acquire);
    let to = written.min(from.saturating_add(limit.min(MOST))).max(from);
    let records = inner.records.get(from..to).unwrap_or_default();
    let mut text =
        String::with_capacity(records.iter().map(|record| record.len() + 1).sum::<usize>() + 100);
    text.push_str("{\"Records\":[");
    for (index, record) in records.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(record);
    }
    let behind = if to < written { 1000 } else { 0 };
    // Writing to a string cannot fail.
    let _ = write!(text, "],\"NextShardIterator\":\"{to}\",\"MillisBehindLatest\":{behind}}}");
    text
}
