//! A stand-in for SQS that refuses what emulators accept.
//!
//! It refuses characters that XML 1.0 lacks, messages above 1 MiB, and every message for the queues
//! `gone` and `closed`. The queue `busy` refuses its first message.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::clients::Clients;

/// An SQS server that accepts queues of any name and may hold messages at the start.
pub(crate) struct StandIn {
    endpoint: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Bodies of messages that wait to be received.
    waiting: Vec<String>,
    /// Sent messages: the name of the queue and the request.
    sent: Vec<(String, Value)>,
    /// Number of refused messages.
    refused: usize,
    /// Number of deleted receipts.
    deleted: usize,
    /// The queue `busy` has refused its first message.
    was_busy: bool,
}

impl StandIn {
    /// Starts the server with these messages; each can be received once.
    pub(crate) async fn start(waiting: impl IntoIterator<Item = &str>) -> Self {
        let waiting = waiting.into_iter().map(str::to_owned).collect();
        let state = Arc::new(Mutex::new(State { waiting, ..State::default() }));
        let served = Arc::clone(&state);
        let answer = move |headers: HeaderMap, body: String| async move {
            let request: Value = serde_json::from_str(&body).unwrap();
            let call = headers["x-amz-target"].to_str().unwrap().to_owned();
            served.lock().unwrap().answer(&call, request)
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(
            async move { axum::serve(listener, axum::Router::new().fallback(answer)).await },
        );
        Self { endpoint, state }
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        self.clients().sqs
    }

    /// Returns clients of which only that of SQS has answers.
    pub(crate) fn clients(&self) -> Clients {
        Clients::new(&self.endpoint)
    }

    pub(crate) fn url(&self, queue: &str) -> String {
        format!("{}/000000000000/{queue}", self.endpoint)
    }

    /// Returns the bodies of the messages that a queue accepted.
    pub(crate) fn bodies(&self, queue: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let taken = state.sent.iter().filter(|(name, _)| name == queue);
        taken.map(|(_, request)| request["MessageBody"].as_str().unwrap().to_owned()).collect()
    }

    /// Returns a text attribute of the messages that a queue accepted.
    pub(crate) fn attributes(&self, queue: &str, name: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let taken = state.sent.iter().filter(|(taken, _)| taken == queue);
        let text = |request: &Value| {
            request["MessageAttributes"][name]["StringValue"].as_str().map(str::to_owned)
        };
        taken.filter_map(|(_, request)| text(request)).collect()
    }

    /// Returns the number of deleted messages.
    pub(crate) fn deleted(&self) -> usize {
        self.state.lock().unwrap().deleted
    }

    /// Returns the number of refused messages.
    pub(crate) fn refused(&self) -> usize {
        self.state.lock().unwrap().refused
    }
}

impl State {
    fn refuse(&mut self, code: &str, message: &str) -> (StatusCode, Json<Value>) {
        self.refused += 1;
        let refusal = json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": message});
        (StatusCode::BAD_REQUEST, Json(refusal))
    }

    fn answer(&mut self, call: &str, request: Value) -> (StatusCode, Json<Value>) {
        let answer = match call.trim_start_matches("AmazonSQS.") {
            "SendMessage" if queue(&request) == "gone" => {
                return self.refuse("QueueDoesNotExist", "The specified queue does not exist.");
            }
            "SendMessage" if queue(&request) == "closed" => {
                return self.refuse("AccessDenied", "Access to the resource is denied.");
            }
            "SendMessage"
                if queue(&request) == "busy" && !std::mem::replace(&mut self.was_busy, true) =>
            {
                return self.refuse("OverLimit", "Too much is going on.");
            }
            "SendMessage" if !texts(&request).iter().all(|text| is_xml(text)) => {
                return self.refuse("InvalidMessageContents", "Invalid characters found");
            }
            "SendMessage"
                if texts(&request).iter().map(|text| text.len()).sum::<usize>() > 1 << 20 =>
            {
                return self
                    .refuse("InvalidParameterValue", "Message must be shorter than 1048576 bytes");
            }
            "SendMessage" => {
                let queue = queue(&request).to_owned();
                self.sent.push((queue, request));
                json!({"MessageId": "m"})
            }
            "ReceiveMessage" => {
                let messages: Vec<Value> = self
                    .waiting
                    .drain(..)
                    .map(|body| json!({"MessageId": "m", "ReceiptHandle": "r", "Body": body}))
                    .collect();
                json!({"Messages": messages})
            }
            "DeleteMessageBatch" => {
                self.deleted += request["Entries"].as_array().unwrap().len();
                json!({"Successful": request["Entries"], "Failed": []})
            }
            "ChangeMessageVisibility" => json!({}),
            other => panic!("{other}"),
        };
        (StatusCode::OK, Json(answer))
    }
}

fn queue(request: &Value) -> &str {
    request["QueueUrl"].as_str().unwrap().rsplit('/').next().unwrap()
}

/// Starts an endpoint that gives every request the same answer.
pub(crate) async fn answering(status: u16, body: String) -> String {
    let answer = move || {
        let body = body.clone();
        async move { (StatusCode::from_u16(status).unwrap(), body) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    endpoint
}

/// Returns the body and the attribute values of a request.
fn texts(request: &Value) -> Vec<&str> {
    let attributes = request["MessageAttributes"].as_object().into_iter().flatten();
    let values = attributes.filter_map(|(_, value)| value["StringValue"].as_str());
    request["MessageBody"].as_str().into_iter().chain(values).collect()
}

/// Returns whether SendMessage accepts the text.
///
/// AWS docs: `#x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]`.
fn is_xml(text: &str) -> bool {
    text.chars().map(u32::from).all(|character| {
        matches!(character, 0x9 | 0xA | 0xD | 0x20..=0xD7FF | 0xE000..=0xFFFD | 0x1_0000..=0x10_FFFF)
    })
}

mod tests {
    use aws_sdk_sqs::error::ProvideErrorMetadata;
    use lambda_shapes::message::{LARGEST, send};

    use super::*;
    use crate::send_error::Reason;

    #[tokio::test]
    async fn a_message_is_taken_by_a_queue_that_refuses_what_sqs_refuses() {
        let queue = StandIn::start([]).await;
        let body = "{\"n\":\"\u{FFFE}\"}";
        send(&queue.sqs(), &queue.url("q"), body, [("WHY", "\u{FFFF}".to_owned())]).await.unwrap();
        assert_eq!(queue.bodies("q"), [r#"{"n":"\ufffe"}"#]);
        let refused = send(&queue.sqs(), &queue.url("q"), "text \u{FFFE}", []).await.unwrap_err();
        assert_eq!(refused.code(), Some("InvalidMessageContents"));
    }

    #[tokio::test]
    async fn a_message_larger_than_sqs_takes_is_refused_before_it_is_sent() {
        let queue = StandIn::start([]).await;
        let attributes = "WHY".len() + "String".len() + "no".len();
        let body = "b".repeat(LARGEST - attributes);
        let why = || [("WHY", "no".to_owned())];
        send(&queue.sqs(), &queue.url("q"), &body, why()).await.unwrap();
        let refused =
            send(&queue.sqs(), &queue.url("q"), &format!("{body}b"), why()).await.unwrap_err();
        assert!(Reason::from_error(&refused).is_final());
        let said = aws_sdk_sqs::error::DisplayErrorContext(refused).to_string();
        assert!(said.contains("the message has 1048577 bytes with its attributes"), "{said}");
        assert_eq!((queue.bodies("q").len(), queue.refused()), (1, 0));
    }
}
