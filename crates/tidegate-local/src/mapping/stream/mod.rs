//! Stream mappings, for Kinesis streams and streams of tables: one state machine per shard.
//!
//! [`start()`] runs one driver for each shard that can be read.

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
