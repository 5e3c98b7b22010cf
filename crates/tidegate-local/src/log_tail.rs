//! The last of what a function prints during one invocation, as Invoke returns it for the log type `Tail`.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Lambda returns the last 4 KB.
pub const LIMIT: usize = 4096;

/// Collects one invocation's log, framed by the lines that Lambda writes itself (`START`, `END`, `REPORT`).
#[derive(Debug, Default)]
pub struct LogTail {
    last: Mutex<VecDeque<u8>>,
}

impl LogTail {
    /// The invocation is handed to a process. What was collected before is dropped: a waiter that hung up got nothing.
    pub(crate) fn begin(&self, request_id: &str) {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.add(format!("START RequestId: {request_id} Version: $LATEST\n").as_bytes());
    }

    /// The process printed this.
    pub(crate) fn add(&self, printed: &[u8]) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.extend(printed);
        let surplus = last.len().saturating_sub(LIMIT);
        last.drain(..surplus);
    }

    /// The invocation has its result.
    pub(crate) fn end(&self, request_id: &str, took: Duration, memory_mb: u32, peak_rss_bytes: u64) {
        let ends_a_line = self.bytes().last().is_none_or(|byte| *byte == b'\n');
        let (milliseconds, used) = (took.as_secs_f64() * 1000.0, peak_rss_bytes.div_ceil(1 << 20));
        let line = if ends_a_line { "" } else { "\n" };
        self.add(
            format!(
                "{line}END RequestId: {request_id}\nREPORT RequestId: {request_id}\tDuration: {milliseconds:.2} ms\tBilled Duration: {:.0} \
                 ms\tMemory Size: {memory_mb} MB\tMax Memory Used: {used} MB\t\n",
                milliseconds.ceil()
            )
            .as_bytes(),
        );
    }

    /// The last 4 KB so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(log: &LogTail) -> String {
        String::from_utf8(log.bytes()).unwrap()
    }

    #[test]
    fn what_is_printed_stands_between_lambdas_own_lines() {
        let log = LogTail::default();
        log.begin("of another waiter");
        log.begin("r-1");
        log.add(b"one\ntwo without an end");
        log.end("r-1", Duration::from_micros(1500), 128, (9 << 20) + 1);
        let expected = "START RequestId: r-1 Version: $LATEST\none\ntwo without an end\nEND RequestId: r-1\nREPORT RequestId: r-1\tDuration: 1.50 \
                        ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 10 MB\t\n";
        assert_eq!(text(&log), expected);
    }

    #[test]
    fn only_the_last_4_kb_are_kept() {
        let log = LogTail::default();
        log.begin("r-1");
        log.add(&vec![b'a'; LIMIT]);
        assert_eq!(log.bytes(), vec![b'a'; LIMIT]);
        log.add(b"bc");
        assert_eq!(log.bytes().len(), LIMIT);
        assert!(text(&log).ends_with("aabc"), "{}", text(&log));
    }
}
