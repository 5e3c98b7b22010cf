//! Tests letters against an AWS endpoint with prepared responses.

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::aws::AwsClients;
use crate::source::Source;
use crate::test::SqsEvent;

/// Answered requests: method and path, and the body.
type Requests = Arc<Mutex<Vec<(String, String)>>>;

/// Starts an AWS endpoint that answers every POST, as SQS receives, with this status and error
/// code, and accepts every PUT, as S3 receives.
async fn endpoint(status: u16, code: &'static str) -> (AwsClients, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let credentials = Credentials::new("key", "secret", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(format!("http://{}", listener.local_addr().unwrap()))
        .http_client(crate::aws::http(None))
        .build();
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(serve(connection, status, code, Arc::clone(&seen)));
        }
    });
    (AwsClients::from_config(config), requests)
}

async fn serve(mut connection: TcpStream, status: u16, code: &'static str, seen: Requests) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = connection.read_u8().await else { return };
            head.push(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.lines().find_map(|line| {
            line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned)
        });
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        connection.read_exact(&mut body).await.unwrap();
        let request: Vec<&str> = head.split(' ').take(2).collect();
        seen.lock().unwrap().push((request.join(" "), String::from_utf8(body).unwrap()));
        let (status, body) = match request[0] {
            "PUT" => (200, String::new()),
            _ => (status, format!(r#"{{"__type":"com.amazonaws.sqs#{code}","message":"no"}}"#)),
        };
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        connection.write_all(answer.as_bytes()).await.unwrap();
    }
}

async fn put(aws: &AwsClients) -> Result<(), Failure> {
    let event = SqsEvent::new().message("body").build();
    let deliveries = Source::Sqs.split(&event).unwrap();
    let letter = DeadLetter::new(
        "orders",
        Source::Sqs,
        &deliveries[0],
        &Failure::permanent("never", "why \u{ffff}"),
    );
    QueueDeadLetters::new(aws.sqs(), aws.s3(), "http://queue/1/letters", "bucket", 262_144)
        .put(&letter)
        .await
}

#[tokio::test]
async fn a_letter_that_sqs_refuses_for_good_is_in_the_bucket() {
    for (status, code) in [
        (400, "InvalidMessageContents"),
        (400, "InvalidParameterValueException"),
        (400, "AWS.SimpleQueueService.InvalidMessageContents"),
        (413, "RequestTooLong"),
    ] {
        let (aws, requests) = endpoint(status, code).await;
        put(&aws).await.unwrap();
        let requests = requests.lock().unwrap();
        let objects: Vec<&str> = requests
            .iter()
            .filter_map(|(request, _)| request.strip_prefix("PUT /bucket/orders/"))
            .collect();
        assert_eq!(objects.len(), 2, "{code}: {requests:?}");
        assert!(objects[1].contains(".letter.json"), "{code}: {objects:?}");
    }
}

#[tokio::test]
async fn a_queue_that_is_not_there_or_may_not_be_written_fails_the_letter() {
    for code in ["QueueDoesNotExist", "AccessDeniedException", "KmsAccessDenied", "InvalidSecurity"]
    {
        let (aws, requests) = endpoint(400, code).await;
        let failure = put(&aws).await.unwrap_err();
        assert_eq!(failure.code(), "dead_letter_queue", "{code}");
        assert_eq!(requests.lock().unwrap().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_message_holds_characters_alone_that_sqs_takes() {
    let (aws, requests) = endpoint(400, "QueueDoesNotExist").await;
    put(&aws).await.unwrap_err();
    let (_, request) = requests.lock().unwrap().remove(0);
    let request: Value = serde_json::from_str(&request).unwrap();
    let body = request["MessageBody"].as_str().unwrap();
    assert!(
        body.contains("why \\uffff") && body.chars().all(super::super::text::is_taken),
        "{body}"
    );
}
