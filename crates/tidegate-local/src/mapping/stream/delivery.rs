//! Delivers one shard, from its checkpoint to its end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::board::Board;
use super::end::End;
use super::kept::{failing_of, window_of};
use super::mapping::StreamMapping;
use super::port::ShardPort;
use super::reader::Reader;
use super::shard::Shard;
use super::shard::step::Input;
use super::source::{ReadFrom, ShardInfo};
use super::start;
use crate::driver::drive;
use crate::pace::Pacer;
use crate::pace::scale::scale;
use lambda_shapes::sequence::SequenceNumber;
use lambda_shapes::stream_kind::StreamKind;

/// The delivery of one shard.
pub(super) struct ShardDelivery {
    pub(super) mapping: Arc<StreamMapping>,
    pub(super) board: Arc<Board>,
    pub(super) shard: ShardInfo,
}

impl ShardDelivery {
    pub(super) async fn run(self, from: ReadFrom, stop: watch::Receiver<bool>) -> End {
        let board = Arc::clone(&self.board);
        let (shard, port) = match self.begun(from) {
            Ok(begun) => begun,
            Err(error) => {
                board.failed(&error.to_string());
                return End::Failed;
            }
        };
        match drive(shard, port, Some(Input::Start), stop).await {
            Ok(end) => end,
            Err(illegal) => {
                board.failed(&illegal.to_string());
                End::Failed
            }
        }
    }

    /// Returns the shard as it was when the engine stopped, and the port that continues from there.
    fn begun(self, from: ReadFrom) -> io::Result<(Shard, ShardPort)> {
        let (checkpoint, from) = self.position(from)?;
        let settings = self.mapping.settings.clone();
        let interval = match settings.kind {
            StreamKind::Kinesis => Duration::from_secs(1),
            StreamKind::DynamoDb => Duration::from_millis(250),
        };
        let pacer = Pacer::new(self.mapping.pace, scale(interval, settings.time_scale));
        let reader = Reader::new(Arc::clone(&self.mapping.source), &self.shard.id, from, pacer);
        let mut shard = Shard::new(&self.shard.id, settings, checkpoint.map(SequenceNumber::new));
        self.resume(&mut shard)?;
        Ok((shard, ShardPort::new(self.mapping, self.board, self.shard.id, reader)))
    }

    /// Returns the checkpoint of the shard, and where reading begins.
    fn position(&self, from: ReadFrom) -> io::Result<(Option<String>, ReadFrom)> {
        let (name, checkpoints) = (&self.mapping.checkpoint_name, &*self.mapping.checkpoints);
        match checkpoints.load(name, &self.shard.id)? {
            Some(sequence) => Ok((Some(sequence.clone()), ReadFrom::After(sequence))),
            None => Ok((None, start::of_shard(&self.shard, from, name, checkpoints)?)),
        }
    }

    /// Restores the open window and the failed batches that the shard had when the engine stopped.
    fn resume(&self, shard: &mut Shard) -> io::Result<()> {
        let (name, id) = (&self.mapping.checkpoint_name, &self.shard.id);
        let bad = |what: &str, error: serde_json::Error| {
            let reason = format!(
                "the stored {what} of shard {id} is invalid ({error}); delete the checkpoint file of the mapping to begin again"
            );
            io::Error::new(io::ErrorKind::InvalidData, reason)
        };
        if let Some(kept) = self.mapping.checkpoints.load(name, &window_of(id))? {
            shard.resume_window(&kept).map_err(|error| bad("window", error))?;
        }
        if let Some(kept) = self.mapping.checkpoints.load(name, &failing_of(id))? {
            shard.resume_failing(&kept).map_err(|error| bad("list of failed batches", error))?;
        }
        Ok(())
    }
}
