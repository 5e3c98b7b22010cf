//! Client of a running engine, for the command and for tests.

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::engine_file::{EngineFile, EngineFileError};

/// Longest time that an engine may take to end.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(30);

/// A client of one engine.
#[derive(Clone, Debug)]
pub struct EngineClient {
    engine: EngineFile,
    http: Client<HttpConnector, Full<Bytes>>,
}

/// Result of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoked {
    /// Request id of the invocation.
    pub request_id: String,
    /// The function's answer, or the error object if it failed.
    pub payload: Bytes,
    /// Whether the function failed.
    pub function_error: bool,
}

/// Error of a call to the engine.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no running engine.
    #[error(transparent)]
    Engine(#[from] EngineFileError),
    /// The engine runs, but does not answer.
    #[error("the local system at {control} does not answer: {why}")]
    NoAnswer {
        /// URL of its control API.
        control: String,
        /// What happened.
        why: String,
    },
    /// The engine refused the call.
    #[error("the local system refused ({code}): {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Lambda's error code.
        code: String,
        /// Message of the engine.
        message: String,
    },
    /// The engine was asked to end, but still runs.
    #[error("process {0} was asked to end and still runs")]
    StillRunning(i32),
}

impl EngineClient {
    /// Creates a client of the engine that runs in a state directory.
    ///
    /// # Errors
    /// No engine runs there.
    pub fn from_state_dir(state_dir: &Path) -> Result<Self, ClientError> {
        Ok(Self::new(EngineFile::read(state_dir)?))
    }

    /// Creates a client of a known engine.
    pub fn new(engine: EngineFile) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { engine, http: Client::builder(TokioExecutor::new()).build(connector) }
    }

    /// Returns the engine's file.
    pub fn engine(&self) -> &EngineFile {
        &self.engine
    }

    /// Returns the engine's status as JSON. The engine looks at every source before it answers.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn status(&self) -> Result<serde_json::Value, ClientError> {
        self.get("/status").await
    }

    /// Returns the engine's last known status as JSON, without a look at the sources.
    ///
    /// Use it for frequent calls.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn glance(&self) -> Result<serde_json::Value, ClientError> {
        self.get("/status?look=no").await
    }

    async fn get(&self, path: &str) -> Result<serde_json::Value, ClientError> {
        let answer = self.call(Method::GET, path, &[], Bytes::new()).await?;
        serde_json::from_slice(answer.body()).map_err(|error| self.no_answer(&error.to_string()))
    }

    /// Invokes a function and waits for its answer.
    ///
    /// # Errors
    /// The engine does not answer, the function is not declared, or all its environments are busy.
    pub async fn invoke(
        &self,
        function: &str,
        payload: Bytes,
        client_context: Option<&str>,
    ) -> Result<Invoked, ClientError> {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let context = client_context.map(|context| STANDARD.encode(context));
        let headers: Vec<_> =
            context.iter().map(|context| ("x-amz-client-context", context.as_str())).collect();
        let answer = self.call(Method::POST, &path, &headers, payload).await?;
        let header = |name: &str| {
            answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        if answer.status() != StatusCode::OK {
            return Err(ClientError::Refused {
                status: answer.status().as_u16(),
                code: header("x-amzn-errortype").unwrap_or_else(|| answer.status().to_string()),
                message: message(answer.body()),
            });
        }
        Ok(Invoked {
            request_id: header("x-amzn-requestid").unwrap_or_default(),
            function_error: header("x-amz-function-error").is_some(),
            payload: answer.into_body(),
        })
    }

    /// Fires a schedule once, now.
    ///
    /// # Errors
    /// The engine does not answer, or has no such schedule.
    pub async fn fire(&self, group: &str, name: &str) -> Result<(), ClientError> {
        let path = format!("/schedules/{group}/{name}/fire");
        let answer = self.call(Method::POST, &path, &[], Bytes::new()).await?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(ClientError::Refused {
            status: answer.status().as_u16(),
            code: answer.status().to_string(),
            message: message(answer.body()),
        })
    }

    /// Ends the engine, and waits until its process has ended.
    ///
    /// # Errors
    /// The engine does not answer, or still runs after 30 seconds.
    pub async fn shutdown(&self) -> Result<(), ClientError> {
        self.call(Method::POST, "/shutdown", &[], Bytes::new()).await?;
        let asked = Instant::now();
        while self.engine.is_running() {
            if asked.elapsed() > SHUTDOWN_LIMIT {
                return Err(ClientError::StillRunning(self.engine.pid));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Response<Bytes>, ClientError> {
        let mut request =
            Request::builder().method(method).uri(format!("{}{path}", self.engine.control));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request =
            request.body(Full::new(body)).map_err(|error| self.no_answer(&error.to_string()))?;
        let answer =
            self.http.request(request).await.map_err(|error| self.no_answer(&error.to_string()))?;
        let (head, body) = answer.into_parts();
        let body =
            body.collect().await.map_err(|error| self.no_answer(&error.to_string()))?.to_bytes();
        Ok(Response::from_parts(head, body))
    }

    fn no_answer(&self, why: &str) -> ClientError {
        ClientError::NoAnswer { control: self.engine.control.clone(), why: why.to_owned() }
    }
}

fn message(body: &[u8]) -> String {
    let value: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let found = value
        .as_ref()
        .and_then(|value| value.get("message").or_else(|| value.get("Message"))?.as_str());
    found.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned)
}
