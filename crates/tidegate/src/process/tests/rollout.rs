//! A process is changed and changed back: expand, then write the new version, then contract.

use self::message::{AskRoom, AskRoomV1, GiveRoom, Paid, RoomGiven};
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::process::{self, Process, StoredEvent};
use crate::test::{ProcessStep, ProcessTest};

/// The message types of both versions.
mod message {
    use serde::{Deserialize, Serialize};

    use crate::message::Message;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
    #[message(type = "AskRoom")]
    pub(super) struct AskRoomV1 {
        pub(super) room: String,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
    #[message(version = 2, from = AskRoomV1)]
    pub(super) struct AskRoom {
        pub(super) room: String,
        pub(super) nights: u32,
    }

    impl From<AskRoomV1> for AskRoom {
        fn from(AskRoomV1 { room }: AskRoomV1) -> Self {
            Self { room, nights: 1 }
        }
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
    pub(super) struct RoomGiven {
        pub(super) room: String,
    }

    /// Is new in version 2.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
    pub(super) struct Paid {
        pub(super) room: String,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
    pub(super) struct GiveRoom {
        pub(super) nights: u32,
    }
}

/// Version 1.
mod old {
    use jiff::Timestamp;
    use serde::{Deserialize, Serialize};

    use super::message::{AskRoomV1, GiveRoom, RoomGiven};
    use crate::envelope::Envelope;
    use crate::failure::Failure;
    use crate::ids::StreamId;
    use crate::process::{self, Process, Reaction, State, Step};

    crate::messages! { pub(super) enum Input { AskRoomV1, RoomGiven } }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, State)]
    pub(super) enum Stay {
        #[state(start)]
        New,
        Asked {
            room: String,
        },
        #[state(end)]
        Done,
    }

    pub(super) struct Stays;

    impl Process for Stays {
        const KIND: &'static str = "stay";
        const SOURCE: &'static str = "test.stay";
        const RULES: u32 = 1;
        type Input = Input;
        type State = Stay;

        fn instance(input: &Input, _: &Envelope) -> Result<StreamId, Failure> {
            let (Input::AskRoomV1(AskRoomV1 { room }) | Input::RoomGiven(RoomGiven { room })) =
                input;
            process::stream::<Self>(room)
        }

        #[process::total]
        fn react(state: &Stay, input: &Input, _: Timestamp) -> Reaction<Stay> {
            match (state, input) {
                (Stay::New, Input::AskRoomV1(AskRoomV1 { room })) => {
                    Step::to(Stay::Asked { room: room.clone() })
                        .send("rooms", format!("room#{room}"), GiveRoom { nights: 1 })
                        .into()
                }
                (Stay::Asked { .. }, Input::RoomGiven(_)) => Step::to(Stay::Done).into(),
                (Stay::Asked { .. } | Stay::Done, Input::AskRoomV1(_))
                | (Stay::New | Stay::Done, Input::RoomGiven(_)) => {
                    process::refuse("not_expected", "the stay waits for something else")
                }
            }
        }
    }
}

/// Knows what version 2 stores and receives, and still decides and writes as version 1.
mod expanded {
    use jiff::Timestamp;
    use serde::{Deserialize, Serialize};

    use super::message::{AskRoom, GiveRoom, Paid, RoomGiven};
    use crate::envelope::Envelope;
    use crate::failure::Failure;
    use crate::ids::StreamId;
    use crate::process::{self, Process, Reaction, State, Step};

    crate::messages! { pub(super) enum Input { AskRoom, RoomGiven, Paid } }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, State)]
    #[state(version = 1, reads = 2)]
    pub(super) enum Stay {
        #[state(start)]
        New,
        Asked {
            room: String,
            #[serde(default = "one")]
            nights: u32,
        },
        Paying {
            room: String,
            nights: u32,
        },
        #[state(end)]
        Done,
    }

    fn one() -> u32 {
        1
    }

    pub(super) struct Stays;

    impl Process for Stays {
        const KIND: &'static str = "stay";
        const SOURCE: &'static str = "test.stay";
        const RULES: u32 = 1;
        type Input = Input;
        type State = Stay;

        fn instance(input: &Input, _: &Envelope) -> Result<StreamId, Failure> {
            super::stay::<Self>(input.room())
        }

        #[process::total]
        fn react(state: &Stay, input: &Input, _: Timestamp) -> Reaction<Stay> {
            match (state, input) {
                (Stay::New, Input::AskRoom(AskRoom { room, nights })) => {
                    Step::to(Stay::Asked { room: room.clone(), nights: *nights })
                        .send("rooms", format!("room#{room}"), GiveRoom { nights: *nights })
                        .into()
                }
                // As version 1 decides.
                (Stay::Asked { .. }, Input::RoomGiven(_)) => Step::to(Stay::Done).into(),
                // No rule of this version leads to it, but version 2 does.
                (Stay::Paying { .. }, Input::Paid(_)) => Step::to(Stay::Done).into(),
                (Stay::Paying { .. }, Input::RoomGiven(_)) => Step::to(state.clone()).into(),
                (Stay::Asked { .. } | Stay::Paying { .. } | Stay::Done, Input::AskRoom(_))
                | (Stay::New | Stay::Done, Input::RoomGiven(_))
                | (Stay::New | Stay::Asked { .. } | Stay::Done, Input::Paid(_)) => {
                    process::refuse("not_expected", "the stay waits for something else")
                }
            }
        }
    }

    impl Input {
        pub(super) fn room(&self) -> &str {
            match self {
                Self::AskRoom(AskRoom { room, .. })
                | Self::RoomGiven(RoomGiven { room })
                | Self::Paid(Paid { room }) => room,
            }
        }
    }
}

/// Version 2: a room is paid before the stay is done.
mod new {
    use jiff::Timestamp;
    use serde::{Deserialize, Serialize};

    use super::expanded::Input;
    use super::message::{AskRoom, GiveRoom};
    use crate::envelope::Envelope;
    use crate::failure::Failure;
    use crate::ids::StreamId;
    use crate::process::{self, Process, Reaction, State, Step};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, State)]
    #[state(version = 2, from = super::expanded::Stay)]
    pub(super) enum Stay {
        #[state(start)]
        New,
        Asked {
            room: String,
            nights: u32,
        },
        Paying {
            room: String,
            nights: u32,
        },
        #[state(end)]
        Done,
    }

    impl From<super::expanded::Stay> for Stay {
        fn from(before: super::expanded::Stay) -> Self {
            use super::expanded::Stay as V1;
            match before {
                V1::New => Self::New,
                V1::Asked { room, nights } => Self::Asked { room, nights },
                V1::Paying { room, nights } => Self::Paying { room, nights },
                V1::Done => Self::Done,
            }
        }
    }

    pub(super) struct Stays;

    impl Process for Stays {
        const KIND: &'static str = "stay";
        const SOURCE: &'static str = "test.stay";
        const RULES: u32 = 2;
        type Input = Input;
        type State = Stay;

        fn instance(input: &Input, _: &Envelope) -> Result<StreamId, Failure> {
            super::stay::<Self>(input.room())
        }

        #[process::total]
        fn react(state: &Stay, input: &Input, _: Timestamp) -> Reaction<Stay> {
            match (state, input) {
                (Stay::New, Input::AskRoom(AskRoom { room, nights })) => {
                    Step::to(Stay::Asked { room: room.clone(), nights: *nights })
                        .send("rooms", format!("room#{room}"), GiveRoom { nights: *nights })
                        .into()
                }
                (Stay::Asked { room, nights }, Input::RoomGiven(_)) => {
                    Step::to(Stay::Paying { room: room.clone(), nights: *nights }).into()
                }
                (Stay::Paying { .. }, Input::Paid(_)) => Step::to(Stay::Done).into(),
                (Stay::Asked { .. } | Stay::Paying { .. } | Stay::Done, Input::AskRoom(_))
                | (Stay::New | Stay::Paying { .. } | Stay::Done, Input::RoomGiven(_))
                | (Stay::New | Stay::Asked { .. } | Stay::Done, Input::Paid(_)) => {
                    process::refuse("not_expected", "the stay waits for something else")
                }
            }
        }
    }
}

/// As version 2, without what reads version 1.
mod contracted {
    use jiff::Timestamp;
    use serde::{Deserialize, Serialize};

    use super::expanded::Input;
    use crate::envelope::Envelope;
    use crate::failure::Failure;
    use crate::ids::StreamId;
    use crate::process::{self, Process, Reaction, State, Step};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, State)]
    #[state(version = 2, oldest)]
    pub(super) enum Stay {
        #[state(start)]
        New,
        Asked {
            room: String,
            nights: u32,
        },
        Paying {
            room: String,
            nights: u32,
        },
        #[state(end)]
        Done,
    }

    pub(super) struct Stays;

    impl Process for Stays {
        const KIND: &'static str = "stay";
        const SOURCE: &'static str = "test.stay";
        const RULES: u32 = 2;
        type Input = Input;
        type State = Stay;

        fn instance(input: &Input, _: &Envelope) -> Result<StreamId, Failure> {
            super::stay::<Self>(input.room())
        }

        #[process::total]
        fn react(state: &Stay, input: &Input, _: Timestamp) -> Reaction<Stay> {
            match (state, input) {
                (Stay::Asked { room, nights }, Input::RoomGiven(_)) => {
                    Step::to(Stay::Paying { room: room.clone(), nights: *nights }).into()
                }
                (Stay::Paying { .. }, Input::Paid(_)) => Step::to(Stay::Done).into(),
                (
                    Stay::New | Stay::Asked { .. } | Stay::Paying { .. } | Stay::Done,
                    Input::AskRoom(_),
                )
                | (Stay::New | Stay::Paying { .. } | Stay::Done, Input::RoomGiven(_))
                | (Stay::New | Stay::Asked { .. } | Stay::Done, Input::Paid(_)) => {
                    process::refuse("not_expected", "the stay waits for something else")
                }
            }
        }
    }
}

fn stay<P: Process>(room: &str) -> Result<StreamId, Failure> {
    process::stream::<P>(room)
}

fn ask(room: &str) -> AskRoom {
    AskRoom { room: room.to_owned(), nights: 3 }
}

fn ask_v1(room: &str) -> AskRoomV1 {
    AskRoomV1 { room: room.to_owned() }
}

fn given(room: &str) -> RoomGiven {
    RoomGiven { room: room.to_owned() }
}

fn paid(room: &str) -> Paid {
    Paid { room: room.to_owned() }
}

fn versions_of(event: &StoredEvent) -> Option<(u32, u32)> {
    match event {
        StoredEvent::ProcessMoved(moved) => Some((moved.rules, moved.state.version)),
        _ => None,
    }
}

/// Returns the version of the rules, and that of the stored state.
fn versions(step: &ProcessStep) -> Option<(u32, u32)> {
    step.events().iter().find_map(versions_of)
}

#[test]
fn one_goes_back_to_the_expanded_version_and_forward_again() {
    let mut test = ProcessTest::<old::Stays>::new();
    test.input(ask_v1("a")).moved_to("Asked");
    test.input(ask_v1("b")).moved_to("Asked");

    let mut test = test.deploy::<expanded::Stays>();
    // A producer already sends the new version of the command.
    let step = test.input(ask("c"));
    step.moved_to("Asked").sends("rooms", &GiveRoom { nights: 3 });
    assert_eq!(versions(&step), Some((1, 1)), "it writes as version 1 does");

    let mut test = test.deploy::<new::Stays>();
    let step = test.input(given("a"));
    step.moved_to("Paying");
    assert_eq!(versions(&step), Some((2, 2)));
    let nights = new::Stay::Paying { room: "a".to_owned(), nights: 1 };
    assert_eq!(test.state(), nights, "version 1 knew no nights");
    test.input(given("c")).moved_to("Paying");
    test.input(ask("d")).moved_to("Asked");
    test.input(ask("e")).moved_to("Asked");

    // Back: what version 2 stored is read, and goes on.
    let mut test = test.deploy::<expanded::Stays>();
    test.input(paid("a")).moved_to("Done");
    test.input(given("d")).moved_to("Done");
    let step = test.input(given("c"));
    step.moved_to("Paying");
    assert_eq!(versions(&step), Some((1, 1)));

    // Forward again: what was stored in between is read too.
    let mut test = test.deploy::<new::Stays>();
    test.input(paid("c")).moved_to("Done");
    test.input(given("b")).moved_to("Paying");
    test.input(given("e")).moved_to("Paying");

    // Contract: every instance that has not ended is stored as version 2.
    let mut test = test.deploy::<contracted::Stays>();
    test.input(paid("b")).moved_to("Done");
    // Back from there, too.
    let mut test = test.deploy::<new::Stays>();
    test.input(paid("e")).moved_to("Done");
}

#[test]
fn without_expansion_the_old_version_waits_and_loses_nothing() {
    let mut test = ProcessTest::<new::Stays>::new();
    test.input(ask("a")).moved_to("Asked");
    let before = test.store().commits();

    let mut test = test.deploy::<old::Stays>();
    // The state is newer.
    test.input(given("a")).waits(Failure::NEWER);
    assert_eq!(test.store().commits(), before, "nothing is written");

    let mut test = test.deploy::<new::Stays>();
    test.input(given("a")).moved_to("Paying");
    test.input(paid("a")).moved_to("Done");
}

#[test]
fn a_contraction_that_comes_too_early_costs_an_operator_and_no_input() {
    let mut test = ProcessTest::<old::Stays>::new();
    test.input(ask_v1("a")).moved_to("Asked");
    let mut test = test.deploy::<contracted::Stays>();
    test.input(given("a")).stuck("unreadable_state");
    // Back to the version that reads both, and on.
    let mut test = test.deploy::<new::Stays>();
    test.resume("version 2 reads it again").moved_to("Paying");
    test.input(paid("a")).moved_to("Done");
}

#[test]
fn a_message_of_a_newer_version_waits_for_a_function_that_knows_it() {
    let mut newer = ProcessTest::<expanded::Stays>::new();
    let envelope = newer.message(&ask("a").into());
    let mut test = newer.deploy::<old::Stays>();
    test.deliver(envelope.clone()).waits(Failure::NEWER);
    let mut test = test.deploy::<expanded::Stays>();
    test.deliver(envelope).moved_to("Asked");
    // A type that the function does not know at all is kept as a dead letter, for a replay.
    let envelope = test.message(&paid("a").into());
    let mut test = test.deploy::<old::Stays>();
    test.deliver(envelope).dead_lettered("unknown_type");
}
