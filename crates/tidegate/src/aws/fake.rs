//! A fake DynamoDB for tests, which gives prepared answers.

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{AwsClients, DynamoDb};

/// An answer to a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Status and body.
    Body(u16, Value),
    /// The connection is closed without an answer.
    Lost,
    /// There is no answer until the client gives up.
    Silence,
}

/// A fake DynamoDB and the requests that it got.
pub(crate) struct FakeDynamoDb {
    pub(crate) dynamodb: DynamoDb,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
}

impl FakeDynamoDb {
    /// Starts a fake that gives these answers to its requests in order. The last one repeats.
    pub(crate) async fn answering(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&calls);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, answers.clone(), Arc::clone(&seen)));
            }
        });
        let credentials = Credentials::new("key", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(aws_config::retry::RetryConfig::standard().with_max_attempts(3))
            .endpoint_url(format!("http://{address}"))
            .http_client(super::http(None))
            .build();
        Self { dynamodb: AwsClients::from_config(config).dynamodb(), calls }
    }

    /// Returns the operations of the requests so far, in lower case.
    pub(crate) fn operations(&self) -> Vec<String> {
        self.calls.lock().iter().map(|(operation, _)| operation.clone()).collect()
    }

    /// Returns the bodies of the requests so far.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.calls.lock().iter().map(|(_, body)| body.clone()).collect()
    }
}

impl Answer {
    /// Answers that these items were read.
    pub(crate) fn page(items: &[Value]) -> Self {
        Self::Body(200, json!({ "Items": items, "Count": items.len() }))
    }

    /// Answers with an error of this code.
    pub(crate) fn refused(code: &str, mut body: Value) -> Self {
        body["__type"] = json!(format!("com.amazonaws.dynamodb.v20120810#{code}"));
        Self::Body(400, body)
    }

    /// Answers a batch of statements, for each with `null` or the code of its error.
    pub(crate) fn statements(errors: &[Value]) -> Self {
        let response = |error: &Value| match error {
            Value::Null => json!({}),
            Value::String(code) => json!({ "Error": { "Code": code, "Message": code } }),
            error => json!({ "Error": error }),
        };
        Self::Body(200, json!({ "Responses": errors.iter().map(response).collect::<Vec<_>>() }))
    }
}

async fn serve(
    mut connection: TcpStream,
    answers: Vec<Answer>,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
) {
    while let Some(call) = request(&mut connection).await {
        let place = {
            let mut calls = calls.lock();
            calls.push(call);
            calls.len() - 1
        };
        let (status, body) = match answers.get(place).or(answers.last()) {
            Some(Answer::Body(status, body)) => (status, body.to_string()),
            Some(Answer::Silence) => {
                // Ends when the client closes the connection.
                let _ = connection.read_u8().await;
                calls.lock().push(("closed".to_owned(), Value::Null));
                return;
            }
            Some(Answer::Lost) | None => return,
        };
        let head = format!("HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n\r\n", body.len());
        if connection.write_all((head + &body).as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Reads the next request: its operation and its body.
async fn request(connection: &mut TcpStream) -> Option<(String, Value)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let field =
        |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let mut body = vec![0; field("content-length: ").map_or(0, |length| length.parse().unwrap())];
    connection.read_exact(&mut body).await.ok()?;
    let operation = field("x-amz-target: dynamodb_20120810.")?;
    Some((operation, serde_json::from_slice(&body).unwrap_or_default()))
}
