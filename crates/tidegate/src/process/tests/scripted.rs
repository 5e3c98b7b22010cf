//! A process that does what its inputs say.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::envelope::Envelope;
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::message::Message;
use crate::process::{self, Process, Reaction, State, Step, Taken};

/// An input that says what the process answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Message)]
pub(super) struct Do {
    pub(super) trip: String,
    pub(super) say: Say,
}

/// What the process answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) enum Say {
    Go(Plan),
    Refuse,
    #[default]
    Stick,
    Panic,
    /// Usually is the first input.
    Start(Plan),
    /// Sticks in the state `B`, and otherwise does this.
    UnlessB(Plan),
}

/// A step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) to: String,
    #[serde(default)]
    pub(super) set: Vec<Due>,
    #[serde(default)]
    pub(super) cancel: Vec<String>,
    #[serde(default)]
    pub(super) send: Vec<String>,
    #[serde(default)]
    pub(super) publish: bool,
}

/// A deadline of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Due {
    pub(super) name: String,
    pub(super) at: Timestamp,
    pub(super) lasting: bool,
    pub(super) say: String,
}

/// The message of a deadline: goes to the state that it names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(super) struct Passed {
    pub(super) to: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(super) struct Ask {
    pub(super) question: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(super) struct TripNoted {
    pub(super) state: String,
}

crate::messages! {
    #[derive(Clone, Debug, PartialEq)]
    pub(super) enum TripInput { Do, Passed }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, State)]
pub(super) enum Trip {
    #[state(start)]
    New,
    A(Taken<String>),
    B(Taken<String>),
    #[state(end)]
    Done,
    #[state(end)]
    Over,
}

impl Trip {
    fn taken(&self) -> Taken<String> {
        match self {
            Self::A(taken) | Self::B(taken) => taken.clone(),
            Self::New | Self::Done | Self::Over => Taken::default(),
        }
    }

    fn of(&self, name: &str) -> Self {
        let taken = self.taken().and(self.name().to_owned());
        match name {
            "A" => Self::A(taken),
            "B" => Self::B(taken),
            "Done" => Self::Done,
            "Over" => Self::Over,
            _ => Self::New,
        }
    }
}

pub(super) struct Trips;

impl Process for Trips {
    const KIND: &'static str = "trip";
    const SOURCE: &'static str = "travel.trip";
    const RULES: u32 = 7;
    type Input = TripInput;
    type State = Trip;

    fn instance(input: &TripInput, envelope: &Envelope) -> Result<StreamId, Failure> {
        match input {
            TripInput::Do(Do { trip, .. }) => process::stream::<Self>(trip),
            TripInput::Passed(_) => Ok(envelope.subject.clone()),
        }
    }

    fn starts(input: &TripInput) -> bool {
        match input {
            TripInput::Do(Do { say, .. }) => matches!(say, Say::Start(_)),
            TripInput::Passed(_) => false,
        }
    }

    #[process::total]
    fn react(state: &Trip, input: &TripInput, now: Timestamp) -> Reaction<Trip> {
        match (state, input) {
            (Trip::B(_), TripInput::Do(Do { say: Say::UnlessB(_), .. })) => {
                process::stuck("in_b", "the state is B")
            }
            (
                Trip::New | Trip::A(_) | Trip::B(_) | Trip::Done | Trip::Over,
                TripInput::Do(Do { say, .. }),
            ) => say.answer(state, now),
            (
                Trip::New | Trip::A(_) | Trip::B(_) | Trip::Done | Trip::Over,
                TripInput::Passed(Passed { to }),
            ) => Step::to(state.of(to)).into(),
        }
    }
}

impl Say {
    fn answer(&self, state: &Trip, now: Timestamp) -> Reaction<Trip> {
        match self {
            Self::Go(plan) | Self::Start(plan) | Self::UnlessB(plan) => plan.step(state).into(),
            Self::Refuse => process::refuse("not_now", format!("at {now}")),
            Self::Stick => process::stuck("unclear", "nobody knows"),
            Self::Panic => panic!("the script says so"),
        }
    }
}

impl Plan {
    pub(super) fn to(state: &str) -> Self {
        Self { to: state.to_owned(), ..Self::default() }
    }

    pub(super) fn set(self, name: &str, at: Timestamp) -> Self {
        self.due(name, at, false, "B")
    }

    pub(super) fn set_overall(self, name: &str, at: Timestamp) -> Self {
        self.due(name, at, true, "B")
    }

    pub(super) fn due(mut self, name: &str, at: Timestamp, lasting: bool, say: &str) -> Self {
        self.set.push(Due { name: name.to_owned(), at, lasting, say: say.to_owned() });
        self
    }

    pub(super) fn cancel(mut self, name: &str) -> Self {
        self.cancel.push(name.to_owned());
        self
    }

    pub(super) fn send(mut self, subject: &str) -> Self {
        self.send.push(subject.to_owned());
        self
    }

    pub(super) fn publish(mut self) -> Self {
        self.publish = true;
        self
    }

    fn step(&self, state: &Trip) -> Step<Trip> {
        let mut step = Step::to(state.of(&self.to));
        for name in &self.cancel {
            step = step.cancel(name);
        }
        for Due { name, at, lasting, say } in &self.set {
            let passed = Passed { to: say.clone() };
            step = if *lasting {
                step.overall_deadline(name, *at, passed)
            } else {
                step.deadline(name, *at, passed)
            };
        }
        for subject in &self.send {
            let ask = Ask { question: format!("from {}", state.name()) };
            step = step.send("hotels", subject.as_str(), ask);
        }
        if self.publish {
            step = step.publish(TripNoted { state: self.to.clone() });
        }
        step
    }
}
