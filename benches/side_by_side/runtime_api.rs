//! Runs a function's binary under a Runtime API that times it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{Read, Seek};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::aws::aws_environment;
use benchmarks::problem::Problem;

const PATIENCE: Duration = Duration::from_secs(20);

/// One process of a function, from its start to its end.
pub(crate) struct Sample {
    /// Time from the start of the process to its first `GET …/next`.
    pub(crate) first_next: Duration,
    /// Time of each invocation, from the event to the response.
    pub(crate) times: Vec<Duration>,
    /// Resident memory before the first invocation, in kB.
    pub(crate) resident_at_start: u64,
    /// Resident memory after all invocations, in kB.
    pub(crate) resident: u64,
}

/// A request of the function to its Runtime API.
enum Call {
    Next(Instant, oneshot::Sender<Response<Full<Bytes>>>),
    Answer(Instant, Bytes),
    Failure(Bytes),
}

/// A Runtime API that times a function.
pub(crate) struct RuntimeApi {
    address: SocketAddr,
    calls: mpsc::Receiver<Call>,
}

impl RuntimeApi {
    /// Opens the API on a free port.
    pub(crate) async fn open() -> Result<Self, Problem> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (send, calls) = mpsc::channel(4);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let send = send.clone();
                let service = service_fn(move |request| take(send.clone(), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Self { address, calls })
    }

    /// Starts a function, and invokes it with each event.
    pub(crate) async fn run(
        &mut self,
        function: &str,
        binary: &Path,
        variables: &BTreeMap<String, String>,
        endpoint: &str,
        events: &[Vec<u8>],
    ) -> Result<Sample, Problem> {
        let mut command = Command::new(binary);
        aws_environment(&mut command, endpoint);
        command.envs(variables).env("AWS_LAMBDA_RUNTIME_API", self.address.to_string());
        command.envs([
            ("AWS_LAMBDA_FUNCTION_NAME", function),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/benchmark"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "benchmark"),
        ]);
        // Metrics go to standard output, which is printed only after an error.
        let mut output = tempfile::tempfile()?;
        command.stdout(output.try_clone()?).kill_on_drop(true);
        let start = Instant::now();
        let mut child = command.spawn()?;
        let sample = self.invoke(function, &mut child, start, events).await;
        child.kill().await?;
        sample.map_err(|problem| {
            let mut said = String::new();
            let _ = output.rewind().and_then(|()| output.read_to_string(&mut said));
            Problem::new(format!("{problem:?}; it said: {said}"))
        })
    }

    async fn invoke(
        &mut self,
        function: &str,
        child: &mut Child,
        start: Instant,
        events: &[Vec<u8>],
    ) -> Result<Sample, Problem> {
        let (at, mut next) = tokio::select! {
            next = self.next(function) => next?,
            status = child.wait() => return Err(Problem::new(format!("{function} did not start: {}", status?))),
        };
        let first_next = at.duration_since(start);
        let resident_at_start = resident(child)?;
        let mut times = Vec::with_capacity(events.len());
        for (number, event) in events.iter().enumerate() {
            let start = Instant::now();
            // If the function no longer waits, the check below reports it.
            let _ = next.send(invocation(event, function, number));
            match self.call(function).await? {
                Call::Answer(at, body) if answered_well(&body) => {
                    times.push(at.duration_since(start))
                }
                Call::Answer(_, body) | Call::Failure(body) => {
                    return Err(Problem::new(format!(
                        "{function}: {}",
                        String::from_utf8_lossy(&body)
                    )));
                }
                Call::Next(..) => return Err(Problem::new(format!("{function} asked twice"))),
            }
            (_, next) = self.next(function).await?;
        }
        Ok(Sample { first_next, times, resident_at_start, resident: resident(child)? })
    }

    async fn call(&mut self, function: &str) -> Result<Call, Problem> {
        let call = timeout(PATIENCE, self.calls.recv()).await;
        call.ok()
            .flatten()
            .ok_or_else(|| Problem::new(format!("{function} says nothing for {PATIENCE:?}")))
    }

    async fn next(
        &mut self,
        function: &str,
    ) -> Result<(Instant, oneshot::Sender<Response<Full<Bytes>>>), Problem> {
        match self.call(function).await? {
            Call::Next(at, reply) => Ok((at, reply)),
            Call::Answer(_, body) | Call::Failure(body) => {
                Err(Problem::new(format!("{function}: {}", String::from_utf8_lossy(&body))))
            }
        }
    }
}

/// Returns whether the response is a partial batch response without failures, or empty.
fn answered_well(body: &[u8]) -> bool {
    let answer = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
    match answer.get("batchItemFailures") {
        Some(failures) => failures.as_array().is_some_and(Vec::is_empty),
        None => true,
    }
}

async fn take(
    calls: mpsc::Sender<Call>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let at = Instant::now();
    let (next, failed) =
        (request.method() == Method::GET, request.uri().path().ends_with("/error"));
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    if next {
        let (reply, replied) = oneshot::channel();
        let _ = calls.send(Call::Next(at, reply)).await;
        return Ok(replied.await.unwrap_or_default());
    }
    let _ = calls.send(if failed { Call::Failure(body) } else { Call::Answer(at, body) }).await;
    Ok(Response::builder().status(202).body(Full::default()).unwrap_or_default())
}

fn invocation(event: &[u8], function: &str, number: usize) -> Response<Full<Bytes>> {
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + PATIENCE;
    Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", format!("8476a536-e9f4-11e8-9739-{number:012}"))
        .header("lambda-runtime-deadline-ms", deadline.as_millis().to_string())
        .header(
            "lambda-runtime-invoked-function-arn",
            format!("arn:aws:lambda:us-east-1:000000000000:function:{function}"),
        )
        .body(Full::new(Bytes::copy_from_slice(event)))
        .unwrap_or_default()
}

/// Returns the resident memory in kB.
fn resident(child: &Child) -> Result<u64, Problem> {
    let id = child.id().ok_or_else(|| Problem::new("the function has ended"))?;
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| Problem::new("no VmRSS in the status of a process"))
}
