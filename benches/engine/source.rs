//! Creates and fills the sources.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use benchmarks::problem::Problem;
use hyper::Method;
use serde_json::{Value, json};

use crate::aws::{ACCOUNT, Aws, REGION};

/// Ordering keys, message groups and partition keys.
const KEYS: u64 = 100;
/// Content of a record besides its number.
const PADDING: usize = 200;
/// Name of the bus.
const BUS: &str = "bus";

/// A kind of source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Kinesis,
    DynamoDb,
    Queue,
    Fifo,
    /// A rule of a bus whose target is the function.
    Events,
}

impl Source {
    pub(crate) const ALL: [Self; 5] =
        [Self::Kinesis, Self::DynamoDb, Self::Queue, Self::Fifo, Self::Events];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kinesis => "Kinesis",
            Self::DynamoDb => "DynamoDB Streams",
            Self::Queue => "SQS",
            Self::Fifo => "SQS FIFO",
            Self::Events => "EventBridge, asynchronous",
        }
    }

    /// Returns the batch sizes among 1, 10, 100 and 1,000 that AWS allows.
    pub(crate) fn batches(self) -> &'static [usize] {
        match self {
            Self::Kinesis | Self::DynamoDb | Self::Queue => &[1, 10, 100, 1000],
            Self::Fifo => &[1, 10],
            Self::Events => &[1],
        }
    }

    pub(crate) fn is_queue(self) -> bool {
        matches!(self, Self::Queue | Self::Fifo)
    }

    /// Returns the source's declaration inside a function, and the declarations outside functions.
    pub(crate) fn declaration(self, name: &str, function: &str, batch: usize) -> (String, String) {
        let stream = |kind: &str| {
            format!(
                "{name} = {{ {kind} = \"{name}\", batch_size = {batch}, starting_position = \"TRIM_HORIZON\" }}"
            )
        };
        // AWS allows batches above ten only with a window.
        let window = if batch > 10 { ", batching_window_seconds = 1" } else { "" };
        let queue = format!("{name} = {{ queue = \"{name}\", batch_size = {batch}{window} }}");
        match self {
            Self::Kinesis => (stream("stream"), format!("streams = {{ {name} = {{}} }}\n")),
            Self::DynamoDb => {
                let table = "{ partition_key = { name = \"n\", type = \"N\" }, stream_view = \"NEW_IMAGE\" }";
                (stream("table"), format!("tables = {{ {name} = {table} }}\n"))
            }
            Self::Queue => {
                (queue, format!("queues = {{ {name} = {{ visibility_timeout_seconds = 300 }} }}\n"))
            }
            Self::Fifo => {
                let declared = "{ fifo = true, visibility_timeout_seconds = 300 }";
                (queue, format!("queues = {{ {name} = {declared} }}\n"))
            }
            Self::Events => {
                let pattern = "{ source = [\"benchmark\"] }";
                let rule = format!(
                    "{{ bus = \"{BUS}\", pattern = {pattern}, target = {{ function = \"{function}\" }} }}"
                );
                (
                    String::new(),
                    format!("buses = {{ {BUS} = {{}} }}\nrules = {{ {name} = {rule} }}\n"),
                )
            }
        }
    }

    /// Creates the source in MiniStack.
    pub(crate) async fn create(self, aws: &Aws, name: &str) -> Result<(), Problem> {
        match self {
            Self::Kinesis => {
                let stream = json!({ "StreamName": name, "ShardCount": 1 });
                aws.call("kinesis", "Kinesis_20131202.CreateStream", &stream).await?;
                loop {
                    let asked = json!({ "StreamName": name });
                    let found = aws
                        .call("kinesis", "Kinesis_20131202.DescribeStreamSummary", &asked)
                        .await?;
                    if found.pointer("/StreamDescriptionSummary/StreamStatus")
                        == Some(&json!("ACTIVE"))
                    {
                        break;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            }
            Self::DynamoDb => {
                let table = json!({
                    "TableName": name,
                    "AttributeDefinitions": [{ "AttributeName": "n", "AttributeType": "N" }],
                    "KeySchema": [{ "AttributeName": "n", "KeyType": "HASH" }],
                    "BillingMode": "PAY_PER_REQUEST",
                    "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" },
                });
                aws.call("dynamodb", "DynamoDB_20120810.CreateTable", &table).await?;
            }
            Self::Queue | Self::Fifo => {
                let mut attributes = json!({ "VisibilityTimeout": "300" });
                if let (Self::Fifo, Some(attributes)) = (self, attributes.as_object_mut()) {
                    attributes.insert("FifoQueue".to_owned(), json!("true"));
                }
                let queue = json!({ "QueueName": self.physical(name), "Attributes": attributes });
                aws.call("sqs", "AmazonSQS.CreateQueue", &queue).await?;
            }
            Self::Events => {
                aws.call("events", "AWSEvents.CreateEventBus", &json!({ "Name": BUS })).await?;
            }
        }
        Ok(())
    }

    /// Creates MiniStack's own mapping from the source to a function.
    pub(crate) async fn map(
        self,
        aws: &Aws,
        name: &str,
        function: &str,
        batch: usize,
    ) -> Result<(), Problem> {
        if self == Self::Events {
            let pattern = json!({ "source": ["benchmark"] }).to_string();
            let rule = json!({ "Name": name, "EventBusName": BUS, "EventPattern": pattern });
            aws.call("events", "AWSEvents.PutRule", &rule).await?;
            let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}");
            let targets = json!({ "Rule": name, "EventBusName": BUS, "Targets": [{ "Id": "1", "Arn": arn }] });
            aws.call("events", "AWSEvents.PutTargets", &targets).await?;
            return Ok(());
        }
        let arn = match self {
            Self::Kinesis => format!("arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}"),
            Self::DynamoDb => {
                let asked = json!({ "TableName": name });
                let found = aws.call("dynamodb", "DynamoDB_20120810.DescribeTable", &asked).await?;
                let arn = found.pointer("/Table/LatestStreamArn").and_then(Value::as_str);
                arn.ok_or_else(|| Problem::new("the table has no stream"))?.to_owned()
            }
            _ => format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", self.physical(name)),
        };
        let mut mapping =
            json!({ "EventSourceArn": arn, "FunctionName": function, "BatchSize": batch });
        if let Some(mapping) = mapping.as_object_mut() {
            if !self.is_queue() {
                mapping.insert("StartingPosition".to_owned(), json!("TRIM_HORIZON"));
            } else if batch > 10 {
                mapping.insert("MaximumBatchingWindowInSeconds".to_owned(), json!(1));
            }
        }
        aws.lambda(Method::POST, "/2015-03-31/event-source-mappings", &mapping).await.map(drop)
    }

    /// Writes records with these numbers.
    pub(crate) async fn fill(
        self,
        aws: &Aws,
        name: &str,
        numbers: std::ops::Range<u64>,
    ) -> Result<(), Problem> {
        let at_once = match self {
            Self::Kinesis => 500,
            Self::DynamoDb => 25,
            Self::Queue | Self::Fifo | Self::Events => 10,
        };
        let mut from = numbers.start;
        while from < numbers.end {
            let to = numbers.end.min(from + at_once);
            self.write(aws, name, from..to).await?;
            from = to;
        }
        Ok(())
    }

    async fn write(
        self,
        aws: &Aws,
        name: &str,
        numbers: std::ops::Range<u64>,
    ) -> Result<(), Problem> {
        let (service, target, body) = match self {
            Self::Kinesis => {
                let records: Vec<Value> = numbers.map(kinesis).collect();
                let body = json!({ "StreamName": name, "Records": records });
                ("kinesis", "Kinesis_20131202.PutRecords", body)
            }
            Self::DynamoDb => {
                let put = |n: u64| {
                    let item =
                        json!({ "n": { "N": n.to_string() }, "padding": { "S": padding() } });
                    json!({ "PutRequest": { "Item": item } })
                };
                let puts: Vec<Value> = numbers.map(put).collect();
                (
                    "dynamodb",
                    "DynamoDB_20120810.BatchWriteItem",
                    json!({ "RequestItems": { name: puts } }),
                )
            }
            Self::Queue | Self::Fifo => {
                let message = |n: u64| {
                    let mut message = json!({ "Id": n.to_string(), "MessageBody": body(n) });
                    if let (Self::Fifo, Some(message)) = (self, message.as_object_mut()) {
                        message.insert("MessageGroupId".to_owned(), json!((n % KEYS).to_string()));
                        message.insert("MessageDeduplicationId".to_owned(), json!(n.to_string()));
                    }
                    message
                };
                let entries: Vec<Value> = numbers.map(message).collect();
                let url = format!("{}/{ACCOUNT}/{}", aws.endpoint(), self.physical(name));
                (
                    "sqs",
                    "AmazonSQS.SendMessageBatch",
                    json!({ "QueueUrl": url, "Entries": entries }),
                )
            }
            Self::Events => {
                let event = |n: u64| json!({ "EventBusName": BUS, "Source": "benchmark", "DetailType": "Nothing", "Detail": body(n) });
                let entries: Vec<Value> = numbers.map(event).collect();
                ("events", "AWSEvents.PutEvents", json!({ "Entries": entries }))
            }
        };
        let answer = aws.call(service, target, &body).await?;
        let failed =
            ["FailedRecordCount", "FailedEntryCount"].map(|name| answer.get(name).cloned());
        let refused =
            answer.get("Failed").and_then(Value::as_array).is_some_and(|failed| !failed.is_empty());
        let left = answer
            .get("UnprocessedItems")
            .and_then(Value::as_object)
            .is_some_and(|left| !left.is_empty());
        if refused || left || failed.into_iter().flatten().any(|count| count != json!(0)) {
            return Err(Problem::new(format!("{target} did not accept everything: {answer}")));
        }
        Ok(())
    }

    /// Waits until a queue is empty, because handled messages are deleted.
    pub(crate) async fn wait_until_empty(self, aws: &Aws, name: &str) -> Result<(), Problem> {
        const COUNTS: [&str; 2] =
            ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        if !self.is_queue() {
            return Ok(());
        }
        let url = format!("{}/{ACCOUNT}/{}", aws.endpoint(), self.physical(name));
        let asked = json!({ "QueueUrl": url, "AttributeNames": COUNTS });
        for _ in 0..500 {
            let answer = aws.call("sqs", "AmazonSQS.GetQueueAttributes", &asked).await?;
            let empty =
                |name: &&str| answer.pointer(&format!("/Attributes/{name}")) == Some(&json!("0"));
            if COUNTS.iter().all(empty) {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        Err(Problem::new(format!("queue {name} does not become empty")))
    }

    fn physical(self, name: &str) -> String {
        if self == Self::Fifo { format!("{name}.fifo") } else { name.to_owned() }
    }

    /// Returns the numbers of the records in an event.
    pub(crate) fn numbers(self, event: &[u8]) -> Result<Vec<u64>, Problem> {
        let event: Value = serde_json::from_slice(event)?;
        let odd =
            || Problem::new(format!("a record of {} is not one that was written", self.name()));
        let of = |record: &Value| {
            let text = |path: &str| record.pointer(path).and_then(Value::as_str);
            match self {
                Self::Kinesis => numbered(&STANDARD.decode(text("/kinesis/data")?).ok()?),
                Self::DynamoDb => text("/dynamodb/NewImage/n/N")?.parse().ok(),
                Self::Queue | Self::Fifo => numbered(text("/body")?.as_bytes()),
                Self::Events => record.pointer("/detail/n").and_then(Value::as_u64),
            }
        };
        match event.get("Records").and_then(Value::as_array) {
            Some(records) => records.iter().map(|record| of(record).ok_or_else(odd)).collect(),
            None => Ok(vec![of(&event).ok_or_else(odd)?]),
        }
    }
}

/// Creates a record for PutRecords.
pub(crate) fn kinesis(n: u64) -> Value {
    json!({ "Data": STANDARD.encode(body(n)), "PartitionKey": (n % KEYS).to_string() })
}

fn body(n: u64) -> String {
    json!({ "n": n, "padding": padding() }).to_string()
}

fn padding() -> String {
    "x".repeat(PADDING)
}

fn numbered(body: &[u8]) -> Option<u64> {
    serde_json::from_slice::<Value>(body).ok()?.get("n")?.as_u64()
}
