//! The two streams of an environment's process, as far as one invocation's log is concerned.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::{mpsc, oneshot};

use crate::log_tail::LogTail;

/// How long reading out may take: a function that prints without a pause is never read out.
pub(super) const READ_LIMIT: Duration = Duration::from_secs(1);

type Asked = oneshot::Sender<()>;

/// The side of the host.
#[derive(Debug)]
pub(crate) struct Pipes {
    log: Arc<Collector>,
    ends: [mpsc::Sender<Asked>; 2],
}

/// The side of one stream's copier.
#[derive(Debug)]
pub(crate) struct End {
    log: Arc<Collector>,
    asked: mpsc::Receiver<Asked>,
}

/// Where the log goes, while it is wanted.
#[derive(Debug, Default)]
struct Collector(Mutex<Option<Arc<LogTail>>>);

impl Collector {
    fn current(&self) -> Option<Arc<LogTail>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Pipes {
    /// Both sides.
    pub(crate) fn new() -> (Arc<Self>, [End; 2]) {
        let log = Arc::<Collector>::default();
        let ((first, to_first), (second, to_second)) = (mpsc::channel(1), mpsc::channel(1));
        let ends = [to_first, to_second].map(|asked| End { log: Arc::clone(&log), asked });
        (Arc::new(Self { log, ends: [first, second] }), ends)
    }

    /// Collects what is read from now on, or no longer.
    pub(crate) fn collect(&self, log: Option<Arc<LogTail>>) {
        *self.log.0.lock().unwrap_or_else(PoisonError::into_inner) = log;
    }

    pub(crate) fn is_collecting(&self) -> bool {
        self.log.current().is_some()
    }

    /// Waits until everything that was printed before this call has been read.
    pub(crate) async fn read_out(&self) {
        let both = self.ends.iter().map(|end| async {
            let (asked, read) = oneshot::channel();
            // A copier that is gone has read everything.
            if end.send(asked).await.is_ok() {
                let _ = read.await;
            }
        });
        let _ = tokio::time::timeout(READ_LIMIT, join_all(both)).await;
    }
}

impl End {
    /// Somebody wants to know when everything so far has been read; none once nobody can ask any more.
    pub(crate) async fn asked(&mut self) -> Option<Asked> {
        self.asked.recv().await
    }

    /// This was read.
    pub(crate) fn read(&self, printed: &[u8]) {
        if let Some(log) = self.log.current() {
            log.add(printed);
        }
    }
}
