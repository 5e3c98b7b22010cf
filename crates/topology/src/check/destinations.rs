//! Checks destinations: those for failures, and those for successful asynchronous invocations.

use super::Check;
use crate::lookup::DestinationKind;
use crate::model::Destination;

impl Check<'_> {
    /// Checks the destination of a stream mapping: a queue, a topic or a bucket.
    pub(super) fn stream_destination(&mut self, path: &[&str], destination: &Destination) {
        match destination.kind() {
            Some(DestinationKind::Function(_)) => self.not_for_streams(path, "function"),
            Some(DestinationKind::Bus(_)) => self.not_for_streams(path, "bus"),
            _ => self.destination(path, destination),
        }
    }

    /// Checks the on-failure destination of a function's asynchronous invocations.
    pub(super) fn asynchronous_destination(
        &mut self,
        path: &[&str],
        destination: &Destination,
        of: &str,
    ) {
        self.destination(path, destination);
        if destination.kind() == Some(DestinationKind::Function(of)) {
            let what = format!(
                "is {of}, the function itself: each record would cause the next one until Lambda \
                 stops the loop; use another function"
            );
            self.warning(&[path, &["function"]].concat(), what);
        }
    }

    /// Checks the on-success destination of a function's asynchronous invocations.
    ///
    /// A bucket is not allowed.
    pub(super) fn success_destination(
        &mut self,
        path: &[&str],
        destination: &Destination,
        of: &str,
    ) {
        match destination.kind() {
            Some(DestinationKind::Bucket(_)) => {
                let what =
                    "is for failures; use a queue, a topic, a function or a bus for successes";
                self.mistake(&[path, &["bucket"]].concat(), what);
            }
            _ => self.asynchronous_destination(path, destination, of),
        }
    }

    fn not_for_streams(&mut self, path: &[&str], field: &str) {
        let what = "is for asynchronous invocations; use a queue, a topic or a bucket for a stream mapping";
        self.mistake(&[path, &[field]].concat(), what);
    }

    fn destination(&mut self, path: &[&str], destination: &Destination) {
        let topology = self.topology;
        let at = |field| [path, &[field]].concat();
        match destination.kind() {
            None => {
                self.mistake(path, "needs exactly one of queue, topic, bucket, function and bus")
            }
            Some(DestinationKind::Queue(name)) => self.failure_queue(&at("queue"), name),
            Some(DestinationKind::Topic(name)) => self.standard_topic(&at("topic"), name),
            Some(DestinationKind::Bucket(name)) => {
                self.declared(&at("bucket"), "buckets", name, &topology.buckets)
            }
            Some(DestinationKind::Function(name)) => {
                self.declared(&at("function"), "functions", name, &topology.functions);
            }
            Some(DestinationKind::Bus(name)) => self.bus(&at("bus"), name),
        }
    }
}
