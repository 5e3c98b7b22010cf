//! Routes events to functions by their source and detail-type.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tracing::Span;

use super::context::BatchContext;
use super::decode::Decode;
use super::handler::Handler;
use super::outcome::Handled;
use crate::envelope::{Data, Envelope};
use crate::failure::Failure;
use crate::message::Message;
use crate::source::{Delivery, EventName};
use crate::store::{EventReader, content};

/// What to do with an event that has no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The event should not have come here: dead-letters it with the code `unknown_event`.
    DeadLetter,
    /// The event is of no interest here: acknowledges it and counts it as filtered.
    Filter,
}

/// A handler that passes each event to the function for its source and type.
///
/// An EventBridge event is routed by its `source` and `detail-type`, even if a queue or a topic
/// lies between rule and function. Any other message is routed by the `source` and `type` of its
/// envelope.
///
/// ```
/// # use std::sync::Arc;
/// # use serde::{Deserialize, Serialize};
/// # use tidegate::batch::{BatchContext, EachRecord, Handled, Routed, Router, Unknown};
/// # use tidegate::failure::Failure;
/// # use tidegate::message::Message;
/// #[derive(Serialize, Deserialize, Message)]
/// struct OrderPlaced { order_id: String }
/// async fn confirm(order: Arc<Routed<OrderPlaced>>, _: BatchContext) -> Result<Handled, Failure> {
///     tracing::info!(order_id = order.message.order_id, cause = order.envelope.id);
///     Ok(Handled::Applied)
/// }
///
/// let router = Router::routes()
///     .on::<OrderPlaced>("shop.orders", "OrderPlaced", confirm)
///     .otherwise(Unknown::DeadLetter);
/// let handler = EachRecord::new(router, 1);
/// ```
pub struct Router {
    routes: HashMap<EventName, Route>,
    unknown: Unknown,
}

/// The routes of a router under construction.
#[derive(Default)]
pub struct Routes {
    routes: HashMap<EventName, Route>,
    events: Option<Arc<dyn EventReader>>,
}

/// A command or event in its envelope, as a route receives it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Routed<T> {
    /// Envelope.
    pub envelope: Envelope,
    /// Decoded content, in the newest version.
    pub message: T,
    /// Time at which the transport accepted it.
    pub arrived_at: Option<Timestamp>,
}

/// An event without an envelope, such as an event of an AWS service.
#[derive(Debug)]
#[non_exhaustive]
pub struct Foreign<T> {
    /// EventBridge's id of the event, or the delivery's position if the event has none.
    ///
    /// EventBridge keeps the id when it retries. An event that is put again has another id.
    pub id: String,
    /// Source and detail type of the event.
    pub name: EventName,
    /// Content of `detail`.
    pub detail: T,
    /// Value of `time`.
    pub arrived_at: Option<Timestamp>,
}

/// An async function that a route leads to: it receives the decoded event and the invocation's
/// context.
///
/// Must be idempotent: on redelivery, detect that the effect already happened and return
/// [`Handled::Duplicate`].
pub trait Endpoint<T>: Send + Sync + 'static {
    /// Handles one event.
    fn call(
        &self,
        event: Arc<T>,
        context: BatchContext,
    ) -> BoxFuture<'static, Result<Handled, Failure>>;
}

impl<T, F, R> Endpoint<T> for F
where
    F: Fn(Arc<T>, BatchContext) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Handled, Failure>> + Send + 'static,
{
    fn call(
        &self,
        event: Arc<T>,
        context: BatchContext,
    ) -> BoxFuture<'static, Result<Handled, Failure>> {
        self(event, context).boxed()
    }
}

/// Decodes a delivery and returns the task for it.
type Route = Box<dyn Fn(&Delivery<'_>) -> Result<Task, Failure> + Send + Sync>;
type Run = Box<dyn Fn(BatchContext) -> BoxFuture<'static, Result<Handled, Failure>> + Send + Sync>;

/// An event on its way through a [`Router`].
pub struct Task {
    span: Span,
    /// `None` if the event is filtered.
    run: Option<Run>,
}

impl Routes {
    /// Routes events of this source and type to an async function.
    ///
    /// `detail_type` is usually the message's own type. Set another one if a producer publishes the
    /// message under another name. A second route for the same name replaces the first.
    ///
    /// Content that does not decode fails as in [`Message::decode`]. An envelope with content of
    /// another type fails permanently (`wrong_type`).
    #[must_use]
    pub fn on<T: Message + Send + Sync + 'static>(
        mut self,
        source: &str,
        detail_type: &str,
        endpoint: impl Endpoint<Routed<T>>,
    ) -> Self {
        let endpoint = Arc::new(endpoint);
        let events = self.events.clone();
        let route = move |delivery: &Delivery<'_>| enveloped(delivery, &endpoint, events.as_ref());
        self.routes.insert(EventName::new(source, detail_type), Box::new(route));
        self
    }

    /// Routes events without an envelope to an async function.
    ///
    /// Their `detail` is JSON in the producer's own format.
    #[must_use]
    pub fn on_foreign<T: DeserializeOwned + Send + Sync + 'static>(
        mut self,
        source: &str,
        detail_type: &str,
        endpoint: impl Endpoint<Foreign<T>>,
    ) -> Self {
        let endpoint = Arc::new(endpoint);
        let name = EventName::new(source, detail_type);
        let route = {
            let name = name.clone();
            move |delivery: &Delivery<'_>| {
                let foreign = Foreign {
                    id: delivery.event_id.as_ref().unwrap_or(&delivery.position).clone(),
                    name: name.clone(),
                    detail: delivery.json()?,
                    arrived_at: delivery.arrived_at,
                };
                let (endpoint, foreign) = (Arc::clone(&endpoint), Arc::new(foreign));
                let run = move |context| endpoint.call(Arc::clone(&foreign), context);
                Ok(Task { span: Span::none(), run: Some(Box::new(run)) })
            }
        };
        self.routes.insert(name, Box::new(route));
        self
    }

    /// Sets where routes that are added after this call read data that was too large for the
    /// transport.
    ///
    /// Without it such an event fails permanently (`data_by_reference`).
    #[must_use]
    pub fn resolve(mut self, events: Arc<dyn EventReader>) -> Self {
        self.events = Some(events);
        self
    }

    /// Creates the router; `unknown` decides about events that have no route.
    pub fn otherwise(self, unknown: Unknown) -> Router {
        Router { routes: self.routes, unknown }
    }
}

fn enveloped<T: Message + Send + Sync + 'static>(
    delivery: &Delivery<'_>,
    endpoint: &Arc<impl Endpoint<Routed<T>>>,
    events: Option<&Arc<dyn EventReader>>,
) -> Result<Task, Failure> {
    let envelope = envelope_of::<T>(delivery)?;
    let (span, arrived_at, endpoint) = (envelope.span(), delivery.arrived_at, Arc::clone(endpoint));
    let run: Run = match (&envelope.data, events) {
        (Data::Inline(data), _) => {
            let message = T::decode(envelope.schema.version, data.get())?;
            let routed = Arc::new(Routed { envelope, message, arrived_at });
            Box::new(move |context| endpoint.call(Arc::clone(&routed), context))
        }
        (Data::Reference(_), Some(events)) => {
            let events = Arc::clone(events);
            Box::new(move |context| {
                let (envelope, events, endpoint) =
                    (envelope.clone(), Arc::clone(&events), Arc::clone(&endpoint));
                let fetched = async move {
                    let data = content(events.as_ref(), &envelope).await?;
                    let message = T::decode(envelope.schema.version, &data)?;
                    endpoint.call(Arc::new(Routed { envelope, message, arrived_at }), context).await
                };
                fetched.boxed()
            })
        }
        (Data::Reference(reference), None) => {
            let reason = format!(
                "the data of {} {} is in the event store ({reference}); call `Routes::resolve` so that the \
                 router can read it",
                envelope.kind, envelope.id
            );
            return Err(Failure::permanent("data_by_reference", reason));
        }
    };
    Ok(Task { span, run: Some(run) })
}

/// Parses the envelope of a message of this type.
pub(in crate::batch) fn envelope_of<T: Message>(
    delivery: &Delivery<'_>,
) -> Result<Envelope, Failure> {
    let envelope = Envelope::parse(delivery.bytes()?)?;
    if envelope.kind == T::TYPE {
        return Ok(envelope);
    }
    let reason =
        format!("the envelope {} holds a {}, expected a {}", envelope.id, envelope.kind, T::TYPE);
    Err(Failure::permanent("wrong_type", reason))
}

impl Router {
    /// Starts a router without routes.
    pub fn routes() -> Routes {
        Routes::default()
    }
}

impl Decode for Router {
    type Record = Task;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<Task, Failure> {
        let name = match &delivery.event {
            Some(name) => name.clone(),
            None => {
                let envelope = Envelope::parse(delivery.bytes()?)?;
                EventName { source: envelope.source, detail_type: envelope.kind }
            }
        };
        match (self.routes.get(&name), self.unknown) {
            (Some(route), _) => route(delivery),
            (None, Unknown::Filter) => Ok(Task { span: Span::none(), run: None }),
            (None, Unknown::DeadLetter) => Err(Failure::permanent(
                "unknown_event",
                format!("there is no route for `{}` from `{}`", name.detail_type, name.source),
            )),
        }
    }

    fn span(&self, task: &Task) -> Span {
        task.span.clone()
    }
}

impl Handler for Router {
    async fn handle(&self, task: &Task, context: &BatchContext) -> Result<Handled, Failure> {
        match &task.run {
            Some(run) => run(context.clone()).await,
            None => Ok(Handled::Filtered),
        }
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("routes", &self.routes.keys())
            .field("unknown", &self.unknown)
            .finish()
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").field("routes", &self.routes.keys()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("filtered", &self.run.is_none()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
