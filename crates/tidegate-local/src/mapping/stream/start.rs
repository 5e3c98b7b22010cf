//! Decides where a stream mapping without checkpoints begins.

use std::io;

use super::source::{ReadFrom, ShardInfo};
use crate::checkpoint::Checkpoints;
use lambda_shapes::moment::Moment;
use topology::model::{Source, StartingPosition};

/// Name under which the checkpoints hold the moment of the first start; no shard has this name.
const FIRST_START: &str = "first-start";

/// Where shards without a checkpoint begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record.
    Horizon,
    /// At records written since the first start of the mapping.
    ///
    /// The checkpoints hold the moment of the first start. So records written while the engine is
    /// down are delivered after it starts again. DynamoDB Streams have no iterator at a moment and
    /// tell time in whole seconds. There, reading begins at the oldest record, and all changes of
    /// the first start's second are delivered.
    Latest,
    /// At the first record written at this moment or later. Only Kinesis streams support this.
    At(Moment),
}

impl Start {
    /// Returns the start of a declared source; by default the oldest record.
    #[must_use]
    pub fn from_source(source: &Source) -> Self {
        match (source.starting_position, source.starting_position_timestamp) {
            (Some(StartingPosition::Latest), _) => Self::Latest,
            (Some(StartingPosition::AtTimestamp), Some(moment)) => Self::At(moment.into()),
            _ => Self::Horizon,
        }
    }

    /// Returns where the shards of a mapping begin.
    ///
    /// At the first start with `LATEST`, the moment is stored before anything is read.
    pub(super) fn position(
        self,
        mapping: &str,
        checkpoints: &dyn Checkpoints,
        now: Moment,
    ) -> io::Result<ReadFrom> {
        match self {
            Self::Horizon => Ok(ReadFrom::Horizon),
            Self::At(moment) => Ok(ReadFrom::Since(moment)),
            Self::Latest => {
                let Some(stored) = checkpoints.load(mapping, FIRST_START)? else {
                    checkpoints.store(mapping, FIRST_START, &now.as_millis().to_string())?;
                    return Ok(ReadFrom::Since(now));
                };
                let millis = stored.parse().map_err(|_| {
                    let reason =
                        format!("the checkpoints of {mapping} hold {stored} as its first start, which is not a time; delete its checkpoint file to begin again");
                    io::Error::new(io::ErrorKind::InvalidData, reason)
                })?;
                Ok(ReadFrom::Since(Moment::from_millis(millis)))
            }
        }
    }
}

/// Returns where a shard without a checkpoint begins.
///
/// If a record of a parent was delivered, the shard begins at its oldest record, since all its
/// records were written later. Otherwise it begins where its mapping does.
pub(super) fn of_shard(
    shard: &ShardInfo,
    from: ReadFrom,
    mapping: &str,
    checkpoints: &dyn Checkpoints,
) -> io::Result<ReadFrom> {
    for parent in &shard.parents {
        if checkpoints.load(mapping, parent)?.is_some() {
            return Ok(ReadFrom::Horizon);
        }
    }
    Ok(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::MemoryCheckpoints;

    const NOW: Moment = Moment::from_millis(1_700_000_000_123);

    fn later(start: Start, checkpoints: &MemoryCheckpoints) -> ReadFrom {
        start.position("m", checkpoints, NOW.after(std::time::Duration::from_secs(60))).unwrap()
    }

    #[test]
    fn trim_horizon_is_the_oldest_record() {
        assert_eq!(later(Start::Horizon, &MemoryCheckpoints::default()), ReadFrom::Horizon);
    }

    #[test]
    fn at_timestamp_is_the_declared_moment_whenever_the_engine_is_started() {
        assert_eq!(later(Start::At(NOW), &MemoryCheckpoints::default()), ReadFrom::Since(NOW));
    }

    #[test]
    fn latest_is_what_is_written_after_the_mapping_was_made_also_across_a_restart_before_the_first_record()
     {
        let checkpoints = MemoryCheckpoints::default();
        assert_eq!(Start::Latest.position("m", &checkpoints, NOW).unwrap(), ReadFrom::Since(NOW));
        assert_eq!(later(Start::Latest, &checkpoints), ReadFrom::Since(NOW));
    }

    #[test]
    fn a_first_start_that_is_no_time_is_an_error_that_names_it() {
        let checkpoints = MemoryCheckpoints::default();
        checkpoints.store("m", FIRST_START, "noon").unwrap();
        let error = Start::Latest.position("m", &checkpoints, NOW).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the checkpoints of m hold noon as its first start, which is not a time; delete its checkpoint file to begin again"
        );
    }

    #[test]
    fn a_child_begins_at_its_oldest_record_once_something_of_a_parent_was_delivered() {
        let checkpoints = MemoryCheckpoints::default();
        let child = ShardInfo { id: "c".to_owned(), parents: vec!["a".to_owned(), "b".to_owned()] };
        let begins = || of_shard(&child, ReadFrom::Since(NOW), "m", &checkpoints).unwrap();
        // A parent that was closed before the mapping was made has no delivered record, and its
        // children may be as old.
        assert_eq!(begins(), ReadFrom::Since(NOW));
        checkpoints.store("m", "b", "7").unwrap();
        assert_eq!(begins(), ReadFrom::Horizon);
    }
}
