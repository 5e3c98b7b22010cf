//! Tests the decisions of an aggregate.

use std::fmt::{Debug, Write};

use super::fail::fail;
use crate::message::MessageSet;
use crate::store::Aggregate;

/// Starts a test of an aggregate with its history: `given(events).when(command).then(expected)`.
///
/// Each event is written as JSON and read back, as in the event store.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tidegate::message::Message;
/// use tidegate::store::{Aggregate, Decision};
/// use tidegate::test::given;
///
/// #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
/// struct Lit {}
/// #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
/// struct StayedLit {}
/// tidegate::messages! {
///     #[derive(Clone, Debug, PartialEq)]
///     enum LampEvent { Lit, StayedLit }
/// }
///
/// #[derive(Default)]
/// struct Lamp { lit: bool }
/// struct Light;
///
/// impl Aggregate for Lamp {
///     type Command = Light;
///     type Event = LampEvent;
///     const SOURCE: &'static str = "house";
///     fn creates(_: &Light) -> bool { true }
///     fn apply(&mut self, _: &LampEvent) { self.lit = true; }
///     fn decide(&self, _: &Light) -> Decision<LampEvent> {
///         if self.lit { Decision::one(StayedLit {}) } else { Decision::one(Lit {}) }
///     }
/// }
///
/// given::<Lamp>([]).when(&Light).then([Lit {}.into()]);
/// given::<Lamp>([Lit {}.into()]).when(&Light).then([StayedLit {}.into()]);
/// ```
///
/// # Panics
/// Panics if an event cannot be written as JSON and read back.
#[track_caller]
pub fn given<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> Given<A>
where
    A::Event: Debug,
{
    let mut given = Given { aggregate: A::default(), history: Vec::new() };
    for event in events {
        given.push(stored(&event));
    }
    given
}

/// An aggregate with its history.
#[derive(Debug)]
pub struct Given<A: Aggregate> {
    aggregate: A,
    history: Vec<A::Event>,
}

impl<A: Aggregate> Given<A>
where
    A::Event: Debug,
{
    /// Adds an event as an earlier version of the function stored it: its type, type version and
    /// data as JSON.
    ///
    /// # Panics
    /// Panics if the event cannot be decoded.
    #[must_use]
    #[track_caller]
    pub fn and_stored(mut self, kind: &str, data_version: u32, data: &str) -> Self {
        match A::Event::decode(kind, data_version, data) {
            Ok(event) => self.push(event),
            Err(failure) => {
                fail(&format!("the stored event {kind} {data_version} cannot be read: {failure}"))
            }
        }
        self
    }

    /// Decides a command on the aggregate.
    #[must_use]
    pub fn when(self, command: &A::Command) -> When<A> {
        let events = self.aggregate.decide(command).events().iter().map(stored).collect();
        When { given: self, events }
    }

    /// Returns the aggregate in the state after its history.
    pub fn aggregate(&self) -> &A {
        &self.aggregate
    }

    fn push(&mut self, event: A::Event) {
        self.aggregate.apply(&event);
        self.history.push(event);
    }
}

/// A decision, ready to be compared.
#[derive(Debug)]
pub struct When<A: Aggregate> {
    given: Given<A>,
    events: Vec<A::Event>,
}

impl<A: Aggregate> When<A>
where
    A::Event: Debug + PartialEq,
{
    /// Checks that the decision has exactly these events, in this order.
    ///
    /// The events then belong to the history, so that a further command can follow.
    ///
    /// # Panics
    /// Panics if the events differ. The message shows the history, the expected events and the
    /// actual events.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = A::Event>) -> Given<A> {
        let expected: Vec<A::Event> = expected.into_iter().collect();
        if let Some(difference) = difference(&self.given.history, &expected, &self.events) {
            fail(&difference);
        }
        self.settled()
    }

    /// Checks that the decision fulfils a condition. Use it where the full events are tedious to
    /// write.
    ///
    /// # Panics
    /// Panics if it does not. The message shows the history and the actual events.
    #[track_caller]
    pub fn then_that(self, condition: impl FnOnce(&[A::Event]) -> bool) -> Given<A> {
        if !condition(&self.events) {
            let mut text = String::from("the decision does not fulfil the condition\n");
            list(&mut text, "given", &self.given.history);
            list(&mut text, "came", &self.events);
            fail(&text);
        }
        self.settled()
    }

    /// Returns the events of the decision.
    pub fn events(&self) -> &[A::Event] {
        &self.events
    }

    fn settled(self) -> Given<A> {
        let Self { mut given, events } = self;
        events.into_iter().for_each(|event| given.push(event));
        given
    }
}

fn difference<E: Debug + PartialEq>(history: &[E], expected: &[E], came: &[E]) -> Option<String> {
    if expected == came {
        return None;
    }
    let same = expected.iter().zip(came).take_while(|(expected, came)| expected == came).count();
    let mut text = match (expected.get(same), came.get(same)) {
        (Some(_), Some(_)) => format!("event {} of the decision differs\n", same + 1),
        _ => format!("{} events were expected, {} came\n", expected.len(), came.len()),
    };
    list(&mut text, "given", history);
    list(&mut text, "expected", expected);
    list(&mut text, "came", came);
    Some(text)
}

fn list<E: Debug>(text: &mut String, title: &str, events: &[E]) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{title}:{}", if events.is_empty() { " nothing" } else { "" });
    for (number, event) in (1..).zip(events) {
        let shown = format!("{event:#?}").replace('\n', "\n     ");
        let _ = writeln!(text, "  {number}. {shown}");
    }
}

/// Returns the event as it is read from the store.
#[track_caller]
fn stored<E: MessageSet + Debug>(event: &E) -> E {
    let (kind, version) = event.schema();
    let json = match event.encode() {
        Ok(json) => json,
        Err(error) => fail(&format!("{event:?} cannot be written as JSON: {error}")),
    };
    match E::decode(kind, version, &json) {
        Ok(event) => event,
        Err(failure) => {
            fail(&format!("{event:?} cannot be read from its own JSON {json}: {failure}"))
        }
    }
}
