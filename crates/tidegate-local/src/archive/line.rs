//! Lines of an archive's files: one archived event each.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use lambda_shapes::moment::Moment;

/// A line: the event's time in milliseconds, its id, and the event as text. It borrows from the
/// line where it can.
#[derive(Serialize, Deserialize)]
pub(super) struct Line<'a>(
    pub(super) i64,
    #[serde(borrow)] pub(super) Cow<'a, str>,
    #[serde(borrow)] pub(super) Cow<'a, str>,
);

/// Returns the time of an event in milliseconds, and its id.
///
/// The time is that of the event, by which EventBridge replays. An event without one has the time
/// at which the bus received it.
pub(super) fn time_and_id(event: &str, accepted: Moment) -> (i64, String) {
    let read = aws_json::Json::leading(event).ok();
    let text = |name: &str| read.as_ref().and_then(|(event, _)| event.get(name)?.as_text());
    let time = text("time").and_then(|time| time.parse::<Timestamp>().ok());
    let time = time.map_or(accepted.as_millis(), Timestamp::as_millisecond);
    (time, text("id").unwrap_or_default().to_owned())
}

/// Cuts half a line from the end of a file, and returns how many events and bytes it has.
pub(super) fn repaired(path: &Path) -> io::Result<(u64, u64)> {
    let mut counted = (0, 0);
    let mut whole = 0;
    let mut count = |line: &Line<'_>, offset: u64, length: usize| {
        counted = (counted.0 + 1, counted.1 + line.2.len() as u64);
        whole = offset + length as u64;
    };
    each_line(path, &mut count)?;
    let file = File::options().write(true).open(path)?;
    // A line that cannot be read is kept if whole lines follow it, and cut at the end.
    if file.metadata()?.len() > whole {
        file.set_len(whole)?;
    }
    Ok(counted)
}

/// Calls `found` with every whole line of a file, its offset, and its length with its line break.
pub(super) fn each_line(
    path: &Path,
    found: &mut dyn FnMut(&Line<'_>, u64, usize),
) -> io::Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
    let (mut offset, mut line) = (0, Vec::new());
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        if length == 0 {
            return Ok(());
        }
        match serde_json::from_slice::<Line<'_>>(&line) {
            Ok(read) if line.ends_with(b"\n") => found(&read, offset, length),
            _ => tracing::warn!(
                path = %path.display(), offset,
                "a line of the archive is not an event; it is left out"
            ),
        }
        offset += length as u64;
    }
}

pub(super) fn at(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_without_a_time_has_the_time_of_its_arrival() {
        let accepted: Moment = "2026-11-30T10:00:00Z".parse::<Timestamp>().unwrap().into();
        for event in ["{}", r#"{"time":"yesterday"}"#, r#"{"time":7}"#, "no json"] {
            assert_eq!(time_and_id(event, accepted), (accepted.as_millis(), String::new()));
        }
    }
}
