//! Stands between those who deliver and those who are delivered to, and writes down what passes.

use std::sync::Arc;

use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;

use super::{Deliveries, Letter, Letters, Way};
use crate::destination::Destination;
use crate::invocation::{Answer, Invoker, Request};
use crate::send_error::SendError;

/// Invokes, and keeps what came of it.
pub(crate) struct Recorder {
    pub(crate) inner: Arc<dyn Invoker>,
    pub(crate) deliveries: Arc<Deliveries>,
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

/// Hands over, and keeps what has arrived.
pub(crate) struct RecordingDestination {
    pub(crate) inner: Arc<dyn Destination>,
    pub(crate) letters: Arc<Letters>,
    pub(crate) function: String,
    pub(crate) queue: String,
}

impl Destination for RecordingDestination {
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async move {
            let kept = body.clone();
            self.inner.send(body).await?;
            let (queue, function) = (self.queue.clone(), self.function.clone());
            self.letters.add(Letter { at: Timestamp::now(), queue, function, body: kept });
            Ok(())
        })
    }
}
