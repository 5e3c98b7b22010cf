//! Tests of the loop, with a machine that follows a script.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use super::{IllegalInput, Machine, Performed, Port, Work, drive};
use crate::activity::Activity;
use lambda_shapes::moment::Moment;

/// An action of the script. Work ends when the test sends its result.
enum Says {
    Read(oneshot::Receiver<&'static str>),
    Invoke(oneshot::Receiver<&'static str>),
    Upkeep(oneshot::Receiver<&'static str>),
    WaitMillis(u64),
    Ended,
}

/// The expected inputs in order, each with the actions that answer it.
struct Script(VecDeque<(&'static str, Vec<Says>)>);

impl Machine for Script {
    type Input = &'static str;
    type Action = Says;

    fn timer_due() -> &'static str {
        "timer"
    }

    fn stop() -> &'static str {
        "stop"
    }

    fn handle(&mut self, input: &'static str, _: Moment) -> Result<Vec<Says>, IllegalInput> {
        match self.0.pop_front() {
            Some((expected, says)) if expected == input => Ok(says),
            other => Err(IllegalInput {
                machine: "script".to_owned(),
                state: other.map_or("the end", |(expected, _)| expected).to_owned(),
                input: input.to_owned(),
            }),
        }
    }
}

/// A port that records each published upkeep, with the activity counter at that moment.
struct Notes<const READS_END: bool> {
    activity: Arc<Activity>,
    published: Arc<Mutex<Vec<(usize, u64)>>>,
    closed: Arc<Mutex<bool>>,
}

impl<const READS_END: bool> Port for Notes<READS_END> {
    type Machine = Script;
    type Read = &'static str;
    type End = ();

    const READS_END: bool = READS_END;

    fn activity(&self) -> &Activity {
        &self.activity
    }

    fn perform(&mut self, says: Says) -> Performed<Self> {
        Performed::Work(match says {
            Says::Read(end) => Work::Read(end.map(Result::unwrap).boxed()),
            Says::Invoke(end) => Work::Input(end.map(Result::unwrap).boxed()),
            Says::Upkeep(end) => Work::Upkeep(end.map(|_| ()).boxed()),
            Says::WaitMillis(millis) => {
                return Performed::WaitUntil(Moment::now().after(Duration::from_millis(millis)));
            }
            Says::Ended => return Performed::End(()),
        })
    }

    fn settle(&mut self, _: &Script) -> Vec<Work<&'static str, &'static str>> {
        Vec::new()
    }

    fn received(&mut self, _: &Script, read: &'static str) -> Vec<&'static str> {
        read.split_whitespace().collect()
    }

    fn publish(&mut self, _: &Script, upkeep: usize) {
        self.published.lock().push((upkeep, self.activity.now()));
    }

    async fn close(self) {
        *self.closed.lock() = true;
    }
}

/// A running loop, and what a test needs of it.
struct Bench {
    task: tokio::task::JoinHandle<Result<(), IllegalInput>>,
    stop: watch::Sender<bool>,
    activity: Arc<Activity>,
    published: Arc<Mutex<Vec<(usize, u64)>>>,
    closed: Arc<Mutex<bool>>,
}

fn run<const READS_END: bool>(script: Vec<(&'static str, Vec<Says>)>) -> Bench {
    let (stop, receiver) = watch::channel(false);
    let activity = Arc::new(Activity::new());
    let (published, closed) = (Arc::default(), Arc::default());
    let port = Notes::<READS_END> {
        activity: Arc::clone(&activity),
        published: Arc::clone(&published),
        closed: Arc::clone(&closed),
    };
    let task = tokio::spawn(drive(Script(script.into()), port, Some("start"), receiver));
    Bench { task, stop, activity, published, closed }
}

impl Bench {
    /// Lets the loop run until it waits.
    async fn settle(&self) {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    async fn ends(self) {
        let ended = tokio::time::timeout(Duration::from_secs(10), self.task).await;
        ended.expect("it ends").unwrap().unwrap();
        assert!(*self.closed.lock());
    }
}

fn end() -> (oneshot::Sender<&'static str>, oneshot::Receiver<&'static str>) {
    oneshot::channel()
}

#[tokio::test]
async fn a_loop_ends_when_upkeep_and_a_read_are_over_and_the_machine_sees_what_the_read_brings() {
    let ((read, reading), (kept, keeping)) = (end(), end());
    let bench = run::<true>(vec![
        ("start", vec![Says::Read(reading), Says::Upkeep(keeping)]),
        ("stop", vec![Says::Ended]),
        ("message", vec![]),
        ("another", vec![]),
    ]);
    bench.stop.send_replace(true);
    bench.settle().await;
    assert!(!bench.task.is_finished());
    kept.send("").unwrap();
    bench.settle().await;
    assert!(!bench.task.is_finished() && !*bench.closed.lock());
    read.send("message another").unwrap();
    bench.ends().await;
}

#[tokio::test]
async fn a_read_that_may_be_dropped_does_not_hold_up_a_stop() {
    let (_read, reading) = end();
    let bench =
        run::<false>(vec![("start", vec![Says::Read(reading)]), ("stop", vec![Says::Ended])]);
    bench.stop.send_replace(true);
    bench.ends().await;
}

#[tokio::test]
async fn a_step_is_published_before_others_are_woken_by_it() {
    let (answer, answered) = end();
    let bench =
        run::<true>(vec![("start", vec![Says::Invoke(answered)]), ("answer", vec![Says::Ended])]);
    bench.settle().await;
    answer.send("answer").unwrap();
    let (published, activity) = (Arc::clone(&bench.published), Arc::clone(&bench.activity));
    bench.ends().await;
    assert_eq!(*published.lock(), [(0, 0), (0, 0)]);
    assert_eq!(activity.now(), 1);
}

#[tokio::test]
async fn the_machine_is_woken_at_the_moment_of_its_last_step_and_at_no_other() {
    let (read, reading) = end();
    let bench = run::<true>(vec![
        ("start", vec![Says::WaitMillis(600_000), Says::Read(reading)]),
        ("nothing", vec![Says::WaitMillis(1)]),
        ("timer", vec![Says::Ended]),
    ]);
    bench.settle().await;
    read.send("nothing").unwrap();
    bench.ends().await;
}

#[tokio::test]
async fn an_input_that_the_machine_does_not_allow_ends_the_loop_and_is_named() {
    let bench = run::<true>(vec![("start", vec![Says::WaitMillis(0)])]);
    let error = bench.task.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "script: the end does not allow timer");
}
