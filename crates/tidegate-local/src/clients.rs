//! The AWS clients with which the engine calls the emulator.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::credentials::KEY;
use crate::outage::{Outage, watched};
use engine_client::local::REGION;

/// One SDK client per service, all with one connection pool.
///
/// Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Kinesis.
    pub kinesis: aws_sdk_kinesis::Client,
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// DynamoDB Streams.
    pub streams: aws_sdk_dynamodbstreams::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// SNS.
    pub sns: aws_sdk_sns::Client,
    /// EventBridge.
    pub events: aws_sdk_eventbridge::Client,
    /// SES, first version.
    pub ses: aws_sdk_ses::Client,
    /// S3, with the bucket in the path.
    pub s3: aws_sdk_s3::Client,
    outage: Arc<Outage>,
}

impl Clients {
    /// Creates clients for an AWS-compatible endpoint such as `http://127.0.0.1:4566`.
    ///
    /// Credentials are always `test`/`test`, regardless of the environment: requests carry key id
    /// and session token, and an emulator needs neither. Retries are the SDK's standard mode. Call
    /// this inside a Tokio runtime.
    pub fn new(endpoint: &str) -> Self {
        let outage = Outage::new(endpoint);
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                KEY, KEY, None, None, "local",
            )))
            .endpoint_url(endpoint)
            .retry_config(RetryConfig::standard())
            .http_client(watched(http_client(endpoint), &outage))
            .build();
        Self {
            kinesis: aws_sdk_kinesis::Client::new(&config),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            streams: aws_sdk_dynamodbstreams::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            sns: aws_sdk_sns::Client::new(&config),
            events: aws_sdk_eventbridge::Client::new(&config),
            ses: aws_sdk_ses::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(
                aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build(),
            ),
            outage,
        }
    }

    /// Returns for how long the endpoint has not answered.
    ///
    /// `None` while it answers.
    ///
    /// It is also `None` for the first second of an outage, and for the first 25 seconds if the
    /// endpoint hangs.
    pub fn unanswered(&self) -> Option<Duration> {
        self.outage.lasts()
    }
}

/// Returns an HTTP client, without TLS for a plain endpoint: reading the machine's trusted
/// certificates takes longer than starting the engine.
fn http_client(endpoint: &str) -> SharedHttpClient {
    if endpoint.starts_with("https://") {
        Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https()
    } else {
        Builder::new().build_http()
    }
}
