//! Configuration of AWS clients.

mod warm;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// A request that takes longer is given up and tried again: a function has seconds, and a lost answer is no conflict for any write of the toolkit.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 3;

/// Makes AWS clients that share one configuration and one connection pool.
#[derive(Clone, Debug)]
pub struct AwsClients {
    config: SdkConfig,
    /// A client of DynamoDB was made.
    dynamodb: Arc<AtomicBool>,
}

impl AwsClients {
    /// Clients configured by the environment (region, credentials, `AWS_ENDPOINT_URL`), with short timeouts and three attempts.
    pub async fn from_env() -> Self {
        let loaded = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http())
            .timeout_config(timeouts())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
        AwsClients::from_config(loaded.load().await)
    }

    /// Clients of this configuration.
    pub fn from_config(config: SdkConfig) -> Self {
        AwsClients { config, dynamodb: Arc::default() }
    }

    /// Opens the connection to DynamoDB, if one of these clients is for it: what the first event would wait for otherwise. It sends `GET /`, which needs no
    /// permission, waits 500 ms at most, and does not fail.
    pub async fn warm(&self) {
        if self.dynamodb.load(Ordering::Relaxed) {
            warm::warm(&self.dynamodb()).await;
        }
    }

    /// The configuration, for clients of other services.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// DynamoDB.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.dynamodb.store(true, Ordering::Relaxed);
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    /// SQS.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    /// S3. With an endpoint of one's own, buckets are addressed in the path: an emulator has no host name for each.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config)
            .force_path_style(self.config.endpoint_url().is_some())
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }
}

pub(crate) fn http() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build()
}
