//! Wakes the pollers of what a call has written to.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::hook::{Call, Hook, Reply};
use super::written::{Written, written};
use crate::wake::{Polled, Wakes};

/// Wakes pollers after each successful write, before its caller has the answer.
#[derive(Debug)]
pub(super) struct Waking(pub(super) Arc<Wakes>);

impl Hook for Waking {
    fn after<'a>(&'a self, call: &'a Call, reply: Reply) -> BoxFuture<'a, Reply> {
        if reply.status().is_success() {
            written(call).iter().for_each(|written| self.wake(written));
        }
        Box::pin(async { reply })
    }
}

impl Waking {
    fn wake(&self, written: &Written) {
        let now = |kind: Polled, name: &str| {
            if let Some(wake) = self.0.polled(kind, name) {
                wake.written();
            }
        };
        match written {
            Written::Stream(name) => now(Polled::Stream, name),
            Written::Table(name) => now(Polled::Table, name),
            Written::Queue(name, 0) => now(Polled::Queue, name),
            Written::Queue(name, seconds) => {
                if let Some(wake) = self.0.polled(Polled::Queue, name) {
                    wake.later(Duration::from_secs(*seconds));
                }
            }
            Written::Bus(name) => now(Polled::Bus, name),
            Written::AnyStream => self.0.written_to_any(Polled::Stream),
            Written::AnyTable => self.0.written_to_any(Polled::Table),
            Written::AnyQueue => self.0.written_to_any(Polled::Queue),
            Written::AnyBus => self.0.written_to_any(Polled::Bus),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::FutureExt;
    use http::StatusCode;

    use super::*;

    /// Answers a call, and returns how often each of three tables was woken.
    fn woken(operation: &str, body: &str, status: StatusCode) -> [u64; 3] {
        let wakes = Arc::new(Wakes::default());
        let tables = ["t", "u", "v"].map(|name| wakes.of(Polled::Table, name));
        let head = http::Request::post("/").body(()).unwrap().into_parts().0;
        let (caller, operation) = (String::new(), operation.to_owned());
        let call = Call { number: 0, caller, operation, head, body: Bytes::from(body.to_owned()) };
        let mut reply = Reply::new(Bytes::from_static(b"{}").into());
        *reply.status_mut() = status;
        let reply = Waking(wakes).after(&call, reply).now_or_never().unwrap();
        assert_eq!((reply.status(), reply.body().whole().unwrap()), (status, &Bytes::from("{}")));
        tables.map(|table| table.now())
    }

    const STATEMENTS: &str = r#"{"Statements":[{"Statement":"INSERT INTO \"t\" VALUE {}"},
        {"Statement":"UPDATE u SET n = 1"},{"Statement":"DELETE FROM \"elsewhere\""}]}"#;

    #[test]
    fn statements_wake_each_table_that_they_change_once() {
        let woken = |status| woken("DynamoDB.BatchExecuteStatement", STATEMENTS, status);
        assert_eq!(woken(StatusCode::OK), [1, 1, 0]);
        assert_eq!(woken(StatusCode::BAD_REQUEST), [0, 0, 0], "nothing was written");
    }

    #[test]
    fn what_cannot_be_read_wakes_nobody_and_what_is_too_large_everybody() {
        assert_eq!(woken("DynamoDB.PutItem", "{", StatusCode::OK), [0, 0, 0]);
        let large = format!(r#"{{"TableName":"t","Item":"{}"}}"#, "x".repeat(2 << 20));
        assert_eq!(woken("DynamoDB.PutItem", &large, StatusCode::OK), [1, 1, 1]);
    }
}
