//! The services that invoke a function.

/// The service that invokes the function; each has its own event and its own way to report failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A Kinesis stream.
    Kinesis,
    /// A table's DynamoDB stream.
    DynamoDb,
    /// An SQS queue, standard or FIFO. Messages of EventBridge, SNS and S3 are unwrapped.
    Sqs,
    /// An EventBridge rule or a schedule of EventBridge Scheduler: one event, or one constant input,
    /// invoked asynchronously.
    EventBridge,
    /// An SNS topic that the function is subscribed to, invoked asynchronously.
    Sns,
    /// Notifications of an S3 bucket, invoked asynchronously. Each record is a delivery.
    S3,
}

impl Source {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Kinesis => "kinesis",
            Source::DynamoDb => "dynamodb",
            Source::Sqs => "sqs",
            Source::EventBridge => "eventbridge",
            Source::Sns => "sns",
            Source::S3 => "s3",
        }
    }

    /// Whether the source is a stream: records come in order, and everything from the first failed
    /// record on comes again.
    pub(crate) fn is_in_order(self) -> bool {
        matches!(self, Source::Kinesis | Source::DynamoDb)
    }

    /// Whether this source invokes the function asynchronously. Lambda then ignores the function's
    /// answer, and retries a failed invocation as a whole.
    pub fn is_asynchronous(self) -> bool {
        matches!(self, Source::EventBridge | Source::Sns | Source::S3)
    }
}
