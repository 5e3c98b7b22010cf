//! Where the system is, and the AWS clients that reach it.

use std::env;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::{Builder, tls};
use serde::Deserialize;

use crate::cli::Place;
use crate::problem::Problem;

/// The region of everything local.
const LOCAL_REGION: &str = "us-east-1";

/// How long an endpoint may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an endpoint may take to answer at all.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an endpoint may take to answer one attempt. LocalStack's first calls take seconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);

const HOW_TO_START: &str = "start the local system with `tidegate local up`";

/// Variables that say how to reach an account without an endpoint of one's own.
const ACCOUNT_VARIABLES: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// A place and the SDK's configuration for it.
pub(crate) struct Connection {
    config: SdkConfig,
    /// Set unless the place is an AWS account.
    endpoint: Option<String>,
}

/// What the local engine writes down about itself.
#[derive(Deserialize)]
struct Engine {
    endpoint: String,
}

impl Connection {
    /// The endpoint of the environment (`AWS_ENDPOINT_URL`), else that of the local system started in this directory or one above it,
    /// else the AWS account of the environment.
    ///
    /// # Errors
    /// When there is none of them, or nothing answers.
    pub(crate) async fn open(place: &Place) -> Result<Self, Problem> {
        if let Some(endpoint) = place.endpoint_url.as_deref().filter(|endpoint| !endpoint.is_empty()) {
            reach(endpoint, "AWS_ENDPOINT_URL")?;
            return Ok(Self::to(endpoint));
        }
        let here = env::current_dir()
            .map_err(|error| Problem::new(format!("the current directory cannot be read: {error}")))?;
        if let Some(file) = engine_file(&here) {
            let endpoint = read_engine(&file)?;
            reach(&endpoint, &file.display().to_string())?;
            return Ok(Self::to(&endpoint));
        }
        if ACCOUNT_VARIABLES.iter().all(|name| variable(name).is_none()) {
            return Err(Problem::new(format!(
                "no system to talk to: neither AWS_ENDPOINT_URL nor AWS credentials are set, and there is no .tidegate/engine.json; \
                 {HOW_TO_START}"
            )));
        }
        let http = Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .timeout_config(timeouts())
            .load()
            .await;
        Ok(Connection { config, endpoint: None })
    }

    /// An endpoint, with the credentials and region of the environment or, without them, dummy ones.
    pub(crate) fn to(endpoint: &str) -> Self {
        let credentials = match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
            (Some(id), Some(secret)) => {
                Credentials::new(id, secret, variable("AWS_SESSION_TOKEN"), None, "environment")
            }
            _ => Credentials::new("test", "test", None, None, "local"),
        };
        let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
        let http = if endpoint.starts_with("https://") {
            Builder::new()
                .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
                .build_https()
        } else {
            Builder::new().build_http()
        };
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.unwrap_or_else(|| LOCAL_REGION.to_owned())))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(endpoint)
            .retry_config(RetryConfig::standard())
            .timeout_config(timeouts())
            .http_client(http)
            .build();
        Connection { config, endpoint: Some(endpoint.to_owned()) }
    }

    /// A client for streams.
    pub(crate) fn kinesis(&self) -> aws_sdk_kinesis::Client {
        aws_sdk_kinesis::Client::new(&self.config)
    }

    /// A client for tables.
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    /// Adds the place to a problem.
    pub(crate) fn explain(&self, problem: Problem) -> Problem {
        match (&problem, &self.endpoint) {
            (Problem::Said(text), Some(endpoint)) => Problem::new(format!("at {endpoint}: {text}")),
            _ => problem,
        }
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build()
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// `.tidegate/engine.json` in this directory or the nearest one above it.
fn engine_file(from: &Path) -> Option<PathBuf> {
    from.ancestors().map(|directory| directory.join(".tidegate/engine.json")).find(|file| file.is_file())
}

fn read_engine(file: &Path) -> Result<String, Problem> {
    let unusable =
        |error: String| Problem::new(format!("{} cannot be used ({error}); {HOW_TO_START}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| unusable(error.to_string()))?;
    let engine: Engine = serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))?;
    Ok(engine.endpoint)
}

/// Connects once and waits for a first byte: the SDK would try for long before it gives up on an endpoint that is not there.
fn reach(endpoint: &str, named_by: &str) -> Result<(), Problem> {
    let no_url = || {
        Problem::new(format!(
            "`{endpoint}` (from {named_by}) is no endpoint; expected something like http://127.0.0.1:4566"
        ))
    };
    let (scheme, rest) = endpoint.split_once("://").ok_or_else(no_url)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let default_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return Err(no_url()),
    };
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let address = if has_port { authority.to_owned() } else { format!("{authority}:{default_port}") };
    let silent = |error: String| {
        Problem::new(format!("nothing answers at {endpoint} (from {named_by}): {error}; {HOW_TO_START}"))
    };
    let mut last = "it has no address".to_owned();
    for address in address.to_socket_addrs().map_err(|error| silent(error.to_string()))? {
        let answer = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).and_then(|stream| match scheme {
            "http" => first_byte(stream, authority),
            _ => Ok(()),
        });
        match answer {
            Ok(()) => return Ok(()),
            Err(error) => last = error.to_string(),
        }
    }
    Err(silent(last))
}

/// Any answer to a plain request will do, an error too.
fn first_byte(mut stream: TcpStream, authority: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(FIRST_BYTE_TIMEOUT))?;
    write!(stream, "GET / HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n")?;
    match stream.read(&mut [0]) {
        Ok(0) => Err(io::Error::new(ErrorKind::UnexpectedEof, "it closed the connection without an answer")),
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Err(
            io::Error::new(ErrorKind::TimedOut, format!("no answer in {} s", FIRST_BYTE_TIMEOUT.as_secs())),
        ),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_system_is_found_from_a_directory_below_it() {
        let root = tempfile::tempdir().unwrap();
        let below = root.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        std::fs::create_dir(root.path().join(".tidegate")).unwrap();
        let file = root.path().join(".tidegate/engine.json");
        std::fs::write(&file, r#"{"pid": 1, "endpoint": "http://127.0.0.1:9"}"#).unwrap();
        assert_eq!(engine_file(&below), Some(file.clone()));
        assert_eq!(read_engine(&file).unwrap(), "http://127.0.0.1:9");
        std::fs::write(&file, "{}").unwrap();
        assert!(read_engine(&file).unwrap_err().to_string().contains("tidegate local up"));
    }

    #[test]
    fn an_endpoint_that_is_none_or_does_not_answer_is_said() {
        for (endpoint, part) in [
            ("127.0.0.1:4566", "is no endpoint"),
            ("ftp://127.0.0.1", "is no endpoint"),
            ("http://127.0.0.1:1", "nothing answers at http://127.0.0.1:1 (from X)"),
        ] {
            let said = reach(endpoint, "X").unwrap_err().to_string();
            assert!(said.contains(part), "{said}");
        }
    }
}
