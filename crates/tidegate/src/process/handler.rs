//! Handles the inputs of a process.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::{Span, warn};

use super::definition::Process;
use super::event::InstanceEvent;
use super::events::StoredEvent;
use super::instance::Instance;
use super::metrics::count;
use super::received::{PANICS, Received, What};
use super::words::Word;
use crate::batch::{BatchContext, Decode, Outcome, StreamHandler};
use crate::envelope::Envelope;
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::source::Delivery;
use crate::store::{EventStore, Origin, Retry, execute_all_noting};

/// Setting with the time of a restore, in RFC 3339: see [`ProcessHandler::paused_before`].
pub const PAUSED_BEFORE: &str = "TIDEGATE_PROCESS_PAUSED_BEFORE";

/// Handles the inputs of a process, words of operators and passed deadlines among them.
///
/// Use it in an [`EachStream`](crate::batch::EachStream) behind a queue. The inputs of one instance
/// that are in a batch are decided one after the other and stored in one commit.
pub struct ProcessHandler<P> {
    store: Arc<dyn EventStore>,
    clock: Clock,
    paused_before: Option<Timestamp>,
    panics: u32,
    process: PhantomData<fn() -> P>,
}

type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A decoded input of a process.
pub struct ProcessInput<P: Process> {
    instance: StreamId,
    received: Received<P>,
    origin: Origin,
    span: Span,
}

impl<P: Process> ProcessHandler<P> {
    /// Creates the handler that stores what the inputs lead to in this store.
    pub fn new(store: Arc<dyn EventStore>) -> Self {
        Self {
            store,
            clock: Arc::new(Timestamp::now),
            paused_before: None,
            panics: PANICS,
            process: PhantomData,
        }
    }

    /// Sets the time of a restore, usually from the setting [`PAUSED_BEFORE`].
    ///
    /// An instance whose newest event is older, and that has not ended, is stuck with the code
    /// `paused` at its next input: the world outside may be further than the restored store.
    /// Resuming goes on.
    #[must_use]
    pub fn paused_before(mut self, restored_at: Option<Timestamp>) -> Self {
        self.paused_before = restored_at;
        self
    }

    /// Sets the number of receives after which an input whose decision panics makes its instance
    /// stuck; [`PANICS`] by default.
    ///
    /// Only queues count receives. The `maximum_receives` of the queue must be larger.
    #[must_use]
    pub fn panics(mut self, receives: u32) -> Self {
        self.panics = receives;
        self
    }

    /// Takes the time of decisions from this clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

impl<P> fmt::Debug for ProcessHandler<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessHandler")
            .field("paused_before", &self.paused_before)
            .field("panics", &self.panics)
            .finish_non_exhaustive()
    }
}

impl<P: Process> fmt::Debug for ProcessInput<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instance, received, .. } = self;
        f.debug_struct("ProcessInput")
            .field("instance", instance)
            .field("received", received)
            .finish_non_exhaustive()
    }
}

impl<P: Process> Decode for ProcessHandler<P> {
    type Record = ProcessInput<P>;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<ProcessInput<P>, Failure> {
        let envelope = Envelope::parse(delivery.bytes()?)?;
        let received = Received::<P>::from_envelope(&envelope, (self.clock)())?
            .paused_before(self.paused_before)
            .last_panic(delivery.attempts.is_some_and(|attempts| attempts >= self.panics));
        let (instance, origin) = match &received.what {
            What::Input(input) => {
                (P::instance(input, &envelope)?, Origin::delivered::<P::Input>(&envelope, delivery))
            }
            What::Word(_) => {
                (envelope.subject.clone(), Origin::delivered::<Word>(&envelope, delivery))
            }
        };
        if instance.kind() != P::KIND {
            let reason = format!(
                "{} {} is for {instance}, which is not a `{}`",
                envelope.kind,
                envelope.id,
                P::KIND
            );
            return Err(Failure::permanent("wrong_stream", reason));
        }
        Ok(ProcessInput { instance, received, origin, span: envelope.span() })
    }

    fn span(&self, input: &ProcessInput<P>) -> Span {
        input.span.clone()
    }
}

impl<P: Process> StreamHandler for ProcessHandler<P> {
    fn stream<'a>(&self, input: &'a ProcessInput<P>) -> &'a StreamId {
        &input.instance
    }

    async fn handle(
        &self,
        stream: &StreamId,
        inputs: &[&ProcessInput<P>],
        context: &BatchContext,
    ) -> Vec<Outcome> {
        let inputs: Vec<_> = inputs.iter().map(|input| (&input.received, &input.origin)).collect();
        let note = |events: &[InstanceEvent<P>]| {
            count::<P>(&context.metrics, events);
            for event in events.iter().filter_map(InstanceEvent::stored) {
                if let StoredEvent::ProcessStuck(stuck) = event {
                    let (code, reason) = (&*stuck.code, &*stuck.reason);
                    warn!(process = P::KIND, %stream, code, reason, "a process is stuck");
                }
            }
        };
        let store = self.store.as_ref();
        execute_all_noting::<Instance<P>>(store, stream, &inputs, Retry::default(), note).await
    }
}
