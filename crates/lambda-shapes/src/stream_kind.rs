//! The kinds of stream that Lambda reads.

/// Which kind of stream is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// A Kinesis data stream.
    Kinesis,
    /// The stream of a DynamoDB table.
    DynamoDb,
}
