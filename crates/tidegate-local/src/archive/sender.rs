//! Puts the events of a replay on their bus.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use tokio::task::spawn_blocking;

use super::replay::{Replay, ReplayState};
use super::replays::Replays;
use super::store::{Archive, Place};
use crate::activity::Activity;
use crate::destination::until_sent;
use crate::send_error::SendError;
use crate::wake::Wake;
use lambda_shapes::message;
use lambda_shapes::text::shortened;

/// Most events that are sent at a time.
const AT_A_TIME: usize = 8;

/// What a replay needs of its bus.
#[derive(Clone)]
pub(super) struct Bus {
    pub(super) archive: Arc<Archive>,
    /// URL of the engine's own queue of the bus.
    pub(super) queue_url: String,
    pub(super) wake: Arc<Wake>,
    pub(super) sqs: aws_sdk_sqs::Client,
    pub(super) activity: Arc<Activity>,
    /// Divides the waits between tries; 1 is AWS's pace.
    pub(super) time_scale: f64,
}

/// Runs a replay to its end.
///
/// A replay that an engine left behind goes on behind the last minute that was sent as a whole.
pub(super) async fn run(replays: Arc<Replays>, bus: Bus, replay: Replay) {
    let name = replay.name.as_str();
    let state = replays.change(name, |replay| {
        if replay.state == ReplayState::Starting {
            replay.state = ReplayState::Running;
        }
    });
    let result = match state {
        ReplayState::Running => send_all(&replays, &bus, &replay).await,
        _ => Ok(()),
    };
    replays.change(name, |replay| {
        replay.ended = Some(Timestamp::now());
        replay.state = match (&result, replay.state) {
            (Err(_), _) => ReplayState::Failed,
            (Ok(()), ReplayState::Cancelling) => ReplayState::Cancelled,
            (Ok(()), _) => ReplayState::Completed,
        };
        replay.reason = result.err().map(|error| shortened(&error));
    });
    // The bus has its last events: a look at it from before does not count.
    bus.activity.bump();
}

async fn send_all(replays: &Replays, bus: &Bus, replay: &Replay) -> Result<(), String> {
    let archive = Arc::clone(&bus.archive);
    let (from, to) = (replay.from.into(), replay.to.into());
    let places = spawn_blocking(move || archive.between(from, to)).await;
    let mut places =
        places.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    if let Some(reached) = replay.last_replayed {
        let reached = reached.as_millisecond().div_euclid(60_000);
        places.retain(|place| place.minute() > reached);
    }
    for minute in places.chunk_by_mut(|one, next| one.minute() == next.minute()) {
        fastrand::shuffle(minute);
        let sends = minute.iter().copied().map(|place| send(bus, replay, place));
        let sends = stream::iter(sends);
        let sent = sends.buffer_unordered(AT_A_TIME).try_collect::<Vec<()>>().await;
        sent.map_err(|error| error.message)?;
        let last = minute.iter().map(|place| place.time).max();
        let state = replays.change(&replay.name, |replay| {
            replay.events += minute.len() as u64;
            replay.last_replayed = last.and_then(|last| Timestamp::from_millisecond(last).ok());
        });
        if state != ReplayState::Running {
            return Ok(());
        }
    }
    Ok(())
}

async fn send(bus: &Bus, replay: &Replay, place: Place) -> Result<(), SendError> {
    let archive = Arc::clone(&bus.archive);
    let read = spawn_blocking(move || archive.read(place)).await;
    let event = read.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let event = replayed(&event, &replay.name);
    let send = || -> BoxFuture<'_, _> {
        Box::pin(async {
            let sent = message::send(&bus.sqs, &bus.queue_url, &event, []).await;
            let what = "an archived event";
            sent.map(drop).map_err(|error| SendError::from_call(what, &bus.queue_url, error))
        })
    };
    let failed = |message: &str| tracing::warn!(replay = replay.name, "{message}");
    until_sent(send, bus.time_scale, failed).await?;
    bus.activity.bump();
    bus.wake.written();
    Ok(())
}

/// Returns an event with the name of its replay. The rest stays as it is written.
fn replayed(event: &str, replay: &str) -> String {
    let Some((before, fields)) = event.split_once('{') else { return event.to_owned() };
    let name = serde_json::Value::from(replay);
    let comma = if fields.trim_start().starts_with('}') { "" } else { "," };
    format!("{before}{{\"replay-name\":{name}{comma}{fields}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_gets_the_name_of_its_replay_and_stays_as_it_is() {
        for (event, expected) in [
            (r#"{"id":"1","n":1.10}"#, r#"{"replay-name":"r","id":"1","n":1.10}"#),
            (" { } ", r#" {"replay-name":"r" } "#),
            (r#"{"a":"\ud83d{"}"#, r#"{"replay-name":"r","a":"\ud83d{"}"#),
        ] {
            assert_eq!(replayed(event, "r"), expected);
        }
    }
}
