//! Opens the connection to DynamoDB while the function starts.
//!
//! During the start Lambda gives a function a whole processor; afterwards a function of 256 MB gets
//! a seventh of one. A TLS handshake therefore delays the first event much more than the start.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_dynamodb::config::{Builder, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use tracing::debug;

/// Longest time that the start waits.
const PATIENCE: Duration = Duration::from_millis(500);

/// Turns a request into `GET /`, which DynamoDB answers with `healthy: …`.
///
/// It needs no permission and is not an API call.
#[derive(Debug)]
struct AsPing;

impl Intercept for AsPing {
    fn name(&self) -> &'static str {
        "AsPing"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.set_method("GET")?;
        *request.body_mut() = "".into();
        for header in ["authorization", "content-length", "content-type", "x-amz-target"] {
            request.headers_mut().remove(header);
        }
        Ok(())
    }
}

/// Resolves the endpoint and the credentials, and opens the connection for the client's next call.
///
/// Ignores a failure, because the next call tries again.
pub(super) async fn warm(dynamodb: &aws_sdk_dynamodb::Client) {
    let once = Builder::new()
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(PATIENCE).build());
    let ping = dynamodb.describe_endpoints().customize().interceptor(AsPing).config_override(once);
    // The answer is not a response of the operation, so the SDK may report an error even after
    // success. Only a missing response means that there was no connection.
    if let Err(error) = ping.send().await
        && error.raw_response().is_none()
    {
        debug!(reason = %crate::failure::chain(&error), "no connection to DynamoDB while starting");
    }
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::aws::AwsClients;

    fn clients(endpoint: &str) -> AwsClients {
        let credentials = Credentials::new("key", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(endpoint)
            .http_client(crate::aws::http(None))
            .timeout_config(crate::aws::timeouts(crate::aws::ATTEMPT_TIMEOUT))
            .build();
        AwsClients::from_config(config)
    }

    /// Returns the head of the next request, and answers it.
    async fn answer(connection: &mut TcpStream, body: &str) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(connection.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut rest = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        connection.read_exact(&mut rest).await.unwrap();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        connection.write_all(answer.as_bytes()).await.unwrap();
        head
    }

    #[tokio::test]
    async fn the_first_call_takes_the_connection_that_the_start_opened() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let aws = clients(&format!("http://{}", listener.local_addr().unwrap()));
        let dynamodb = aws.dynamodb();
        let server = async {
            let (mut connection, _) = listener.accept().await.unwrap();
            let ping = answer(&mut connection, "healthy: dynamodb.us-east-1.amazonaws.com ").await;
            let call = answer(&mut connection, r#"{"TableNames":[]}"#).await;
            (ping, call)
        };
        let client = async {
            aws.warm().await;
            dynamodb.list_tables().send().await.unwrap();
        };
        let ((ping, call), ()) = tokio::join!(server, client);
        assert!(ping.starts_with("get / http/1.1\r\n"), "{ping}");
        assert!(!ping.contains("x-amz-target") && !ping.contains("authorization"), "{ping}");
        assert!(call.contains("x-amz-target: dynamodb_20120810.listtables"), "{call}");
    }

    #[tokio::test]
    async fn a_function_without_dynamodb_opens_no_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let aws = clients(&format!("http://{}", listener.local_addr().unwrap()));
        aws.warm().await;
        let second = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (first, _) = listener.accept().await.unwrap();
        assert_eq!(first.peer_addr().unwrap(), second.local_addr().unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_does_not_try_again_where_nobody_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let aws = clients(&format!("http://{}", listener.local_addr().unwrap()));
        drop(listener);
        let _ = aws.dynamodb();
        let start = tokio::time::Instant::now();
        aws.warm().await;
        assert!(start.elapsed() < PATIENCE / 10, "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_waits_half_a_second_for_an_answer_that_does_not_come() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let aws = clients(&format!("http://{}", listener.local_addr().unwrap()));
        let _ = aws.dynamodb();
        let start = tokio::time::Instant::now();
        aws.warm().await;
        assert_eq!(start.elapsed().as_millis() / 10, PATIENCE.as_millis() / 10);
    }
}
