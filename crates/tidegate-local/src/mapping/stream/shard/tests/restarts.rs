//! Tests of failed batches across a restart.

use super::*;

/// A shard that is stopped and created again from what it has stored.
struct Restarted {
    bench: Bench,
    settings: StreamSettings,
    kept: Option<String>,
    checkpoint: Option<SequenceNumber>,
}

impl Restarted {
    fn new(settings: StreamSettings) -> Self {
        Self { bench: Bench::new(settings.clone()), settings, kept: None, checkpoint: None }
    }

    fn keep(&mut self, actions: Vec<Action>) -> Vec<Action> {
        for action in &actions {
            match action {
                Action::KeepFailing(kept) => self.kept = Some(kept.clone()),
                Action::Checkpoint(sequence) => self.checkpoint = Some(sequence.clone()),
                _ => {}
            }
        }
        actions
    }

    fn read(&mut self, sequences: &[u32]) -> Vec<Action> {
        let actions = self.bench.read(sequences);
        self.keep(actions)
    }

    fn answer(&mut self, invocation: u64, result: InvocationResult) -> Vec<Action> {
        let actions = self.bench.answer(invocation, result);
        self.keep(actions)
    }

    fn wait(&mut self) -> Vec<Action> {
        let actions = self.bench.wait(60_000);
        self.keep(actions)
    }

    fn restart(&mut self) {
        let mut shard =
            Shard::new("shardId-000000000000", self.settings.clone(), self.checkpoint.clone());
        if let Some(kept) = &self.kept {
            shard.resume_failing(kept).unwrap();
        }
        shard.handle(Input::Start, self.bench.now).unwrap();
        self.bench.shard = shard;
    }
}

fn attempts(maximum: u32) -> StreamSettings {
    StreamSettings { maximum_retry_attempts: Some(maximum), ..settings() }
}

#[test]
fn a_restart_gives_a_failed_batch_no_new_attempts() {
    let mut shard = Restarted::new(attempts(3));
    shard.read(&[1, 2, 3]);
    for attempt in 0..3 {
        shard.answer(0, error());
        shard.restart();
        // Records that came meanwhile do not belong to the failed batch.
        assert_eq!(invoked(&shard.read(&[1, 2, 3, 4])), [[1, 2, 3]], "attempt {attempt}");
    }
    let body = handed_over(&shard.answer(0, error()));
    assert_eq!(body["requestContext"]["approximateInvokeCount"], 4);
    assert_eq!(body["KinesisBatchInfo"]["endSequenceNumber"], "3");
}

#[test]
fn a_restart_keeps_a_batch_apart_that_was_split() {
    let settings = StreamSettings { bisect_on_error: true, ..attempts(1) };
    let mut shard = Restarted::new(settings);
    shard.read(&[1, 2, 3, 4]);
    shard.answer(0, error());
    shard.restart();
    assert_eq!(invoked(&shard.read(&[1, 2, 3, 4, 5])), [[1, 2]]);
    assert_eq!(invoked(&shard.answer(0, success(""))), [[3, 4]]);
    assert_eq!(invoked(&shard.answer(1, success(""))), [[5]]);
}

#[test]
fn a_restart_while_a_range_is_handed_over_does_not_invoke_the_function_with_it_again() {
    let mut shard = Restarted::new(attempts(0));
    shard.read(&[1, 2]);
    let before = handed_over(&shard.answer(0, partial(1)));
    shard.restart();
    let actions = shard.read(&[1, 2, 3]);
    assert_eq!(invoked(&actions).len(), 0);
    let again = handed_over(&actions);
    for part in ["requestContext", "responseContext", "KinesisBatchInfo"] {
        assert_eq!(again[part], before[part]);
    }
    let actions = shard.bench.step(Input::HandedOver { lane: 0 });
    assert_eq!(invoked(&actions), [[3]]);
    assert!(actions.contains(&Action::KeepFailing("[]".to_owned())), "{actions:?}");
}

#[test]
fn a_failed_batch_is_read_as_a_whole_after_a_restart() {
    let mut shard = Restarted::new(attempts(3));
    shard.read(&[1, 2, 3]);
    shard.answer(0, error());
    shard.restart();
    assert_eq!(invoked(&shard.read(&[1])).len(), 0);
    assert_eq!(invoked(&shard.read(&[2, 3, 4])), [[1, 2, 3]]);
}

#[test]
fn a_failed_batch_larger_than_the_new_batch_size_goes_in_parts() {
    let mut shard = Restarted::new(attempts(3));
    shard.read(&[1, 2, 3, 4, 5, 6, 7, 8]);
    shard.answer(0, error());
    shard.settings.batch_size = 2;
    shard.restart();
    // With this batch size, at most six records are read ahead.
    assert_eq!(invoked(&shard.read(&[1, 2, 3, 4, 5, 6])), [[1, 2]]);
    assert_eq!(invoked(&shard.answer(0, success(""))), [[3, 4]]);
}

#[test]
fn a_batch_that_succeeds_is_no_longer_kept() {
    let mut shard = Restarted::new(settings());
    shard.read(&[1]);
    let actions = shard.answer(0, error());
    assert!(actions.iter().any(|action| matches!(action, Action::KeepFailing(_))));
    shard.wait();
    let actions = shard.answer(1, success(""));
    assert!(actions.contains(&Action::KeepFailing("[]".to_owned())), "{actions:?}");
    // Only its checkpoint keeps a batch that has never failed.
    shard.read(&[2]);
    let actions = shard.answer(2, success(""));
    assert!(!actions.iter().any(|action| matches!(action, Action::KeepFailing(_))));
}

#[test]
fn records_before_a_failed_batch_do_not_become_part_of_it() {
    let mut shard = Restarted::new(StreamSettings { lanes: 2, ..attempts(3) });
    let keys: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let of_lane =
        |lane| keys.iter().find(|key| OrderingKey::new(key.as_bytes()).lane(2) == lane).unwrap();
    let (slow, failing) = (of_lane(0), of_lane(1));
    let page = || vec![record(1, slow, START), record(2, failing, START)];
    let read = |records| Input::Read { records, closed: false, behind: false };
    let answered = |invocation, result| Input::Answered {
        lane: 1,
        invocation,
        answer: Answer { request_id: String::new(), result },
    };
    shard.bench.step(read(page()));
    shard.bench.step(answered(1, success("")));
    shard.bench.step(read(vec![record(3, failing, START)]));
    let actions = shard.bench.step(answered(2, error()));
    shard.keep(actions);
    // Record 1 holds the checkpoint back, so record 2, which is done, is read again.
    shard.restart();
    let mut page = page();
    page.push(record(3, failing, START));
    assert_eq!(invoked(&shard.bench.step(read(page))), [[1], [2]]);
    assert_eq!(invoked(&shard.bench.step(answered(1, success("")))), [[3]]);
}
