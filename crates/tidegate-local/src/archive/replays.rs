//! All replays, with their states. They are kept in a file of the state directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use super::refusal::Refusal;
use super::replay::{Replay, ReplayState};

/// Most replays that are active at a time (User Guide: "Archiving and replaying events").
const MOST_ACTIVE: usize = 10;
/// How long a replay is remembered (as above).
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The replays of the local system.
#[derive(Debug, Default)]
pub struct Replays {
    /// The file. `None` keeps the replays in memory only.
    path: Option<PathBuf>,
    replays: Mutex<BTreeMap<String, Replay>>,
}

impl Replays {
    /// Reads the replays from a file, which may be missing. Forgets those of 90 days ago.
    ///
    /// # Errors
    /// The file cannot be read, or does not contain replays.
    pub fn open(path: &Path) -> io::Result<Self> {
        let at =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let mut replays: BTreeMap<String, Replay> = match fs::read(path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                let what = "is not a file of replays; delete it to forget them";
                at(io::Error::new(io::ErrorKind::InvalidData, format!("{what} ({error})")))
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(at(error)),
        };
        let now = Timestamp::now();
        replays.retain(|_, replay| {
            replay.state.is_active() || now.duration_since(replay.started) < KEPT
        });
        Ok(Self { path: Some(path.to_owned()), replays: Mutex::new(replays) })
    }

    /// Returns the replay with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Replay> {
        self.replays.lock().get(name).cloned()
    }

    /// Returns all replays, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Replay> {
        self.replays.lock().values().cloned().collect()
    }

    /// Returns the number of replays that still may put events on a bus.
    #[must_use]
    pub fn active(&self) -> usize {
        self.replays.lock().values().filter(|replay| replay.state.is_active()).count()
    }

    /// Returns whether a rule gets the events of a replay that are on this bus.
    ///
    /// The rules of a replay are those of its own bus: another bus that an event is sent to has
    /// none of them. Unknown replays are from an engine that is gone, and reach every rule.
    #[must_use]
    pub fn reaches(&self, replay: &str, bus: &str, rule_arn: &str) -> bool {
        let replays = self.replays.lock();
        let Some(replay) = replays.get(replay).filter(|replay| replay.bus == bus) else {
            return true;
        };
        replay.rules.is_empty() || replay.rules.iter().any(|rule| rule == rule_arn)
    }

    /// Adds a replay.
    ///
    /// # Errors
    /// Its name is taken, too many replays are active, or the file cannot be written.
    pub(super) fn add(&self, replay: Replay) -> Result<(), Refusal> {
        let mut replays = self.replays.lock();
        if replays.contains_key(&replay.name) {
            return Err(Refusal::exists("Replay", &replay.name));
        }
        if replays.values().filter(|replay| replay.state.is_active()).count() >= MOST_ACTIVE {
            let message = "The requested resource exceeds the maximum number allowed.".to_owned();
            return Err(Refusal { code: "LimitExceededException", message });
        }
        let name = replay.name.clone();
        replays.insert(name.clone(), replay);
        self.store(&replays).map_err(|error| {
            replays.remove(&name);
            Refusal::internal(&error)
        })
    }

    /// Asks a replay to end.
    ///
    /// # Errors
    /// There is no such replay, it has ended, or the file cannot be written.
    pub(super) fn cancel(&self, name: &str) -> Result<Replay, Refusal> {
        let mut replays = self.replays.lock();
        let replay = replays.get_mut(name).ok_or_else(|| Refusal::missing("Replay", name))?;
        if !matches!(replay.state, ReplayState::Starting | ReplayState::Running) {
            let message = format!(
                "Replay {name} is {}. A replay can be canceled only when the state is Running or \
                 Starting.",
                replay.state
            );
            return Err(Refusal { code: "IllegalStatusException", message });
        }
        replay.state = ReplayState::Cancelling;
        let cancelled = replay.clone();
        self.store(&replays).map_err(|error| Refusal::internal(&error))?;
        Ok(cancelled)
    }

    /// Changes a replay, and returns its state. A failure to write is only logged: the replay goes
    /// on, and an engine that starts after this one may repeat a part of it.
    pub(super) fn change(&self, name: &str, change: impl FnOnce(&mut Replay)) -> ReplayState {
        let mut replays = self.replays.lock();
        let Some(replay) = replays.get_mut(name) else { return ReplayState::Failed };
        change(replay);
        let state = replay.state;
        if let Err(error) = self.store(&replays) {
            tracing::warn!(replay = name, %error, "cannot store how far the replay is");
        }
        state
    }

    fn store(&self, replays: &BTreeMap<String, Replay>) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let temporary = path.with_extension("tmp");
        fs::write(&temporary, serde_json::to_vec_pretty(replays)?)?;
        fs::rename(&temporary, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(name: &str) -> Replay {
        Replay {
            name: name.to_owned(),
            description: None,
            bus: "shop".to_owned(),
            rules: Vec::new(),
            from: Timestamp::UNIX_EPOCH,
            to: Timestamp::UNIX_EPOCH,
            state: ReplayState::Starting,
            reason: None,
            started: Timestamp::now(),
            ended: None,
            last_replayed: None,
            events: 0,
        }
    }

    #[test]
    fn a_name_is_used_once_and_ten_replays_are_active() {
        let replays = Replays::default();
        for n in 0..10 {
            replays.add(replay(&format!("r{n}"))).unwrap();
        }
        let refused = |name| replays.add(replay(name)).unwrap_err().to_string();
        assert_eq!(refused("r0"), "ResourceAlreadyExistsException: Replay r0 already exists.");
        assert!(refused("r10").starts_with("LimitExceededException: "));
        replays.change("r3", |replay| replay.state = ReplayState::Completed);
        replays.add(replay("r10")).unwrap();
        assert_eq!(replays.active(), 10);
    }

    #[test]
    fn only_an_active_replay_is_cancelled() {
        let replays = Replays::default();
        replays.add(replay("r")).unwrap();
        assert_eq!(replays.cancel("r").unwrap().state, ReplayState::Cancelling);
        let again = replays.cancel("r").unwrap_err();
        assert_eq!(again.code, "IllegalStatusException");
        assert!(again.message.starts_with("Replay r is CANCELLING. "), "{again}");
        let unknown = replays.cancel("x").unwrap_err().to_string();
        assert_eq!(unknown, "ResourceNotFoundException: Replay x does not exist.");
    }

    #[test]
    fn replays_are_found_by_the_next_engine_for_ninety_days() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("replays.json");
        let replays = Replays::open(&path).unwrap();
        let old = Timestamp::now() - SignedDuration::from_hours(91 * 24);
        for (name, started, state) in [
            ("new", Timestamp::now(), ReplayState::Completed),
            ("old", old, ReplayState::Completed),
            ("old-and-active", old, ReplayState::Running),
        ] {
            replays.add(Replay { started, state, ..replay(name) }).unwrap();
        }
        let next = Replays::open(&path).unwrap();
        let names: Vec<String> = next.all().into_iter().map(|replay| replay.name).collect();
        assert_eq!(names, ["new", "old-and-active"]);
        assert_eq!(next.get("new"), replays.get("new"));
        fs::write(&path, "{").unwrap();
        let error = Replays::open(&path).unwrap_err().to_string();
        assert!(error.contains("replays.json: is not a file of replays"), "{error}");
    }

    #[test]
    fn a_replay_reaches_its_rules_of_its_bus() {
        let replays = Replays::default();
        let rules = vec!["arn:one".to_owned()];
        replays.add(Replay { rules, ..replay("some") }).unwrap();
        replays.add(replay("all")).unwrap();
        let reached =
            |replay, bus| ["arn:one", "arn:two"].map(|rule| replays.reaches(replay, bus, rule));
        assert_eq!(reached("some", "shop"), [true, false]);
        assert_eq!(reached("some", "other"), [true, true], "the filter names rules of its bus");
        assert_eq!(reached("all", "shop"), [true, true]);
        assert_eq!(reached("unknown", "shop"), [true, true]);
    }
}
