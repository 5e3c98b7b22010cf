//! Tests the state machine of a record, request by request.

use jiff::Timestamp;

use crate::idempotency::protocol::{InTheWay, Request, State, Transition, decide, in_the_way};
use crate::idempotency::{Kept, Status, Stored};

const STATUSES: [Status; 4] =
    [Status::InProgress, Status::Completed, Status::Held, Status::Released];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Creates a record of owner `a` whose lease ends at 10, and which counts until 20 if it is
/// completed.
fn record(status: Status) -> State {
    let expires_at = (status == Status::Completed).then(|| at(20));
    State { status, owner: "a".to_owned(), lease_until: at(10), expires_at, repeat: false }
}

fn hold(owner: &str) -> Request<'_> {
    Request::Hold { owner, repeat: false }
}

fn hold_orphan(owner: &str) -> Request<'_> {
    Request::HoldOrphan { owner, repeat: false }
}

/// Returns the request's outcome, as a word, for no record and for each status.
fn outcomes(request: Request<'_>, now: i64) -> [&'static str; 5] {
    let of = |record: Option<&State>| match decide(record, request, at(now)) {
        Transition::To(state) => match state.status {
            Status::InProgress => "in progress",
            Status::Completed => "completed",
            Status::Held => "held",
            Status::Released => "released",
        },
        Transition::Removed => "none",
        Transition::AlreadyDone => "already",
        Transition::Refused => "refused",
    };
    let [in_progress, completed, held, released] = STATUSES.map(|status| of(Some(&record(status))));
    [of(None), in_progress, completed, held, released]
}

#[test]
fn every_transition_is_the_one_in_the_table() {
    let claim = |owner, take_over| Request::Claim { owner, lease_until: at(99), take_over };
    let complete = |owner| Request::Complete { owner, expires_at: at(99) };
    let operator = Request::CompleteHeld { operator: "o", expires_at: at(99) };
    let again = Request::CompleteHeld { operator: "a", expires_at: at(99) };
    let extend = |owner, end| Request::Extend { owner, lease_until: at(end) };
    for (request, now, expected) in [
        //                        none          in progress    completed      held         released
        (claim("b", false), 5, ["in progress", "refused", "refused", "refused", "in progress"]),
        (claim("b", true), 5, ["in progress", "refused", "refused", "refused", "in progress"]),
        (claim("b", false), 11, ["in progress", "refused", "refused", "refused", "in progress"]),
        (claim("b", true), 11, ["in progress", "in progress", "refused", "refused", "in progress"]),
        (
            claim("b", false),
            21,
            ["in progress", "refused", "in progress", "refused", "in progress"],
        ),
        (claim("a", true), 11, ["in progress", "already", "refused", "refused", "in progress"]),
        (complete("a"), 11, ["refused", "completed", "already", "completed", "completed"]),
        (complete("b"), 11, ["refused", "refused", "refused", "refused", "refused"]),
        (Request::Release { owner: "a" }, 11, ["already", "none", "refused", "refused", "refused"]),
        (
            Request::Release { owner: "b" },
            11,
            ["already", "refused", "refused", "refused", "refused"],
        ),
        (extend("a", 11), 12, ["refused", "in progress", "refused", "refused", "refused"]),
        (extend("a", 9), 5, ["refused", "already", "refused", "refused", "refused"]),
        (extend("b", 11), 5, ["refused", "refused", "refused", "refused", "refused"]),
        (hold("a"), 11, ["refused", "held", "refused", "already", "already"]),
        (hold("b"), 11, ["refused", "refused", "refused", "refused", "refused"]),
        (hold_orphan("a"), 5, ["refused", "refused", "refused", "already", "refused"]),
        (hold_orphan("a"), 11, ["refused", "held", "refused", "already", "refused"]),
        (hold_orphan("b"), 11, ["refused", "refused", "refused", "refused", "refused"]),
        (operator, 5, ["refused", "refused", "refused", "completed", "completed"]),
        (operator, 11, ["refused", "completed", "refused", "completed", "completed"]),
        (again, 5, ["refused", "refused", "already", "completed", "completed"]),
        (Request::ReleaseHeld, 5, ["refused", "refused", "refused", "released", "already"]),
        (Request::ReleaseHeld, 11, ["refused", "released", "refused", "released", "already"]),
    ] {
        assert_eq!(outcomes(request, now), expected, "{request:?} at {now}");
    }
}

#[test]
fn a_lease_and_an_expiry_are_over_after_their_end_not_at_it() {
    let claim = Request::Claim { owner: "b", lease_until: at(99), take_over: true };
    assert_eq!(outcomes(claim, 10)[1], "refused");
    assert_eq!(outcomes(claim, 20)[2], "refused");
}

#[test]
fn a_new_state_keeps_what_the_request_does_not_change() {
    let now = at(11);
    let to = |status, request| match decide(Some(&record(status)), request, now) {
        Transition::To(state) => state,
        other => panic!("{request:?} over {status:?}: {other:?}"),
    };
    let claim = Request::Claim { owner: "b", lease_until: at(99), take_over: false };
    let claimed = to(Status::Released, claim);
    assert_eq!(
        (claimed.owner.as_str(), claimed.lease_until, claimed.expires_at),
        ("b", at(99), None)
    );
    let completed = to(Status::InProgress, Request::Complete { owner: "a", expires_at: at(50) });
    assert_eq!((completed.owner.as_str(), completed.expires_at), ("a", Some(at(50))));
    let by_hand = to(Status::Held, Request::CompleteHeld { operator: "o", expires_at: at(50) });
    assert_eq!((by_hand.owner.as_str(), by_hand.expires_at), ("o", Some(at(50))));
    let extended = to(Status::InProgress, Request::Extend { owner: "a", lease_until: at(30) });
    assert_eq!((extended.owner.as_str(), extended.lease_until), ("a", at(30)));
    for held in [hold("a"), hold_orphan("a"), Request::ReleaseHeld] {
        let held = to(Status::InProgress, held);
        assert_eq!((held.owner.as_str(), held.lease_until), ("a", at(10)));
    }
}

#[test]
fn an_effect_that_waits_without_an_event_gets_one_and_keeps_it() {
    let hold = Request::Hold { owner: "a", repeat: true };
    let orphan = Request::HoldOrphan { owner: "a", repeat: true };
    assert_eq!(outcomes(hold, 11), ["refused", "held", "refused", "held", "held"]);
    assert_eq!(outcomes(orphan, 11), ["refused", "held", "refused", "held", "refused"]);
    assert_eq!(
        outcomes(orphan, 5),
        ["refused", "refused", "refused", "held", "refused"],
        "it is live"
    );
    let kept = |status, request| {
        let before = State { repeat: true, ..record(status) };
        match decide(Some(&before), request, at(11)) {
            Transition::To(state) => state.repeat,
            Transition::AlreadyDone => true,
            other => panic!("{request:?} over {status:?}: {other:?}"),
        }
    };
    for status in [Status::InProgress, Status::Held, Status::Released] {
        assert!(kept(status, hold) && kept(status, self::hold("a")), "{status:?}");
    }
    assert!(kept(Status::Held, Request::ReleaseHeld), "until it has run");
    let claim = Request::Claim { owner: "b", lease_until: at(99), take_over: false };
    let complete = Request::Complete { owner: "a", expires_at: at(99) };
    let by_hand = Request::CompleteHeld { operator: "o", expires_at: at(99) };
    assert!(
        !kept(Status::Released, claim)
            && !kept(Status::Held, complete)
            && !kept(Status::Held, by_hand)
    );
}

#[test]
fn what_is_in_the_way_is_replayed_left_held_or_waited_for() {
    let at_hand = |take_over, now| {
        STATUSES.map(|status| {
            let State { status, owner, lease_until, expires_at, repeat } = record(status);
            let (payload_hash, result) = ("h".into(), Kept::Unknown);
            let there =
                Stored { status, owner, lease_until, payload_hash, repeat, result, expires_at };
            in_the_way(&there, take_over, at(now))
        })
    };
    let live = [InTheWay::Wait, InTheWay::Replay, InTheWay::LeaveHeld, InTheWay::Claim];
    for (take_over, now) in [(false, 5), (true, 5), (false, 10), (true, 10)] {
        assert_eq!(at_hand(take_over, now), live, "take over: {take_over}, at {now}");
    }
    assert_eq!(at_hand(false, 11)[0], InTheWay::HoldOrphan);
    assert_eq!(at_hand(true, 11)[0], InTheWay::Claim);
    assert_eq!(at_hand(false, 21)[1], InTheWay::Claim, "its expiry has passed");
}
