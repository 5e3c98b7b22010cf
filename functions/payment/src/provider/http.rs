//! The provider over HTTP.

use std::error::Error;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request as HttpRequest, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use tidegate::failure::{Failure, chain};
use tidegate::idempotency::EffectError;
use tokio::time::{Instant, timeout_at};

use super::Provider;
use super::answer::Answer;
use super::operation::{Operation, Request, encoded};
use super::url::ProviderUrl;

/// Largest answer that is read. A real one has a few hundred bytes.
const ANSWER_BYTES: usize = 64 * 1024;
/// Time for a connection, which is made within milliseconds or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A provider that is reached over HTTP.
///
/// Each request is sent once, over a connection of its own. A provider may close an idle connection
/// just when a request arrives; the reset then looks as if the provider may have read it.
pub(crate) struct HttpProvider {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: ProviderUrl,
}

/// Status and body of an answer.
struct Response {
    status: StatusCode,
    body: Bytes,
}

/// Why there is no answer.
enum Unanswered {
    /// No connection was made: the provider has not got the request.
    NotSent(Failure),
    /// The request may have arrived.
    Lost(Failure),
}

impl FromStr for HttpProvider {
    type Err = String;

    /// Creates the client of the provider at this address.
    fn from_str(text: &str) -> Result<Self, String> {
        let url = text.parse().map_err(str::to_owned)?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(ring)
            .map_err(|error| format!("no root certificates for TLS: {error}"))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .retry_canceled_requests(false)
            .build(connector);
        Ok(Self { client, url })
    }
}

impl Provider for HttpProvider {
    async fn request(&self, operation: &Operation, until: Instant) -> Result<Answer, EffectError> {
        let (path, body) = asked(operation);
        let request = HttpRequest::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", self.url))
            .header("idempotency-key", operation.key())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(body.to_string()));
        let response = match self.send(request, until).await {
            Ok(response) => response,
            Err(Unanswered::NotSent(failure)) => return Err(EffectError::NotDone(failure)),
            Err(Unanswered::Lost(failure)) => return Err(EffectError::Unknown(failure)),
        };
        match response.status {
            StatusCode::OK | StatusCode::CREATED => {
                Answer::read(operation, &response.body).map_err(EffectError::Unknown)
            }
            // It was carried out, or will be, before the provider answers with a status like these.
            status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                Err(EffectError::Unknown(refusal(operation, status)))
            }
            status => Err(EffectError::NotDone(refusal(operation, status))),
        }
    }

    async fn look_up(
        &self,
        operation: &Operation,
        until: Instant,
    ) -> Result<Option<Answer>, Failure> {
        let path = format!("/operations/{}", encoded(&operation.key()));
        let request =
            HttpRequest::builder().uri(format!("{}{path}", self.url)).body(Full::default());
        match self.send(request, until).await {
            Ok(Response { status: StatusCode::OK, body }) => {
                Answer::read(operation, &body).map(Some)
            }
            Ok(Response { status: StatusCode::NOT_FOUND, .. }) => Ok(None),
            Ok(Response { status, .. }) => Err(refusal(operation, status)),
            Err(Unanswered::NotSent(failure) | Unanswered::Lost(failure)) => Err(failure),
        }
    }
}

impl HttpProvider {
    async fn send(
        &self,
        request: http::Result<HttpRequest<Full<Bytes>>>,
        until: Instant,
    ) -> Result<Response, Unanswered> {
        let request = request.map_err(|error| {
            Unanswered::NotSent(Failure::permanent("invalid_request", chain(&error)))
        })?;
        let answered = async {
            let response = self.client.request(request).await.map_err(|error| {
                let failure = Failure::transient("provider_unreachable", chain(&error));
                if error.is_connect() {
                    Unanswered::NotSent(failure)
                } else {
                    Unanswered::Lost(failure)
                }
            })?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| Unanswered::Lost(cut_off(error.as_ref())))?;
            Ok(Response { status, body: body.to_bytes() })
        };
        timeout_at(until, answered).await.unwrap_or_else(|_| {
            let reason = "the provider did not answer in time";
            Err(Unanswered::Lost(Failure::transient("provider_timeout", reason)))
        })
    }
}

/// Returns path and body of the request for an operation.
fn asked(operation: &Operation) -> (String, serde_json::Value) {
    let reference = &operation.reference;
    let sum = |amount: events::Money| json!({ "reference": reference, "amount": amount.minor, "currency": amount.currency });
    let of_payment = |verb| format!("/payments/{}/{verb}", encoded(reference));
    match operation.request {
        Request::Authorise(amount) => ("/payments".to_owned(), sum(amount)),
        Request::Capture(_) => (of_payment("capture"), json!({})),
        Request::Void => (of_payment("void"), json!({})),
        Request::Refund(amount) => ("/refunds".to_owned(), sum(amount)),
    }
}

fn cut_off(error: &(dyn Error + 'static)) -> Failure {
    let reason = format!("the provider's answer broke off or is too large: {}", chain(error));
    Failure::transient("unreadable_answer", reason)
}

/// Classifies a status that is not an answer.
///
/// A wrong key or address is a mistake of the configuration, which must not lose the message.
fn refusal(operation: &Operation, status: StatusCode) -> Failure {
    let reason = format!("{}: status {status}", operation.key());
    match status {
        StatusCode::TOO_MANY_REQUESTS => Failure::transient(Failure::THROTTLED, reason),
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            Failure::permanent("request_refused", reason)
        }
        StatusCode::CONFLICT => {
            let reason = format!("{reason}: the key was used with other content");
            Failure::permanent("key_reused", reason)
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Failure::transient("provider_refuses_us", reason)
        }
        status if status.is_server_error() => Failure::transient("provider_down", reason),
        _ => Failure::transient("unexpected_status", reason),
    }
}
