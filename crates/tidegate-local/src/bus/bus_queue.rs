//! What the routing of one bus needs.

use std::sync::Arc;
use std::time::Duration;

use super::rule::Rule;
use crate::activity::Activity;
use crate::archive::Replays;
use crate::asynchronous::EventQueue;
use crate::clients::Clients;
use crate::pace::Pace;
use crate::wake::Wake;

/// Everything that the routing of one bus needs.
pub struct BusQueue {
    /// Declared name of the bus.
    pub bus: String,
    /// URL of the engine's own queue that gets every event of the bus.
    pub queue_url: String,
    /// Rules of the bus.
    pub rules: Vec<Rule>,
    /// Clients of the emulator.
    pub clients: Clients,
    /// Accepts events for functions.
    pub events: Arc<dyn EventQueue>,
    /// The replays, which may be meant for some rules only.
    pub replays: Arc<Replays>,
    /// Activity counter of the engine.
    pub activity: Arc<Activity>,
    /// Events that were put on the bus.
    pub wake: Arc<Wake>,
    /// How often the queue is polled.
    pub pace: Pace,
    /// Visibility timeout of a received event in its queue.
    pub hidden: Duration,
    /// Divides the waits between tries; 1 is AWS's pace.
    pub time_scale: f64,
}
