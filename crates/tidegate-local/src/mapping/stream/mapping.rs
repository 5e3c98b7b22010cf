//! Configuration of a stream mapping.

use std::sync::Arc;

use super::settings::StreamSettings;
use super::source::StreamSource;
use super::start::Start;
use crate::activity::Activity;
use crate::checkpoint::Checkpoints;
use crate::destination::Destination;
use crate::invocation::Invoker;
use crate::pace::{Pace, Signals};
use crate::wake::Wake;

/// Everything that a stream mapping needs.
pub struct StreamMapping {
    /// Declared name of the function.
    pub function: String,
    /// Declared name of the stream or table.
    pub source_name: String,
    /// Name of the mapping in the checkpoints. A recreated stream needs a new name.
    pub checkpoint_name: String,
    /// Rules of delivery.
    pub settings: StreamSettings,
    /// Where a mapping without checkpoints begins.
    pub starting_position: Start,
    /// Reads the stream.
    pub source: Arc<dyn StreamSource>,
    /// Invokes the function.
    pub invoker: Arc<dyn Invoker>,
    /// Destination of on-failure records. Overrides `has_destination` of the settings.
    pub destination: Option<Arc<dyn Destination>>,
    /// Store of the checkpoints.
    pub checkpoints: Arc<dyn Checkpoints>,
    /// Activity counter of the engine.
    pub activity: Arc<Activity>,
    /// Writes to the stream or the table.
    pub wake: Arc<Wake>,
    /// How often the stream is polled.
    pub pace: Pace,
}

impl StreamMapping {
    pub(super) fn signals(&self) -> Signals {
        Signals { activity: Arc::clone(&self.activity), wake: Arc::clone(&self.wake) }
    }
}
