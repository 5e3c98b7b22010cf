//! The services that invoke a function.

/// The service that invokes the function.
///
/// Each service has its own event and its own way to report failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A Kinesis stream.
    Kinesis,
    /// A table's DynamoDB stream.
    DynamoDb,
    /// An SQS queue, standard or FIFO. Messages that EventBridge, SNS or S3 wrapped are unwrapped.
    Sqs,
    /// An EventBridge rule, or a schedule of EventBridge Scheduler. It invokes asynchronously, with
    /// one event or one constant input.
    EventBridge,
    /// An SNS topic to which the function is subscribed. It invokes asynchronously.
    Sns,
    /// The notifications of an S3 bucket. They invoke asynchronously, and each record is a
    /// delivery.
    S3,
}

impl Source {
    /// Returns the stable name of the source, such as `kinesis`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kinesis => "kinesis",
            Self::DynamoDb => "dynamodb",
            Self::Sqs => "sqs",
            Self::EventBridge => "eventbridge",
            Self::Sns => "sns",
            Self::S3 => "s3",
        }
    }

    /// Returns whether the source is a stream.
    ///
    /// The records of a stream come in order, and all records from the first failed one come again.
    pub(crate) fn is_in_order(self) -> bool {
        matches!(self, Self::Kinesis | Self::DynamoDb)
    }

    /// Returns whether this source invokes the function asynchronously.
    ///
    /// Lambda then ignores the function's response, and retries a failed invocation as a whole.
    pub fn is_asynchronous(self) -> bool {
        matches!(self, Self::EventBridge | Self::Sns | Self::S3)
    }
}
