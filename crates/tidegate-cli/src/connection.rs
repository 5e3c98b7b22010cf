//! Where the system is, and the AWS clients that reach it.

use std::env;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::{Builder, tls};
use tidegate_local::engine_file::{EngineFile, EngineFileError};
use tidegate_local::topology::Topology;

use crate::cli::{Place, StateDir};
use crate::problem::Problem;

/// The state directory where none is named.
pub(crate) const STATE: &str = ".tidegate";

/// The topology file where none is named.
const TOPOLOGY: &str = "infra/topology.auto.tfvars";

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

/// A system, and the SDK's configuration for it.
pub(crate) struct System {
    config: SdkConfig,
    /// Set unless the system is in an AWS account.
    pub(crate) endpoint: Option<String>,
    engine: Option<EngineFile>,
    topology: Option<PathBuf>,
}

impl System {
    /// The endpoint of the environment (`AWS_ENDPOINT_URL`), else the local system started in this directory or one above it,
    /// else the AWS account of the environment.
    ///
    /// # Errors
    /// When there is none of them, or nothing answers.
    pub(crate) async fn open(place: &Place) -> Result<Self, Problem> {
        let engine = running_engine(&place.state);
        if let Some(endpoint) = place.endpoint_url.as_deref().filter(|endpoint| !endpoint.is_empty()) {
            reach(endpoint, "AWS_ENDPOINT_URL")?;
            let mut system = Self::to(endpoint, place);
            let same =
                |engine: &EngineFile| engine.endpoint.trim_end_matches('/') == endpoint.trim_end_matches('/');
            system.engine = engine.ok().flatten().filter(same);
            return Ok(system);
        }
        if let Some(engine) = engine? {
            reach(&engine.endpoint, "the local system")?;
            let mut system = Self::to(&engine.endpoint, place);
            system.engine = Some(engine);
            return Ok(system);
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
        Ok(System { config, endpoint: None, engine: None, topology: place.topology.clone() })
    }

    /// What the system declares.
    ///
    /// # Errors
    /// There is no topology file, or it has mistakes.
    pub(crate) fn topology(&self) -> Result<Topology, Problem> {
        let engine = || self.engine.as_ref().map(|engine| engine.topology.clone());
        let above = || {
            let here = env::current_dir().ok()?;
            here.ancestors().map(|directory| directory.join(TOPOLOGY)).find(|file| file.is_file())
        };
        let file = self.topology.clone().or_else(engine).or_else(above).ok_or_else(|| {
            Problem::new(format!(
                "there is no {TOPOLOGY} here or in a directory above; name the topology with --topology FILE"
            ))
        })?;
        tidegate_local::topology::load(&file).map_err(|error| Problem::new(error.to_string()))
    }

    /// Whether the system is in an AWS account, where rates are limited and an empty answer may be early.
    pub(crate) fn is_account(&self) -> bool {
        self.endpoint.is_none()
    }

    /// The configuration for functions: the engine's own endpoint when there is one, no retries and no limit of an answer's time. A function may
    /// take 15 minutes, and a call whose answer was lost is not to be repeated unseen.
    pub(crate) fn lambda(&self) -> aws_sdk_lambda::Client {
        let mut config = aws_sdk_lambda::config::Builder::from(&self.config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(engine) = &self.engine {
            config = config.endpoint_url(&engine.control);
        }
        aws_sdk_lambda::Client::from_conf(config.build())
    }

    /// A client for queues.
    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    /// A client for the streams of tables.
    pub(crate) fn streams(&self) -> aws_sdk_dynamodbstreams::Client {
        aws_sdk_dynamodbstreams::Client::new(&self.config)
    }

    /// A client for buckets. With an endpoint of one's own, buckets are addressed in the path.
    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        let config =
            aws_sdk_s3::config::Builder::from(&self.config).force_path_style(self.endpoint.is_some());
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// An endpoint, with the credentials and region of the environment or, without them, dummy ones.
    fn to(endpoint: &str, place: &Place) -> Self {
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
        System { config, endpoint: Some(endpoint.to_owned()), engine: None, topology: place.topology.clone() }
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

/// The state directory: the named one, else `.tidegate` here or in the nearest directory above that has a system's file, else here.
pub(crate) fn state_dir(named: &StateDir) -> PathBuf {
    let own = PathBuf::from(STATE);
    named.state_dir.clone().unwrap_or_else(|| {
        let here = env::current_dir().unwrap_or_default();
        here.ancestors()
            .map(|directory| directory.join(STATE))
            .find(|state| EngineFile::path(state).is_file())
            .unwrap_or(own)
    })
}

/// The local system that runs, if one was started.
///
/// # Errors
/// Its process is gone, or its file cannot be read.
fn running_engine(state: &StateDir) -> Result<Option<EngineFile>, Problem> {
    match EngineFile::read(&state_dir(state)) {
        Ok(engine) => Ok(Some(engine)),
        Err(EngineFileError::NotRunning(_)) if state.state_dir.is_none() => Ok(None),
        Err(error) => Err(Problem::new(error.to_string())),
    }
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
