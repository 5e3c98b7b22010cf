//! Handles the inputs of a process.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::value::RawValue;
use tracing::{Span, warn};

use super::definition::Process;
use super::event::InstanceEvent;
use super::events::StoredEvent;
use super::instance::Instance;
use super::metrics::count;
use super::received::{PANICS, Received, What};
use super::words::Word;
use crate::batch::{BatchContext, Decode, NotRun, Outcome, StreamHandler};
use crate::envelope::{Data, Envelope};
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::message::MessageSet;
use crate::source::Delivery;
use crate::store::{EventStore, Origin, Retry, content, execute_all_noting};

/// Setting with the time of a restore, in RFC 3339: see [`ProcessHandler::paused_before`].
pub const PAUSED_BEFORE: &str = "TIDEGATE_PROCESS_PAUSED_BEFORE";

/// Handles the inputs of a process, words of operators and passed deadlines among them.
///
/// Use it in an [`EachStream`](crate::batch::EachStream) behind a queue. The inputs of one instance
/// that are in a batch are decided one after the other and stored in one commit. Data that was too
/// large for its transport is read from the store.
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
    arrived: Arrived<P>,
    origin: Origin,
    span: Span,
    last_panic: bool,
}

/// An input, as far as it is read.
enum Arrived<P: Process> {
    /// For this instance.
    Whole(StreamId, Received<P>),
    /// Its data is in the event store, so its instance is not known yet.
    Referring(Envelope),
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
        let mut input = f.debug_struct("ProcessInput");
        match &self.arrived {
            Arrived::Whole(instance, received) => {
                input.field("instance", instance).field("received", received)
            }
            Arrived::Referring(envelope) => input.field("envelope", envelope),
        };
        input.finish_non_exhaustive()
    }
}

impl<P: Process> Decode for ProcessHandler<P> {
    type Record = ProcessInput<P>;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<ProcessInput<P>, Failure> {
        let envelope = Envelope::parse(delivery.bytes()?)?;
        let last_panic = delivery.attempts.is_some_and(|attempts| attempts >= self.panics);
        let is_word = Word::newest(&envelope.kind).is_some();
        let origin = if is_word {
            Origin::delivered::<Word>(&envelope, delivery)
        } else {
            Origin::delivered::<P::Input>(&envelope, delivery)
        };
        let span = envelope.span();
        // A word is never in the store.
        let is_known = P::Input::newest(&envelope.kind).is_some();
        let arrived = if matches!(envelope.data, Data::Reference(_)) && is_known && !is_word {
            Arrived::Referring(envelope)
        } else {
            let (instance, received) = self.read(&envelope, last_panic)?;
            Arrived::Whole(instance, received)
        };
        Ok(ProcessInput { arrived, origin, span, last_panic })
    }

    fn span(&self, input: &ProcessInput<P>) -> Span {
        input.span.clone()
    }
}

impl<P: Process> StreamHandler for ProcessHandler<P> {
    fn stream<'a>(&self, input: &'a ProcessInput<P>) -> &'a StreamId {
        match &input.arrived {
            Arrived::Whole(instance, _) => instance,
            Arrived::Referring(envelope) => &envelope.subject,
        }
    }

    async fn handle(
        &self,
        stream: &StreamId,
        inputs: &[&ProcessInput<P>],
        context: &BatchContext,
    ) -> Vec<Outcome> {
        let whole = inputs.iter().map(|input| match &input.arrived {
            Arrived::Whole(_, received) => Some((received, &input.origin)),
            Arrived::Referring(_) => None,
        });
        if let Some(inputs) = whole.collect::<Option<Vec<_>>>() {
            return self.decide(stream, &inputs, context).await;
        }
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(inputs.len());
        for input in inputs {
            let outcomes_of_one = match &input.arrived {
                Arrived::Whole(instance, received) => {
                    self.decide(instance, &[(received, &input.origin)], context).await
                }
                Arrived::Referring(envelope) => {
                    match self.resolved(envelope, input.last_panic).await {
                        Ok((instance, received)) => {
                            self.decide(&instance, &[(&received, &input.origin)], context).await
                        }
                        Err(failure) => vec![Outcome::Failed(failure)],
                    }
                }
            };
            outcomes.extend(outcomes_of_one);
            if outcomes.last().is_none_or(Outcome::stops_lane) {
                break;
            }
        }
        outcomes.resize(inputs.len(), Outcome::NotRun(NotRun::Blocked));
        outcomes
    }
}

impl<P: Process> ProcessHandler<P> {
    /// Reads what an envelope brings, and for which instance.
    fn read(
        &self,
        envelope: &Envelope,
        last_panic: bool,
    ) -> Result<(StreamId, Received<P>), Failure> {
        let received = Received::<P>::from_envelope(envelope, (self.clock)())?
            .paused_before(self.paused_before)
            .last_panic(last_panic);
        let instance = match &received.what {
            What::Input(input) => P::instance(input, envelope)?,
            What::Word(_) => envelope.subject.clone(),
        };
        if instance.kind() != P::KIND {
            let (kind, id) = (&envelope.kind, &envelope.id);
            let reason = format!("{kind} {id} is for {instance}, which is not a `{}`", P::KIND);
            return Err(Failure::permanent("wrong_stream", reason));
        }
        Ok((instance, received))
    }

    /// Reads an input whose data was too large for its transport.
    async fn resolved(
        &self,
        envelope: &Envelope,
        last_panic: bool,
    ) -> Result<(StreamId, Received<P>), Failure> {
        let data = RawValue::from_string(content(self.store.as_ref(), envelope).await?)
            .map_err(|error| Failure::permanent("invalid_data", error.to_string()))?;
        self.read(&Envelope { data: Data::Inline(data), ..envelope.clone() }, last_panic)
    }

    /// Decides inputs of one instance, and stores what they lead to.
    async fn decide(
        &self,
        stream: &StreamId,
        inputs: &[(&Received<P>, &Origin)],
        context: &BatchContext,
    ) -> Vec<Outcome> {
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
        execute_all_noting::<Instance<P>>(store, stream, inputs, Retry::default(), note).await
    }
}
