//! Starts all deliveries to functions.

use std::sync::Arc;

use super::asynchronous::InvokedEvents;
use super::options::Options;
use super::start_error::StartError;
use super::timing::Timing;
use super::{buses, files, gateways, schedules, sources, topics};
use crate::asynchronous::EventQueue;
use crate::parts::Parts;

/// Starts the event source mappings, asynchronous invocation, the buses, the topics, the schedules
/// and the gateways.
///
/// Returns what accepts events for functions.
pub(super) async fn start(
    parts: Parts,
    options: &Options,
) -> Result<(Arc<Parts>, Arc<dyn EventQueue>), StartError> {
    // Functions may create schedules as soon as they run.
    schedules::serve(&parts);
    let checkpoints = files::checkpoints(&parts.state_dir, &options.backend)?;
    let timing = Timing { time_scale: options.time_scale, pace: options.pace };
    let mappings = sources::start(&parts, &checkpoints, timing).await?;
    let parts = Arc::new(parts);
    parts.pollers.lock().mappings = mappings;
    let events = InvokedEvents::new(&parts, timing);
    events.resume(&parts).await?;
    let events: Arc<dyn EventQueue> = Arc::new(events);
    let buses = buses::start(&parts, &events, timing)?;
    parts.pollers.lock().buses = buses;
    let topics = topics::start(&parts, &events, timing)?;
    parts.pollers.lock().topics = topics;
    buses::begin_replays(&parts, timing);
    let gateways = gateways::start(&parts, options).await?;
    parts.pollers.lock().gateways = gateways;
    let fired = schedules::start(&parts, &events, timing);
    parts.pollers.lock().schedules = Some(fired);
    Ok((parts, events))
}
