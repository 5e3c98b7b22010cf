//! Receives the reports of the functions.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use benchmarks::problem::Problem;
use benchmarks::sample::Seen;
use parking_lot::{Mutex, MutexGuard};
use tokio::io::{AsyncReadExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::timeout;

/// Bytes before each event: its time in nanoseconds, its number of records, its length.
pub(crate) const HEAD: usize = 16;

/// The report of one invocation.
pub(crate) struct Told {
    pub(crate) seen: Seen,
    pub(crate) event: Vec<u8>,
}

/// Receives the reports of all environments of all functions.
pub(crate) struct Collector {
    path: PathBuf,
    told: Arc<Mutex<Vec<Told>>>,
    records: watch::Sender<u64>,
}

impl Collector {
    /// Opens a socket in a directory and listens on it.
    pub(crate) fn open(directory: &Path) -> Result<Self, Problem> {
        let path = directory.join("collector");
        let listener = UnixListener::bind(&path)?;
        let (told, records) = (Arc::<Mutex<Vec<Told>>>::default(), watch::Sender::new(0));
        let (all, counter) = (Arc::clone(&told), records.clone());
        tokio::spawn(async move {
            while let Ok((environment, _)) = listener.accept().await {
                tokio::spawn(listen(environment, Arc::clone(&all), counter.clone()));
            }
        });
        Ok(Self { path, told, records })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until `records` records were handled since the last [`Collector::take`].
    pub(crate) async fn wait_for(&self, records: u64, patience: Duration) -> Result<(), Problem> {
        let mut counter = self.records.subscribe();
        let enough = timeout(patience, counter.wait_for(|count| *count >= records)).await;
        match enough {
            Ok(_) => Ok(()),
            Err(_) => Err(Problem::new(format!(
                "{} of {records} records were handled in {patience:?}",
                self.records.borrow().to_owned()
            ))),
        }
    }

    /// Waits for any invocation.
    pub(crate) async fn wait_for_any(&self, patience: Duration) -> Result<(), Problem> {
        let mut counter = self.records.subscribe();
        let any = timeout(patience, counter.wait_for(|_| !self.lock().is_empty())).await;
        any.map(drop)
            .map_err(|_| Problem::new(format!("the function was not invoked in {patience:?}")))
    }

    /// Returns the reports since the last call, and starts counting at zero.
    pub(crate) fn take(&self) -> Vec<Told> {
        let mut told = self.lock();
        self.records.send_replace(0);
        std::mem::take(&mut *told)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Told>> {
        self.told.lock()
    }
}

async fn listen(environment: UnixStream, told: Arc<Mutex<Vec<Told>>>, counter: watch::Sender<u64>) {
    let mut environment = BufReader::with_capacity(1 << 20, environment);
    let mut head = [0; HEAD];
    while environment.read_exact(&mut head).await.is_ok() {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = head;
        let at = Duration::from_nanos(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
        let records = u64::from(u32::from_le_bytes([i, j, k, l]));
        let mut event = vec![0; usize::try_from(u32::from_le_bytes([m, n, o, p])).unwrap_or(0)];
        if environment.read_exact(&mut event).await.is_err() {
            return;
        }
        let mut all = told.lock();
        all.push(Told { seen: Seen { at, records }, event });
        // Under the lock, so that the count matches the reports.
        counter.send_modify(|count| *count += records);
        drop(all);
    }
}
