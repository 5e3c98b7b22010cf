//! The archived events of one bus, as files of the state directory.
//!
//! One file for each day on which events were archived. A line is a JSON list: the event's time in
//! milliseconds, its id, and the event as text. A line is written with one write. An engine that is
//! killed during it leaves half a line at the end, which the next start removes: that event is
//! still in the bus's queue and is archived again.
//!
//! Files are not flushed to the disk. After a power failure the newest events may be missing.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use parking_lot::Mutex;

use super::line::{Line, at, each_line, repaired, time_and_id};
use lambda_shapes::moment::Moment;

const DAY_MILLIS: i64 = 86_400_000;
const MINUTE_MILLIS: i64 = 60_000;
/// File that says when the archive was created.
const CREATED: &str = "created";
/// Ending of the files with events.
const ENDING: &str = "jsonl";

/// The archive of a bus.
#[derive(Debug)]
pub struct Archive {
    /// Declared name of the bus.
    bus: String,
    days: u32,
    directory: PathBuf,
    created: Moment,
    files: Mutex<Files>,
}

#[derive(Debug, Default)]
struct Files {
    /// The file of the newest day, with that day and its length.
    newest: Option<(i64, File, u64)>,
    events: u64,
    bytes: u64,
}

/// Where an archived event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The event's time, in milliseconds.
    pub(super) time: i64,
    /// Day of the file.
    day: i64,
    /// Offset of the line in its file.
    offset: u64,
    length: usize,
}

impl Place {
    /// Returns the minute of the event's time.
    pub(super) fn minute(self) -> i64 {
        self.time.div_euclid(MINUTE_MILLIS)
    }
}

impl Archive {
    /// Opens the archive of a bus in a directory of its own, and creates it if it is missing.
    /// Removes events that were archived more than `days` ago.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn open(directory: &Path, bus: &str, days: u32) -> io::Result<Self> {
        fs::create_dir_all(directory).map_err(|error| at(directory, error))?;
        let archive = Self {
            bus: bus.to_owned(),
            days,
            directory: directory.to_owned(),
            created: created(directory)?,
            files: Mutex::default(),
        };
        archive.remove_old(Moment::now())?;
        let mut files = Files::default();
        for day in archive.days_with_a_file()? {
            let path = archive.path(day);
            let (events, bytes) = repaired(&path).map_err(|error| at(&path, error))?;
            files.events += events;
            files.bytes += bytes;
        }
        *archive.files.lock() = files;
        Ok(archive)
    }

    /// Returns the declared name of its bus.
    pub fn bus(&self) -> &str {
        &self.bus
    }

    /// Returns for how many days events are kept.
    pub fn days(&self) -> u32 {
        self.days
    }

    /// Returns when the archive was created.
    pub fn created(&self) -> Moment {
        self.created
    }

    /// Returns the number of archived events, and their size in bytes.
    ///
    /// An event that was archived twice, because the engine was killed in between, counts twice.
    pub fn counts(&self) -> (u64, u64) {
        let files = self.files.lock();
        (files.events, files.bytes)
    }

    /// Archives an event.
    ///
    /// # Errors
    /// The file cannot be written. Nothing of the event is in it then.
    pub fn add(&self, event: &str, accepted: Moment) -> io::Result<()> {
        let (time, id) = time_and_id(event, accepted);
        let mut line = serde_json::to_vec(&Line(time, id.into(), event.into()))?;
        line.push(b'\n');
        let now = Moment::now();
        let today = now.as_millis().div_euclid(DAY_MILLIS);
        let mut files = self.files.lock();
        if files.newest.as_ref().is_none_or(|(day, ..)| *day != today) {
            files.newest = None;
            let removed = self.remove_old(now)?;
            files.events = files.events.saturating_sub(removed.0);
            files.bytes = files.bytes.saturating_sub(removed.1);
            let path = self.path(today);
            let open = || {
                let file = File::options().create(true).append(true).open(&path)?;
                let length = file.metadata()?.len();
                Ok((file, length))
            };
            let (file, length) = open().map_err(|error| at(&path, error))?;
            files.newest = Some((today, file, length));
        }
        let Some((_, file, length)) = &mut files.newest else { return Ok(()) };
        if let Err(error) = file.write_all(&line) {
            // Half a line would spoil the next one.
            let cut = file.set_len(*length);
            files.newest = None;
            cut?;
            return Err(at(&self.path(today), error));
        }
        *length += line.len() as u64;
        files.events += 1;
        files.bytes += event.len() as u64;
        Ok(())
    }

    /// Returns the places of the events whose time is from `start` to `end`, both included, each
    /// event once. They are in the order of their minutes, and of their archiving within a minute.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn between(&self, start: Moment, end: Moment) -> io::Result<Vec<Place>> {
        let range = start.as_millis()..=end.as_millis();
        let (mut places, mut ids) = (Vec::new(), HashSet::new());
        for day in self.days_with_a_file()? {
            let path = self.path(day);
            let mut add = |line: &Line<'_>, offset, length| {
                let mut is_new = || line.1.is_empty() || ids.insert(line.1.to_string());
                if range.contains(&line.0) && is_new() {
                    places.push(Place { time: line.0, day, offset, length });
                }
            };
            each_line(&path, &mut add).map_err(|error| at(&path, error))?;
        }
        places.sort_by_key(|place| place.minute());
        Ok(places)
    }

    /// Reads an archived event.
    ///
    /// # Errors
    /// Its file cannot be read, or has been removed since.
    pub(super) fn read(&self, place: Place) -> io::Result<String> {
        let path = self.path(place.day);
        let read = || {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(place.offset))?;
            let mut line = vec![0; place.length];
            file.read_exact(&mut line)?;
            let line: Line<'_> = serde_json::from_slice(&line)?;
            Ok(line.2.into_owned())
        };
        read().map_err(|error| at(&path, error))
    }

    fn path(&self, day: i64) -> PathBuf {
        let date = Timestamp::from_millisecond(day.saturating_mul(DAY_MILLIS)).unwrap_or_default();
        let date = date.to_string();
        let date = date.split('T').next().unwrap_or_default();
        self.directory.join(format!("{date}.{ENDING}"))
    }

    /// Returns the first day whose events are kept: all of it is at most `days` ago.
    fn oldest(&self, now: Moment) -> i64 {
        now.as_millis().div_euclid(DAY_MILLIS) - i64::from(self.days)
    }

    /// Returns the days that have a file, oldest first.
    fn days_with_a_file(&self) -> io::Result<Vec<i64>> {
        let read = || {
            let mut days = Vec::new();
            for entry in fs::read_dir(&self.directory)? {
                let name = entry?.file_name();
                let date = name.to_str().and_then(|name| name.strip_suffix(ENDING));
                let date = date.and_then(|date| date.strip_suffix('.'));
                let start =
                    date.and_then(|date| format!("{date}T00:00:00Z").parse::<Timestamp>().ok());
                days.extend(start.map(|start| start.as_millisecond().div_euclid(DAY_MILLIS)));
            }
            days.sort_unstable();
            Ok(days)
        };
        read().map_err(|error| at(&self.directory, error))
    }

    /// Removes the files of days that are too old, and returns how many events and bytes they had.
    fn remove_old(&self, now: Moment) -> io::Result<(u64, u64)> {
        let oldest = self.oldest(now);
        let mut removed = (0, 0);
        for day in self.days_with_a_file()?.into_iter().filter(|day| *day < oldest) {
            let path = self.path(day);
            let mut count = |line: &Line<'_>, _, _| {
                removed = (removed.0 + 1, removed.1 + line.2.len() as u64);
            };
            let removing = each_line(&path, &mut count).and_then(|()| fs::remove_file(&path));
            removing.map_err(|error| at(&path, error))?;
        }
        Ok(removed)
    }
}

/// Returns when an archive was created, and notes it in a new one.
fn created(directory: &Path) -> io::Result<Moment> {
    let path = directory.join(CREATED);
    let read = match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse::<Timestamp>().ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(at(&path, error)),
    };
    if let Some(created) = read {
        return Ok(created.into());
    }
    let now = Timestamp::now();
    fs::write(&path, now.to_string()).map_err(|error| at(&path, error))?;
    Ok(now.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Moment {
        text.parse::<Timestamp>().unwrap().into()
    }

    fn event(id: &str, time: &str) -> String {
        format!(r#"{{"id":"{id}","time":"{time}","detail":{{"note":"half \ud83d","n":1e999}}}}"#)
    }

    fn ids(archive: &Archive, start: &str, end: &str) -> Vec<String> {
        let places = archive.between(moment(start), moment(end)).unwrap();
        let read = places.into_iter().map(|place| archive.read(place).unwrap());
        read.map(|event| time_and_id(&event, Moment::from_millis(0)).1).collect()
    }

    #[test]
    fn events_are_found_by_their_time_as_they_came_and_once() {
        let directory = tempfile::tempdir().unwrap();
        let archive = Archive::open(directory.path(), "shop", 30).unwrap();
        let (late, early) =
            (event("late", "2026-11-30T10:02:00Z"), event("early", "2026-11-30T10:00:59Z"));
        for event in [&late, &early, &late] {
            archive.add(event, Moment::from_millis(0)).unwrap();
        }
        let (start, end) = ("2026-11-30T10:00:00Z", "2026-11-30T10:02:00Z");
        assert_eq!(ids(&archive, start, end), ["early", "late"], "by minute, and each once");
        assert_eq!(ids(&archive, start, "2026-11-30T10:01:59Z"), ["early"]);
        assert_eq!(ids(&archive, "2026-11-30T10:01:00Z", end), ["late"]);
        let places = archive.between(moment(start), moment(end)).unwrap();
        assert_eq!(archive.read(places[0]).unwrap(), early);
        assert_eq!(archive.counts(), (3, (late.len() * 2 + early.len()) as u64));
        // The next engine finds the same.
        let created = archive.created();
        let next = Archive::open(directory.path(), "shop", 30).unwrap();
        assert_eq!(ids(&next, start, end), ["early", "late"]);
        assert_eq!((next.counts(), next.created()), (archive.counts(), created));
    }

    #[test]
    fn half_a_line_is_cut_and_the_next_event_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let (start, end) = ("2026-11-30T10:00:00Z", "2026-11-30T11:00:00Z");
        let archive = Archive::open(directory.path(), "shop", 30).unwrap();
        archive.add(&event("1", start), Moment::now()).unwrap();
        let path = archive.path(archive.days_with_a_file().unwrap()[0]);
        File::options().append(true).open(&path).unwrap().write_all(b"[17,\"2\",\"{").unwrap();
        let archive = Archive::open(directory.path(), "shop", 30).unwrap();
        archive.add(&event("3", start), Moment::now()).unwrap();
        assert_eq!(ids(&archive, start, end), ["1", "3"]);
        assert_eq!(archive.counts().0, 2);
    }

    #[test]
    fn a_damaged_line_costs_itself() {
        let directory = tempfile::tempdir().unwrap();
        let (start, end) = ("2026-11-30T10:00:00Z", "2026-11-30T11:00:00Z");
        let archive = Archive::open(directory.path(), "shop", 30).unwrap();
        archive.add(&event("1", start), Moment::now()).unwrap();
        let path = archive.path(archive.days_with_a_file().unwrap()[0]);
        File::options().append(true).open(&path).unwrap().write_all(b"rubbish\n").unwrap();
        archive.add(&event("2", start), Moment::now()).unwrap();
        assert_eq!(ids(&archive, start, end), ["1", "2"]);
        let next = Archive::open(directory.path(), "shop", 30).unwrap();
        assert_eq!(ids(&next, start, end), ["1", "2"]);
    }

    #[test]
    fn events_are_removed_after_the_declared_days() {
        let directory = tempfile::tempdir().unwrap();
        let archive = Archive::open(directory.path(), "shop", 3).unwrap();
        let today = Moment::now().as_millis().div_euclid(DAY_MILLIS);
        let line = "[1796032800000,\"old\",\"{}\"]\n";
        for age in [3, 4] {
            fs::write(archive.path(today - age), line.replace("old", &age.to_string())).unwrap();
        }
        let (start, end) = ("2026-11-01T00:00:00Z", "2026-12-31T00:00:00Z");
        let archive = Archive::open(directory.path(), "shop", 3).unwrap();
        assert_eq!(archive.counts().0, 1, "the older day counts no more");
        let places = archive.between(moment(start), moment(end)).unwrap();
        assert_eq!(places.iter().map(|place| place.day).collect::<Vec<_>>(), [today - 3]);
        assert_eq!(archive.days_with_a_file().unwrap(), [today - 3], "the other file is gone");
        // A running engine removes with the first event of a day.
        fs::write(archive.path(today - 4), line).unwrap();
        archive.add(&event("new", start), Moment::now()).unwrap();
        assert_eq!(archive.days_with_a_file().unwrap(), [today - 3, today]);
    }

    #[test]
    fn events_without_an_id_are_all_found() {
        let directory = tempfile::tempdir().unwrap();
        let archive = Archive::open(directory.path(), "shop", 3).unwrap();
        let accepted = moment("2026-11-30T10:00:00Z");
        archive.add("{}", accepted).unwrap();
        archive.add("{}", accepted).unwrap();
        assert_eq!(archive.between(accepted, accepted).unwrap().len(), 2);
    }
}
