//! Stream mappings, of Kinesis and of a table: one state machine and one driver per shard.

mod board;
mod delivery;
mod dynamodb;
mod end;
mod kept;
mod kinesis;
mod mapping;
mod port;
mod reader;
mod settings;
pub mod shard;
mod source;
mod start;
mod watch;

#[cfg(test)]
mod tests;

pub use dynamodb::DynamoDbSource;
pub use kinesis::KinesisSource;
pub use mapping::StreamMapping;
pub use settings::StreamSettings;
pub use source::{Page, ReadError, ReadFrom, ShardInfo, StreamSource};
pub use start::Start;
pub use watch::start;
