//! The end of a function's output during one invocation, which Invoke returns for the log type
//! `Tail`.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// Bytes that Lambda returns: the last 4 KB.
pub(crate) const LIMIT: usize = 4096;

/// Collects one invocation's log, between the lines that Lambda itself writes (`START`, `END`,
/// `REPORT`).
#[derive(Debug, Default)]
pub struct LogTail {
    last: Mutex<VecDeque<u8>>,
}

impl LogTail {
    /// Begins the log when the invocation is handed to a process. Drops earlier content: a waiter
    /// that hung up printed nothing.
    pub(crate) fn begin(&self, start: &str) {
        self.last.lock().clear();
        self.add(start.as_bytes());
    }

    /// Adds output of the process.
    pub(crate) fn add(&self, printed: &[u8]) {
        let mut last = self.last.lock();
        last.extend(printed);
        let surplus = last.len().saturating_sub(LIMIT);
        last.drain(..surplus);
    }

    /// Ends the log with Lambda's lines when the invocation has its result.
    pub(crate) fn end(&self, report: &str) {
        if self.bytes().last().is_some_and(|byte| *byte != b'\n') {
            self.add(b"\n");
        }
        self.add(report.as_bytes());
    }

    /// Returns the last 4 KB collected.
    pub fn bytes(&self) -> Vec<u8> {
        self.last.lock().iter().copied().collect()
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
        log.begin("START of another waiter\n");
        log.begin("START\n");
        log.add(b"one\ntwo without an end");
        log.end("END\nREPORT\n");
        assert_eq!(text(&log), "START\none\ntwo without an end\nEND\nREPORT\n");
    }

    #[test]
    fn only_the_last_4_kb_are_kept() {
        let log = LogTail::default();
        log.begin("");
        log.add(&vec![b'a'; LIMIT]);
        assert_eq!(log.bytes(), vec![b'a'; LIMIT]);
        log.add(b"bc");
        assert_eq!(log.bytes().len(), LIMIT);
        assert!(text(&log).ends_with("aabc"), "{}", text(&log));
    }
}
