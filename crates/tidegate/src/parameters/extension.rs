//! Asks AWS's Parameters and Secrets Lambda Extension.

use std::time::Duration;

use form_urlencoded::byte_serialize;
use http::header::{HeaderName, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

use crate::failure::chain;

/// The header by which a caller shows that it runs in the function.
const TOKEN: HeaderName = HeaderName::from_static("x-aws-parameters-secrets-token");
/// Longest time for an answer. The extension may have to ask AWS.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Longest answer, in bytes. A secret has at most 64 KB.
const LONGEST: usize = 512 * 1024;
/// Longest part of a refusal in a reason, in characters.
const SHOWN: usize = 200;

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Parameter,
    SecureParameter,
    Secret,
}

/// Why there is no value.
#[derive(Debug)]
pub(super) enum Miss {
    /// No answer came, or one that promises another: the last value may be used.
    Unavailable(String),
    /// There is no such value, or the role may not read it.
    Refused(String),
    /// The answer has no value in the form of the extension.
    Unreadable(String),
}

/// The extension at its port.
#[derive(Clone)]
pub(super) struct Extension {
    port: u16,
    token: HeaderValue,
    client: Client<HttpConnector, String>,
}

impl Extension {
    pub(super) fn new(port: u16, mut token: HeaderValue) -> Self {
        token.set_sensitive(true);
        // Lambda freezes the process between invocations; an idle connection may not survive that.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        Self { port, token, client }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Returns a value.
    pub(super) async fn get(&self, kind: Kind, name: &str) -> Result<String, Miss> {
        let asked = tokio::time::timeout(TIMEOUT, self.ask(kind, name)).await;
        let (status, body) = asked.map_err(|_| {
            let seconds = TIMEOUT.as_secs();
            Miss::Unavailable(format!("the extension did not answer within {seconds} s"))
        })??;
        if !status.is_success() {
            return Err(refusal(status, &String::from_utf8_lossy(&body)));
        }
        let unreadable = |_| Miss::Unreadable("the answer is not that of the extension".to_owned());
        let answer: Answer = serde_json::from_slice(&body).map_err(unreadable)?;
        let value = answer.parameter.map(|parameter| parameter.value).or(answer.secret);
        value.ok_or_else(|| Miss::Unreadable("the value is not a text".to_owned()))
    }

    async fn ask(&self, kind: Kind, name: &str) -> Result<(StatusCode, Vec<u8>), Miss> {
        let name: String = byte_serialize(name.as_bytes()).collect();
        let path = match kind {
            Kind::Parameter => format!("systemsmanager/parameters/get?name={name}"),
            Kind::SecureParameter => {
                format!("systemsmanager/parameters/get?name={name}&withDecryption=true")
            }
            Kind::Secret => format!("secretsmanager/get?secretId={name}"),
        };
        let request = Request::get(format!("http://127.0.0.1:{}/{path}", self.port))
            .header(TOKEN, self.token.clone())
            .body(String::new())
            .map_err(|error| Miss::Refused(format!("the name cannot be asked for: {error}")))?;
        let unavailable = |error: &dyn std::error::Error| {
            Miss::Unavailable(format!(
                "the extension at port {} does not answer: {}",
                self.port,
                chain(error)
            ))
        };
        let answer = self.client.request(request).await.map_err(|error| unavailable(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LONGEST).collect().await;
        let body = body.map_err(|error| unavailable(error.as_ref()))?.to_bytes();
        Ok((status, body.to_vec()))
    }
}

/// Returns what an answer that is not a success means.
fn refusal(status: StatusCode, body: &str) -> Miss {
    let text: String = body.trim().chars().take(SHOWN).flat_map(char::escape_default).collect();
    let reason = format!("the extension answered {}: {text}", status.as_u16());
    let body = body.to_lowercase();
    // While the function starts, the extension answers 400 with such a text.
    let passing = ["not ready", "throttl", "rate exceeded", "timeout"];
    if status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || passing.iter().any(|word| body.contains(word))
    {
        return Miss::Unavailable(reason);
    }
    Miss::Refused(reason)
}

/// The answer of Parameter Store (`GetParameter`) or Secrets Manager (`GetSecretValue`).
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Parameter")]
    parameter: Option<Parameter>,
    #[serde(rename = "SecretString")]
    secret: Option<String>,
}

#[derive(Deserialize)]
struct Parameter {
    #[serde(rename = "Value")]
    value: String,
}
