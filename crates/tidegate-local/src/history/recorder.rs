//! Records each invocation and each on-failure record on its way through.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;

use super::letters::{Letter, Letters, Place};
use super::past::PastInvocations;
use super::way::Way;
use crate::destination::Destination;
use crate::invocation::{Answer, Invoker, Request};
use crate::send_error::SendError;

/// Invokes functions and records how each invocation ended.
pub(crate) struct Recorder {
    pub(crate) inner: Arc<dyn Invoker>,
    pub(crate) deliveries: Arc<PastInvocations>,
    pub(crate) way: Way,
}

impl Invoker for Recorder {
    fn invoke<'a>(&'a self, function: &'a str, request: Request) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let (at, began, payload) = (Timestamp::now(), Instant::now(), request.payload.clone());
            let answer = self.inner.invoke(function, request).await;
            self.deliveries.add(&self.way, at, began.elapsed(), payload, &answer);
            answer
        })
    }
}

/// Sends on-failure records and keeps those that have arrived.
pub(crate) struct RecordingDestination {
    pub(crate) inner: Arc<dyn Destination>,
    pub(crate) letters: Arc<Letters>,
    pub(crate) function: String,
    pub(crate) to: Place,
}

impl RecordingDestination {
    fn arrived(&self, body: String) {
        let (to, function) = (self.to.clone(), self.function.clone());
        self.letters.add(Letter { at: Timestamp::now(), to, function, body });
    }
}

impl Destination for RecordingDestination {
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async move {
            self.inner.send(body.clone()).await?;
            self.arrived(body);
            Ok(())
        })
    }

    fn send_range<'a>(
        &'a self,
        body: String,
        shard: &'a str,
        event: &'a Bytes,
    ) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            self.inner.send_range(body.clone(), shard, event).await?;
            self.arrived(body);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::send_error::Reason;

    fn away(message: String) -> SendError {
        SendError { reason: Reason::Failed, message }
    }

    /// Refuses the first record.
    #[derive(Default)]
    struct Bucket(Mutex<Vec<Option<String>>>);

    impl Destination for Bucket {
        fn send(&self, body: String) -> BoxFuture<'_, Result<(), SendError>> {
            Box::pin(async move { Err(away(format!("{body} came without its event"))) })
        }

        fn send_range<'a>(
            &'a self,
            body: String,
            shard: &'a str,
            event: &'a Bytes,
        ) -> BoxFuture<'a, Result<(), SendError>> {
            let mut taken = self.0.lock().unwrap();
            let first = taken.is_empty();
            taken.push(Some(format!("{body} {shard} {event:?}")).filter(|_| !first));
            Box::pin(async move { if first { Err(away("away".to_owned())) } else { Ok(()) } })
        }
    }

    #[tokio::test]
    async fn a_range_reaches_its_destination_with_its_event_and_counts_once_it_is_there() {
        let (bucket, letters) = (Arc::new(Bucket::default()), Arc::new(Letters::default()));
        let destination = RecordingDestination {
            inner: Arc::<Bucket>::clone(&bucket),
            letters: Arc::clone(&letters),
            function: "f".to_owned(),
            to: Place { kind: "bucket", name: "b".to_owned() },
        };
        let event = Bytes::from_static(b"{}");
        destination.send_range("r".to_owned(), "s", &event).await.unwrap_err();
        assert!(letters.given_up().is_empty(), "it has not arrived");
        destination.send_range("r".to_owned(), "s", &event).await.unwrap();
        assert_eq!(bucket.0.lock().unwrap().last(), Some(&Some(r#"r s b"{}""#.to_owned())));
        assert_eq!(letters.given_up().len(), 1);
    }
}
