//! The wakes of all sources, by name.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::source::Wake;

/// Kind of what the engine polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// A Kinesis stream.
    Stream,
    /// A table, whose stream is polled.
    Table,
    /// A queue.
    Queue,
    /// A bus, whose events come to a queue of the engine's own.
    Bus,
}

/// The wakes of everything that is polled.
///
/// A poller asks for its wake when it starts. A write to what nobody polls wakes nothing.
#[derive(Debug, Default)]
pub struct Wakes {
    streams: Named,
    tables: Named,
    queues: Named,
    buses: Named,
}

type Named = RwLock<HashMap<String, Arc<Wake>>>;

impl Wakes {
    /// Returns the wake of a source for one of its pollers, by the name that AWS calls use.
    pub fn of(&self, kind: Polled, name: &str) -> Arc<Wake> {
        Arc::clone(self.named(kind).write().entry(name.to_owned()).or_default())
    }

    /// Returns the wake of a source, if something polls it.
    pub fn polled(&self, kind: Polled, name: &str) -> Option<Arc<Wake>> {
        self.named(kind).read().get(name).cloned()
    }

    /// Notes a write whose source is not known: wakes the pollers of every source of its kind.
    pub fn written_to_any(&self, kind: Polled) {
        for wake in self.named(kind).read().values() {
            wake.written();
        }
    }

    fn named(&self, kind: Polled) -> &Named {
        match kind {
            Polled::Stream => &self.streams,
            Polled::Table => &self.tables,
            Polled::Queue => &self.queues,
            Polled::Bus => &self.buses,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pollers_of_a_source_share_its_wake_and_others_do_not() {
        let wakes = Wakes::default();
        let [one, other] = [(); 2].map(|()| wakes.of(Polled::Queue, "a"));
        let [stream, b] = [wakes.of(Polled::Stream, "a"), wakes.of(Polled::Queue, "b")];
        wakes.polled(Polled::Queue, "a").unwrap().written();
        assert!(wakes.polled(Polled::Queue, "c").is_none(), "nobody polls it");
        assert_eq!([one.now(), other.now(), stream.now(), b.now()], [1, 1, 0, 0]);
        wakes.written_to_any(Polled::Queue);
        assert_eq!([one.now(), stream.now(), b.now()], [2, 0, 1]);
    }
}
