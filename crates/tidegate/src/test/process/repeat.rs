//! Runs a scenario so that everything happens that may happen: repeats, crashes, other orders.

use super::explained::explained;
use super::process_test::ProcessTest;
use crate::process::Process;
use crate::test::fail::fail;
use crate::test::golden::difference;
use crate::test::{Call, Fault, Faults};

/// Plays a scenario as it is, and with every message twice: at once, in the same batch, and again
/// after each later step.
///
/// `play` must always do the same.
///
/// # Panics
/// Panics if a repeated message leads to an event, a command or a deadline, or if `play` panics.
#[track_caller]
pub fn repeated<P: Process>(play: impl Fn(&mut ProcessTest<P>)) {
    let expected = played(&play, ProcessTest::new(), "as it is");
    let summary = played(&play, ProcessTest::new().repeating(), "with every message twice");
    compare(&expected, &summary, "with every message twice");
}

/// Plays a scenario as it is, and then once for each request to the store and each way in which it
/// can go wrong there: the request is refused, another writer is faster, or the process dies after
/// it took effect.
///
/// What failed is delivered again. `play` must always do the same.
///
/// # Panics
/// Panics if another event, command or deadline follows, if there is none, or if `play` panics. The
/// message names the request.
#[track_caller]
pub fn interrupted<P: Process>(play: impl Fn(&mut ProcessTest<P>)) {
    let faults = Faults::none();
    let expected = played(&play, ProcessTest::with_faults(faults.clone()), "as it is");
    for call in [Call::Read, Call::Commit] {
        for number in 1..=faults.calls(call) {
            for fault in [Fault::Throttled, Fault::Conflict, Fault::LostResponse, Fault::SentTwice]
            {
                let how = format!("with {fault:?} at {call:?} {number}");
                let faulty = Faults::none().at(call, number, fault);
                let summary = played(&play, ProcessTest::with_faults(faulty.clone()), &how);
                if faulty.injected().is_empty() {
                    fail(&format!("{how}: the scenario made fewer requests than before"));
                }
                compare(&expected, &summary, &how);
            }
        }
    }
}

#[track_caller]
fn played<P: Process>(
    play: &impl Fn(&mut ProcessTest<P>),
    mut test: ProcessTest<P>,
    how: &str,
) -> String {
    explained(how, || play(&mut test));
    test.summary()
}

#[track_caller]
fn compare(expected: &str, summary: &str, how: &str) {
    if expected != summary {
        fail(&format!(
            "{how}, other things follow (`-`: as it is, `+`: now):\n\n{}",
            difference(expected, summary)
        ));
    }
}
