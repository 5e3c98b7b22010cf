//! What a stream mapping consists of.

use std::sync::Arc;

use super::settings::StreamSettings;
use super::source::StreamSource;
use super::start::Start;
use crate::activity::Activity;
use crate::checkpoint::Checkpoints;
use crate::destination::Destination;
use crate::invocation::Invoker;
use crate::pace::Pace;

/// Everything a stream mapping needs.
pub struct StreamMapping {
    /// The function's declared name.
    pub function: String,
    /// The stream's or table's declared name.
    pub source_name: String,
    /// Name of the mapping in the checkpoints. A stream made anew must have another.
    pub checkpoint_name: String,
    /// The rules.
    pub settings: StreamSettings,
    /// Where a mapping without checkpoint begins.
    pub starting_position: Start,
    /// The stream.
    pub source: Arc<dyn StreamSource>,
    /// Runs the function.
    pub invoker: Arc<dyn Invoker>,
    /// Where on-failure records go. Decides about `has_destination` of the settings.
    pub destination: Option<Arc<dyn Destination>>,
    /// Where positions are kept.
    pub checkpoints: Arc<dyn Checkpoints>,
    /// The engine's activity counter.
    pub activity: Arc<Activity>,
    /// How fast the stream is polled.
    pub pace: Pace,
}
