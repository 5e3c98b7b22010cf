//! Finds the system, and creates the AWS clients for it.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_smithy_http_client::{Builder, tls};

use crate::account::{self, Intent};
use crate::endpoint::{CONNECT_TIMEOUT, Endpoint, EndpointOption, HOW_TO_START};
use crate::local_system::{self, STATE, STATE_VARIABLE};
use crate::name_prefix::PhysicalName;
use crate::output;
use crate::problem::Problem;

/// The region of a local system.
const LOCAL_REGION: &str = "us-east-1";

/// Longest time for one attempt of a call. LocalStack's first calls take seconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);

/// Variables that configure the access to an account without a custom endpoint.
const ACCOUNT_VARIABLES: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// A system and the SDK's configuration for it.
#[derive(Debug)]
pub struct Connection {
    config: SdkConfig,
    /// The endpoint, if one is named or a local system runs.
    endpoint: Option<String>,
    is_account: bool,
}

impl Connection {
    /// Connects to the first of these that exists:
    ///
    /// 1. the named endpoint (`AWS_ENDPOINT_URL`);
    /// 2. the local system with the state directory of `TIDEGATE_STATE`, or the one that was
    ///    started in this directory or one above it;
    /// 3. the AWS account of the environment.
    ///
    /// # Errors
    /// None of them exists or nothing responds. A name prefix or an account is given for the local
    /// system. An account would be changed that the command line does not name.
    pub async fn open(option: &EndpointOption, intent: Intent) -> Result<Self, Problem> {
        let here = env::current_dir().map_err(|error| {
            Problem::new(format!("the current directory cannot be read: {error}"))
        });
        let named =
            env::var_os(STATE_VARIABLE).filter(|state| !state.is_empty()).map(PathBuf::from);
        let state = named.map_or_else(
            || here.map(|here| local_system::state_dir(&here)),
            |state| Ok(Some(state)),
        );
        let looked = state.as_ref().ok().cloned().flatten().unwrap_or_else(|| PathBuf::from(STATE));
        let local = state.and_then(|state| match state {
            Some(state) => local_system::local_system(&state),
            None => Ok(None),
        });
        let (endpoint, is_local) = match option.endpoint() {
            // If the file of a local system cannot be read, another system can still be used.
            Some(named) => {
                let is_local = local.ok().flatten().is_some_and(|local| local.is_at(&named));
                (Some(named), is_local)
            }
            None => {
                let local = local?;
                let is_local = local.is_some();
                (local.map(|local| local.endpoint), is_local)
            }
        };
        match endpoint {
            Some(local) if is_local => {
                option.fit_local()?;
                Self::local(&local)
            }
            endpoint => Self::at(endpoint.as_ref(), option, intent, &looked).await,
        }
    }

    /// Connects to the local system, which must respond.
    ///
    /// The operator's credentials are not used, because key id and session token would be sent in
    /// clear text.
    ///
    /// # Errors
    /// Nothing responds.
    pub fn local(endpoint: &Endpoint) -> Result<Self, Problem> {
        endpoint.reach()?;
        Ok(Self::with(&endpoint.url, Credentials::new("test", "test", None, None, "local")))
    }

    /// Connects to this endpoint, which must respond.
    ///
    /// Without an endpoint, or at one of AWS's own, it connects to the AWS account of the
    /// environment and prints so. `looked` is the state directory without a local system.
    ///
    /// # Errors
    /// Nothing responds, the environment has no AWS credentials, or an account would be changed
    /// that the command line does not name.
    pub async fn at(
        endpoint: Option<&Endpoint>,
        option: &EndpointOption,
        intent: Intent,
        looked: &Path,
    ) -> Result<Self, Problem> {
        if let Some(endpoint) = endpoint {
            if endpoint.is_aws() {
                let Endpoint { url, named_by } = endpoint;
                account::must_be_named(
                    option,
                    intent,
                    &format!("{url} (from {named_by}) is at AWS"),
                )?;
            }
            endpoint.reach()?;
            if endpoint.is_aws() {
                return Self::account(Some(endpoint), option).await;
            }
            let connection = Self::to(&endpoint.url);
            if let Some(named) = &option.account {
                account::of_credentials(&connection.config, Some(named)).await?;
            }
            return Ok(connection);
        }
        if ACCOUNT_VARIABLES.iter().all(|name| variable(name).is_none()) {
            return Err(Problem::new(format!(
                "no system to talk to: neither AWS_ENDPOINT_URL nor AWS credentials are set, and {}; \
                 {HOW_TO_START}",
                account::not_running(looked)
            )));
        }
        account::must_be_named(option, intent, &account::not_running(looked))?;
        Self::account(None, option).await
    }

    /// Connects to the AWS account of the environment and prints so. All calls go to the endpoint
    /// if there is one.
    async fn account(
        endpoint: Option<&Endpoint>,
        option: &EndpointOption,
    ) -> Result<Self, Problem> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(tls_client())
            .timeout_config(timeouts());
        if let Some(endpoint) = endpoint {
            loader = loader.endpoint_url(&endpoint.url);
        }
        let config = loader.load().await;
        let Some(region) = config.region() else {
            return Err(Problem::new(
                "no region is set: name it with AWS_REGION, or in the AWS profile",
            ));
        };
        let named = option.account.as_ref();
        let found = match endpoint {
            Some(_) => account::of_credentials_at_aws(&config, named).await?,
            None => account::of_credentials(&config, named).await?,
        };
        output::note(&account::addressed(found.as_deref(), region.as_ref(), &option.name_prefix));
        Ok(Self {
            config,
            endpoint: endpoint.map(|endpoint| endpoint.url.clone()),
            is_account: true,
        })
    }

    /// Connects to an endpoint, with the credentials and region of the environment or, without
    /// them, dummy ones.
    pub fn to(endpoint: &str) -> Self {
        let credentials = match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
            (Some(id), Some(secret)) => {
                Credentials::new(id, secret, variable("AWS_SESSION_TOKEN"), None, "environment")
            }
            _ => Credentials::new("test", "test", None, None, "local"),
        };
        Self::with(endpoint, credentials)
    }

    fn with(endpoint: &str, credentials: Credentials) -> Self {
        let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
        let http = if endpoint.starts_with("https://") {
            tls_client()
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
        Self { config, endpoint: Some(endpoint.to_owned()), is_account: false }
    }

    /// Returns the SDK's configuration.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// Returns whether the system is in an AWS account, where rates are limited and an empty
    /// response may be premature.
    pub fn is_account(&self) -> bool {
        self.is_account
    }

    /// Creates a client for streams.
    pub fn kinesis(&self) -> aws_sdk_kinesis::Client {
        aws_sdk_kinesis::Client::new(&self.config)
    }

    /// Creates a client for tables.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    /// Says why a table cannot be read or written: that it is missing, or else `why`.
    pub async fn explain_table(&self, table: &PhysicalName, why: &str) -> Problem {
        let described = self.dynamodb().describe_table().table_name(table.as_str()).send().await;
        let missing = described.is_err_and(|error| {
            error
                .as_service_error()
                .is_some_and(DescribeTableError::is_resource_not_found_exception)
        });
        self.explain(if missing {
            table.missing("table")
        } else {
            Problem::new(format!("table {table}: {why}"))
        })
    }

    /// Adds the place of the system to a problem.
    pub fn explain(&self, problem: Problem) -> Problem {
        match (&problem, &self.endpoint) {
            (Problem::Said(text), Some(endpoint)) => Problem::new(format!("at {endpoint}: {text}")),
            _ => problem,
        }
    }
}

fn tls_client() -> aws_sdk_dynamodb::config::SharedHttpClient {
    Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https()
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
