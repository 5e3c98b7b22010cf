//! Names of the billed quantities.

/// DynamoDB write request units; a transactional write counts two per KB.
pub const WRITE_UNITS: &str = "dynamodb_write_units";
/// DynamoDB read request units, halves included.
pub const READ_UNITS: &str = "dynamodb_read_units";
/// Custom events put on a bus, in chunks of 64 KB.
pub const EVENTS: &str = "eventbridge_events";
/// Bytes of these events: what an archive stores.
pub const EVENT_BYTES: &str = "eventbridge_event_bytes";
/// SQS requests to standard queues, in chunks of 64 KB.
pub const QUEUE_REQUESTS: &str = "sqs_requests";
/// SQS requests to FIFO queues, in chunks of 64 KB.
pub const FIFO_REQUESTS: &str = "sqs_fifo_requests";
/// SNS requests that publish to standard topics, in chunks of 64 KB.
pub const PUBLISHES: &str = "sns_publishes";
/// SNS requests that publish to FIFO topics, in chunks of 64 KB.
pub const FIFO_PUBLISHES: &str = "sns_fifo_publishes";
/// Bytes that were published to FIFO topics.
pub const FIFO_PUBLISHED_BYTES: &str = "sns_fifo_published_bytes";
/// Kinesis PUT payload units of 25 KB.
pub const PUT_UNITS: &str = "kinesis_put_units";
/// S3 requests of the more expensive class: PUT, COPY, POST, LIST.
pub const PUT_REQUESTS: &str = "s3_put_requests";
/// S3 requests of the cheaper class: GET and similar. DELETE is free.
pub const GET_REQUESTS: &str = "s3_get_requests";
/// E-mails, one per recipient.
pub const MAILS: &str = "ses_messages";

/// Invocations of EventBridge Scheduler.
pub const SCHEDULED: &str = "scheduler_invocations";

/// A billed quantity and its amount.
pub(crate) type Quantity = (&'static str, f64);
