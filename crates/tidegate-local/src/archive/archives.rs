//! The archives of a topology, and the start of replays.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::task::JoinSet;

use super::refusal::Refusal;
use super::replay::{Replay, ReplayState};
use super::replays::Replays;
use super::sender::{self, Bus};
use super::store::Archive;
use topology::Topology;

/// The archives of all buses that declare one.
pub struct Archives {
    archives: BTreeMap<String, Arc<Archive>>,
    replays: Arc<Replays>,
    /// What replays need, once the engine delivers.
    buses: Mutex<BTreeMap<String, Bus>>,
    running: Mutex<JoinSet<()>>,
}

/// State of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ArchiveStatus {
    /// Declared name of the bus.
    pub bus: String,
    /// Days for which it keeps events.
    pub days: u32,
    /// Archived events.
    pub events: u64,
    /// Their size.
    pub bytes: u64,
}

impl std::fmt::Debug for Archives {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archives").field("archives", &self.archives).finish_non_exhaustive()
    }
}

impl Archives {
    /// Opens the declared archives in a directory. It is created if an archive is declared.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn open(directory: &Path, topology: &Topology) -> io::Result<Self> {
        let declared = topology.buses.iter().filter(|(_, bus)| bus.archive_days > 0);
        let opened = declared.map(|(name, bus)| {
            let archive =
                Archive::open(&directory.join(name.replace('/', "_2f_")), name, bus.archive_days)?;
            Ok((name.clone(), Arc::new(archive)))
        });
        let archives: BTreeMap<String, Arc<Archive>> = opened.collect::<io::Result<_>>()?;
        let replays = match archives.is_empty() {
            true => Replays::default(),
            false => Replays::open(&directory.join("replays.json"))?,
        };
        Ok(Self {
            archives,
            replays: Arc::new(replays),
            buses: Mutex::default(),
            running: Mutex::default(),
        })
    }

    /// Returns the archive of a bus.
    pub fn get(&self, bus: &str) -> Option<&Arc<Archive>> {
        self.archives.get(bus)
    }

    /// Returns all archives, by bus.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Archive>> {
        self.archives.values()
    }

    /// Returns the replays.
    pub fn replays(&self) -> &Arc<Replays> {
        &self.replays
    }

    /// Returns the state of each archive.
    pub fn status(&self) -> Vec<ArchiveStatus> {
        let status = self.archives.values().map(|archive| {
            let (events, bytes) = archive.counts();
            ArchiveStatus { bus: archive.bus().to_owned(), days: archive.days(), events, bytes }
        });
        status.collect()
    }

    /// Lets replays put events on these buses, and continues those that an engine left behind.
    ///
    /// Must be called within a Tokio runtime.
    pub(crate) fn begin(&self, buses: impl IntoIterator<Item = (String, BusParts)>) {
        let buses = buses.into_iter().filter_map(|(name, parts)| {
            let bus = Bus {
                archive: Arc::clone(self.archives.get(&name)?),
                queue_url: parts.queue_url,
                wake: parts.wake,
                sqs: parts.sqs,
                activity: parts.activity,
                time_scale: parts.time_scale,
            };
            Some((name, bus))
        });
        *self.buses.lock() = buses.collect();
        for replay in self.replays.all().into_iter().filter(|replay| replay.state.is_active()) {
            self.run(replay);
        }
    }

    /// Starts a replay.
    pub(super) fn start(&self, replay: Replay) -> Result<(), Refusal> {
        if !self.buses.lock().contains_key(&replay.bus) {
            let message = "the local system is starting; try again".to_owned();
            return Err(Refusal { code: "InternalException", message });
        }
        self.replays.add(replay.clone())?;
        self.run(replay);
        Ok(())
    }

    fn run(&self, replay: Replay) {
        let bus = self.buses.lock().get(&replay.bus).cloned();
        let Some(bus) = bus else {
            // The bus has no archive any more.
            self.replays.change(&replay.name, |replay| {
                replay.state = ReplayState::Failed;
                replay.ended = Some(Timestamp::now());
                replay.reason = Some(format!("bus {} has no archive", replay.bus));
            });
            return;
        };
        let mut running = self.running.lock();
        while running.try_join_next().is_some() {}
        running.spawn(sender::run(Arc::clone(&self.replays), bus, replay));
    }

    /// Ends the tasks of all replays. The next engine continues them.
    pub(crate) fn stop(&self) {
        self.running.lock().abort_all();
    }
}

/// What replays need of a bus.
pub(crate) struct BusParts {
    /// URL of the engine's own queue of the bus.
    pub(crate) queue_url: String,
    pub(crate) wake: Arc<crate::wake::Wake>,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) activity: Arc<crate::activity::Activity>,
    pub(crate) time_scale: f64,
}
