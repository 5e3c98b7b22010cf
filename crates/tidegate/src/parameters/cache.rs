//! Keeps values for a time.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::warn;

use super::extension::{Kind, Miss};
use crate::failure::Failure;

/// How long a value is used without asking.
const FRESH: Duration = Duration::from_secs(60);
/// How much longer it is used if the extension does not answer.
const STALE: Duration = Duration::from_secs(900);
/// Shortest time between two questions while the extension does not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// The values of one process.
pub(super) struct Cache {
    fresh: Duration,
    stale: Duration,
    slots: Mutex<HashMap<(Kind, String), Slot>>,
}

/// A value, if there is one. Who asks for it holds the lock, so records share one request.
type Slot = Arc<tokio::sync::Mutex<Option<Entry>>>;

struct Entry {
    value: Arc<str>,
    /// Age of the value.
    got: Instant,
    /// From then on the extension is asked.
    ask: Instant,
}

impl Default for Cache {
    fn default() -> Self {
        Self::new(FRESH, STALE)
    }
}

impl Cache {
    pub(super) fn new(fresh: Duration, stale: Duration) -> Self {
        Self { fresh, stale, slots: Mutex::default() }
    }

    /// Returns the kept value, or what `ask` returns.
    pub(super) async fn get(
        &self,
        kind: Kind,
        name: &str,
        ask: impl Future<Output = Result<String, Miss>>,
    ) -> Result<Arc<str>, Failure> {
        let slot = Arc::clone(self.slots.lock().entry((kind, name.to_owned())).or_default());
        let mut slot = slot.lock().await;
        if let Some(entry) = slot.as_ref().filter(|entry| Instant::now() < entry.ask) {
            return Ok(Arc::clone(&entry.value));
        }
        match ask.await {
            Ok(value) => {
                let (value, now) = (Arc::<str>::from(value), Instant::now());
                let entry = Entry { value: Arc::clone(&value), got: now, ask: now + self.fresh };
                *slot = Some(entry);
                Ok(value)
            }
            Err(Miss::Unavailable(reason)) => match slot.as_mut() {
                Some(entry) if entry.got.elapsed() < self.fresh.saturating_add(self.stale) => {
                    warn!(name, reason, "a parameter could not be refreshed");
                    entry.ask = Instant::now() + PAUSE.min(self.fresh);
                    Ok(Arc::clone(&entry.value))
                }
                _ => Err(Failure::transient(
                    "parameter_unavailable",
                    format!(
                        "{name}: {reason}; check that the function has the layer of AWS's Parameters \
                         and Secrets Lambda Extension"
                    ),
                )),
            },
            Err(Miss::Refused(reason)) => {
                *slot = None;
                Err(Failure::transient("parameter_refused", format!("{name}: {reason}")))
            }
            Err(Miss::Unreadable(reason)) => {
                Err(Failure::transient("parameter_unreadable", format!("{name}: {reason}")))
            }
        }
    }
}
