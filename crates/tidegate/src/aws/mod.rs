//! Configures AWS clients.

mod dynamodb;
#[cfg(test)]
pub(crate) mod fake;
mod warm;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

pub use dynamodb::DynamoDb;

/// A request that takes longer is abandoned and retried.
///
/// That is safe: the toolkit recognises its own writes after a lost answer. The time is below 3 s,
/// the default timeout of a function.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 3;

/// Creates AWS clients that share one configuration and one connection pool.
#[derive(Clone, Debug)]
pub struct AwsClients {
    config: SdkConfig,
    /// Whether DynamoDB gets every write by itself.
    single_writes: bool,
    dynamodb: Arc<OnceLock<DynamoDb>>,
}

impl AwsClients {
    /// Loads the configuration from the environment (region, credentials, `AWS_ENDPOINT_URL`), with
    /// short timeouts and three attempts.
    pub async fn from_env() -> Self {
        let loaded = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http(None))
            .timeout_config(timeouts(ATTEMPT_TIMEOUT))
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
        Self::from_config(loaded.load().await)
    }

    /// Creates clients of this configuration.
    pub fn from_config(config: SdkConfig) -> Self {
        Self { config, single_writes: false, dynamodb: Arc::default() }
    }

    /// Sets the time after which a request is abandoned and retried; 2 s by default.
    ///
    /// It must be well below the function's timeout, or no request is ever retried. The topology
    /// sets `TIDEGATE_ATTEMPT_TIMEOUT_MILLISECONDS` to two thirds of the function's timeout, at
    /// most 4 s. An attempt to connect is abandoned after 1 s. Call this before you create clients.
    #[must_use]
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.config = self.config.into_builder().timeout_config(timeouts(timeout)).build();
        self
    }

    /// Sends every write to DynamoDB by itself instead of several in one request.
    ///
    /// For backends that cannot do `BatchExecuteStatement`. The local engine finds out and sets
    /// `TIDEGATE_STATEMENTS`. Call this before you create clients.
    #[must_use]
    pub fn single_writes(mut self) -> Self {
        self.single_writes = true;
        self
    }

    /// Opens the connection to DynamoDB if a DynamoDB client was created, so that the first event
    /// does not wait for it.
    ///
    /// Sends `GET /`, which needs no permission. Waits 500 ms at most and never fails.
    pub async fn warm(&self) {
        if let Some(dynamodb) = self.dynamodb.get() {
            warm::warm(dynamodb).await;
        }
    }

    /// Returns the configuration, for clients of other services.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// Returns the configuration for a client of a service that does not recognise a repeated
    /// request, such as SES.
    ///
    /// The client sends each request once, over a connection of its own. A service may close an
    /// idle connection just when a request arrives; the reset then looks as if the service may have
    /// read the request. (The pool cannot avoid such connections: Lambda freezes a function between
    /// invocations, and the pool's timers with it.) See
    /// [`EffectError::aws`](crate::idempotency::EffectError::aws).
    pub fn once(&self) -> SdkConfig {
        let builder = self.config.clone().into_builder().retry_config(RetryConfig::disabled());
        builder.http_client(http(Some(0))).build()
    }

    /// Returns the DynamoDB client. All stores of the function share it and its requests.
    pub fn dynamodb(&self) -> DynamoDb {
        let create = || {
            let client = aws_sdk_dynamodb::Client::new(&self.config);
            if self.single_writes { DynamoDb::single(client) } else { client.into() }
        };
        self.dynamodb.get_or_init(create).clone()
    }

    /// Creates an SQS client.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    /// Creates an S3 client.
    ///
    /// If the configuration has an endpoint URL, the bucket is part of the path: an emulator has no
    /// host name for each bucket.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config)
            .force_path_style(self.config.endpoint_url().is_some())
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }
}

/// Creates an HTTP client that keeps at most `idle` idle connections to a host.
///
/// `None`: the client's default.
pub(crate) fn http(idle: Option<usize>) -> SharedHttpClient {
    let mut builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    builder.set_pool_max_idle_per_host(idle);
    builder.build_https()
}

fn timeouts(attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(attempt)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients() -> AwsClients {
        let config = SdkConfig::builder().timeout_config(timeouts(ATTEMPT_TIMEOUT)).build();
        AwsClients::from_config(config)
    }

    fn attempt_timeout(aws: &AwsClients) -> Option<Duration> {
        aws.config().timeout_config().and_then(TimeoutConfig::operation_attempt_timeout)
    }

    #[test]
    fn a_request_is_given_up_before_a_function_with_lambdas_default_timeout() {
        assert!(attempt_timeout(&clients()).unwrap() < Duration::from_secs(3));
    }

    #[test]
    fn the_time_for_a_request_can_be_set_and_connections_keep_theirs() {
        let aws = clients().attempt_timeout(Duration::from_millis(700));
        assert_eq!(attempt_timeout(&aws), Some(Duration::from_millis(700)));
        let connect = aws.config().timeout_config().and_then(TimeoutConfig::connect_timeout);
        assert_eq!(connect, Some(CONNECT_TIMEOUT));
    }
}
