//! Tests proofs with answers as functions give them.

use super::super::*;

fn sum(parts: &[&str]) -> Sum {
    let mut sum = Sum::default();
    sum.add(parts);
    sum
}

fn counters(units: i128) -> CounterSums {
    let mut sums = CounterSums::default();
    sums.add("product#a", "units", units);
    sums
}

/// Gives a good answer of each step, in two segments.
fn answered(proof: &mut Proof, change: impl Fn(Step, &mut Answer)) -> Verdict {
    for step in proof.steps() {
        for part in ["a", "b"] {
            let mut answer = Answer { streams: 2, ..Answer::default() };
            if matches!(step.work(), Work::Verify | Work::Vector) {
                answer.vector = Some(sum(&[part]));
            }
            let of_store = step.against == Some(Reference::Store);
            if part == "a" && (step.work() == Work::Counters || of_store) {
                answer.counters = Some(counters(3));
            }
            if part == "b" {
                change(step, &mut answer);
            }
            proof.take(step, answer);
        }
    }
    proof.verdict()
}

fn proofs() -> [Proof; 2] {
    [Proof::new(2, Reference::Generation(1)), Proof::new(2, Reference::Store)]
}

#[test]
fn equal_rows_counters_and_guards_are_a_proof() {
    for mut proof in proofs() {
        assert_eq!(answered(&mut proof, |_, _| {}), Verdict::Proven { rows: 4 });
    }
}

#[test]
fn a_guard_that_moved_in_any_step_is_not_a_proof() {
    for proof in proofs() {
        let reads = |step: &Step| matches!(step.work(), Work::Verify | Work::Vector);
        for moved in proof.steps().into_iter().filter(reads) {
            let verdict = answered(&mut proof.clone(), |step, answer| {
                if step == moved {
                    answer.vector = Some(sum(&["moved"]));
                }
            });
            assert!(matches!(verdict, Verdict::Unsettled { .. }), "{moved}: {verdict:?}");
        }
    }
}

#[test]
fn a_step_that_is_missing_is_not_a_proof() {
    for proof in proofs() {
        let steps = proof.steps();
        for missing in &steps {
            let mut proof = proof.clone();
            for step in steps.iter().filter(|step| *step != missing) {
                proof.take(*step, Answer::default());
            }
            let Verdict::Unsettled { what } = proof.verdict() else { panic!("{missing}") };
            assert!(what.contains(&missing.to_string()), "{what}");
        }
    }
}

#[test]
fn a_row_that_differs_is_named_once_although_both_ways_find_it() {
    let [mut proof, _] = proofs();
    let verdict = answered(&mut proof, |step, answer| {
        if step.work() == Work::Verify {
            let (row, what) = ("order#7".to_owned(), "`total` is 5, and 6".to_owned());
            answer.differing += 1;
            answer.differences.push(Difference { row, what });
        }
    });
    let Verdict::Different { rows: 2, named, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!((named.len(), named[0].row.as_str()), (1, "order#7"));
}

#[test]
fn a_row_that_moves_while_it_is_compared_is_compared_again() {
    let [mut proof, _] = proofs();
    let verdict = answered(&mut proof, |step, answer| {
        answer.unsettled = u64::from(step.work() == Work::Verify);
    });
    assert!(matches!(verdict, Verdict::Unsettled { .. }), "{verdict:?}");
}

#[test]
fn counters_that_differ_are_found_and_named() {
    for mut proof in proofs() {
        let verdict = answered(&mut proof, |step, answer| {
            if step.work() == Work::Counters && step.generation == 2 {
                answer.counters = Some(counters(1));
            }
        });
        let Verdict::Different { rows: 0, buckets, .. } = verdict else { panic!("{verdict:?}") };
        assert_eq!(buckets, [CounterSums::bucket("product#a")]);
        let mut naming = Naming::new(&proof, buckets.clone());
        let both = proof.steps().iter().any(|step| step.generation == 1);
        assert_eq!(naming.steps().len(), if both { 4 } else { 3 });
        let steps = naming.steps().to_vec();
        for step in steps.into_iter().filter(|step| step.work() != Work::Entries) {
            assert_eq!(naming.request(&step, "p", "o").buckets, buckets);
            let more = i128::from(step.work() == Work::Counters && step.generation == 2);
            for units in [1, 2 + more] {
                let amounts = [("product#a".to_owned(), [("units".to_owned(), units)].into())];
                naming.take(&step, Answer { amounts: amounts.into(), ..Answer::default() });
            }
        }
        let [difference] = &naming.differences()[..] else { panic!() };
        assert_eq!(difference.row, "counter product#a");
        assert!(difference.what.starts_with("`units` is 4, and by "), "{difference:?}");
        assert!(difference.what.ends_with(" 3"), "{difference:?}");
    }
}
