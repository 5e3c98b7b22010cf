//! Creates the steps that apply events, and merges steps into transactions.

use std::collections::{BTreeMap, HashMap};

use super::change::Projected;
use super::cut::{Part, cut, is_of, joined, parts};
use super::delta::{Amounts, Delta};
use super::entry::merged;
use super::guard::{Advance, Position};
use super::row_update::RowUpdate;
use super::transaction::{Step, Transaction};
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// Creates the steps that apply an event, starting at the part that the guard has reached.
///
/// Returns `None` if the applied parts are not those that would come first now.
///
/// Nearly every event is one step. Only an event whose counters are too large for one delta has
/// more. To count them, the event is cut into parts of 99 counters, and a step takes as many parts
/// as fit a delta. For example, the event at version 7 has parts of 99, 99 and 52 counters, and a
/// delta holds two of them. The two steps move the guard like this:
///
/// ```text
/// (6, part 0) → (6, part 2) → (7, part 0)
/// ```
///
/// Entries are cut in the same way, behind the counters: into parts of 97, and a step takes as many
/// parts as fit a transaction.
///
/// Only the last step advances the version and changes the row. If the process dies after the first
/// step, the guard is at (6, part 2), and the next run creates the remaining step. A version of the
/// toolkit without deltas takes one part in each step. So each of the two can finish what the other
/// began.
///
/// Invariant: the cut is a function of the event alone. Counters and entries are sorted by key, so
/// the order in which a projection returns them does not matter. If a projection returns others
/// than before, it is not known which were counted. The guard keeps a digest of the cut between
/// parts, which shows the difference.
pub(super) fn steps(
    stream: &StreamId,
    version: Version,
    event_id: &str,
    projected: Projected,
    done: Position,
) -> Option<Vec<Step>> {
    let parts = parts(stream, projected.counters, &projected.entries);
    let cut = (parts.len() > 1).then(|| cut(version, &parts));
    let before = Version::new(version.number().saturating_sub(1));
    let last = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    // A version of the toolkit without digests finishes an event and leaves the digest behind. The
    // first transaction requires that digest as it is, and replaces it.
    let known = done.cut.filter(|known| done.part > 0 && is_of(*known, version));
    if done.part >= last || known.is_some() && known != cut {
        return None;
    }
    // Parts that were applied without a digest are continued without one.
    let mut from = Position { version: before, ..done };
    let left = (1..=last).zip(parts).filter(|(part, _)| *part > done.part).collect();
    let steps = joined(left).into_iter().map(|(part, Part { counters, entries })| {
        let (to, event_id, row) = if part == last {
            (Position::after(version), Some(event_id.to_owned()), projected.row.clone())
        } else {
            (Position { version: before, part, cut }, None, RowUpdate::default())
        };
        let advance = Advance { stream: stream.clone(), from, parked: None, to, event_id };
        from = to;
        Step { advance, row, counters, entries }
    });
    Some(steps.collect())
}

/// Merges steps into one transaction, which changes each row, each counter and each entry once.
///
/// For example, let two events of one aggregate each add 1 to the counter of a day. They become one
/// move of the guard over both versions, and one addition of 2.
///
/// The number of the delta is 0.
///
/// # Errors
/// `amount_too_large` (permanent): the sum for a counter is out of the range of `i64`. Fewer steps
/// may still fit.
pub(super) fn merge(steps: &[Step], slice: u32) -> Result<Transaction, Failure> {
    let mut guards: Vec<(Advance, RowUpdate)> = Vec::new();
    let mut guard_of: HashMap<&StreamId, usize> = HashMap::new();
    let mut counters: BTreeMap<String, Amounts> = BTreeMap::new();
    for step in steps {
        for increment in step.counters.iter().filter(|increment| !increment.add.is_empty()) {
            let sums = counters.entry(increment.key.clone()).or_default();
            add_all(sums, &increment.amounts()).map_err(|name| {
                Failure::permanent(
                    "amount_too_large",
                    format!("the sum of {name} of {} is out of range", increment.key),
                )
            })?;
        }
        let known = guard_of.get(&step.advance.stream).and_then(|index| guards.get_mut(*index));
        match known {
            Some((advance, row)) => {
                advance.to = step.advance.to;
                advance.event_id =
                    step.advance.event_id.clone().or_else(|| advance.event_id.take());
                row.then(&step.row);
            }
            None => {
                guard_of.insert(&step.advance.stream, guards.len());
                let mut row = RowUpdate::default();
                row.then(&step.row);
                guards.push((step.advance.clone(), row));
            }
        }
    }
    let entries = merged(
        steps
            .iter()
            .flat_map(|step| step.entries.iter().map(|update| (&step.advance.stream, update))),
    );
    let delta = Delta { slice, number: 0, counters };
    let delta = (!delta.counters.is_empty()).then_some(delta);
    Ok(Transaction { guards, entries, delta, applied: 0 })
}

/// Adds amounts to sums. If a sum leaves its range, it returns the attribute and changes nothing.
pub(super) fn add_all(sums: &mut Amounts, more: &Amounts) -> Result<(), String> {
    let mut all = sums.clone();
    for (name, amount) in more {
        let sum = all.entry(name.clone()).or_default();
        *sum = sum.checked_add(*amount).ok_or_else(|| name.to_string())?;
    }
    *sums = all;
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::projection::Increment;

    /// A name of an attribute that makes 99 counters fill a delta.
    const LONG: &str = match std::str::from_utf8(&[b'x'; 3_000]) {
        Ok(text) => text,
        Err(_) => panic!("it is ASCII"),
    };

    fn amounts(key: usize) -> Increment {
        Increment { key: format!("product#{key:05}"), add: BTreeMap::from([("units", 1)]) }
    }

    fn large(key: usize) -> Increment {
        let mut increment = amounts(key);
        increment.add.insert(LONG, 0);
        increment
    }

    pub(in super::super) fn event(
        stream: &str,
        version: u64,
        keys: impl IntoIterator<Item = usize>,
    ) -> Vec<Step> {
        event_of(stream, version, keys.into_iter().map(amounts).collect())
    }

    fn event_of(stream: &str, version: u64, counters: Vec<Increment>) -> Vec<Step> {
        let row = RowUpdate::default().set("status", "placed");
        steps(
            &stream.parse().unwrap(),
            Version::new(version),
            &format!("e{version}"),
            Projected { row, counters, entries: Vec::new() },
            Position::default(),
        )
        .unwrap()
    }

    #[test]
    fn an_event_with_more_counters_than_a_delta_holds_is_cut_into_parts() {
        let steps = event_of("order#1", 1, (0..250).map(large).collect());
        let positions: Vec<_> =
            steps.iter().map(|step| (step.advance.from, step.advance.to)).collect();
        let cut = steps[0].advance.to.cut;
        assert!(cut.is_some());
        let part = |part| Position { version: Version::NONE, part, cut };
        let (start, done) = (Position::default(), Position::after(Version::new(1)));
        assert_eq!(positions, [(start, part(1)), (part(1), part(2)), (part(2), done)]);
        assert_eq!(steps.iter().map(|step| step.counters.len()).collect::<Vec<_>>(), [99, 99, 52]);
        assert_eq!(steps.iter().filter(|step| step.row != RowUpdate::default()).count(), 1);
    }

    #[test]
    fn an_event_of_many_counters_is_one_step_if_they_fit_a_delta() {
        let all = event("order#1", 1, 0..250);
        assert_eq!(all.len(), 1);
        let done = Position::after(Version::new(1));
        assert_eq!((all[0].advance.from, all[0].advance.to), (Position::default(), done));
        assert_eq!(all[0].counters.len(), 250);
        // A version of the toolkit without deltas has applied the first of three parts.
        let stream: StreamId = "order#1".parse().unwrap();
        let cut = cut(Version::new(1), &parts(&stream, all[0].counters.clone(), &[]));
        let from = Position { part: 1, cut: Some(cut), ..Position::default() };
        let counters = all[0].counters.clone();
        let projected = Projected { counters, ..Projected::default() };
        let rest = steps(&stream, Version::new(1), "e1", projected, from).unwrap();
        assert_eq!(rest.len(), 1);
        assert_eq!((rest[0].advance.from, rest[0].advance.to), (from, done));
        assert_eq!(rest[0].counters, all[0].counters[99..]);
    }

    #[test]
    fn after_a_crash_the_same_parts_are_left() {
        let all = event_of("order#1", 1, (0..250).map(large).collect());
        let projected = Projected {
            row: RowUpdate::default().set("status", "placed"),
            counters: all.iter().flat_map(|step| step.counters.clone()).rev().collect(),
            entries: Vec::new(),
        };
        let go_on = |projected, done| {
            steps(&"order#1".parse().unwrap(), Version::new(1), "e1", projected, done)
        };
        let done = all[0].advance.to;
        assert_eq!(go_on(projected.clone(), done).unwrap(), all[1..]);
        // The part was applied without a digest.
        let undigested = Position { cut: None, ..done };
        let rest = go_on(projected.clone(), undigested).unwrap();
        assert_eq!((rest[0].advance.from, rest[0].advance.to), (undigested, all[1].advance.to));
        assert_eq!(rest[1], all[2]);
    }

    #[test]
    fn an_event_that_is_cut_at_other_places_is_not_gone_on_with() {
        let all = event_of("order#1", 1, (0..250).map(large).collect());
        let done = all[0].advance.to;
        let go_on = |keys: Vec<usize>, add: i64| {
            let counters = keys.into_iter().map(|key| Increment {
                key: format!("product#{key:05}"),
                add: BTreeMap::from([("units", add), (LONG, 0)]),
            });
            let counters = counters.collect();
            let projected = Projected { counters, ..Projected::default() };
            steps(&"order#1".parse().unwrap(), Version::new(1), "e1", projected, done)
        };
        assert!(go_on((0..250).collect(), 1).is_some());
        assert!(go_on((0..250).collect(), 2).is_some(), "no row is counted twice");
        assert_eq!(go_on((1..251).collect(), 1), None, "as many as before");
        assert_eq!(go_on((0..50).collect(), 1), None, "fewer than were applied");
        assert_eq!(go_on((0..251).collect(), 1), None, "one more at the end");
    }

    #[test]
    fn a_digest_that_an_earlier_event_left_says_nothing_of_this_one() {
        let of = |version, part, cut| Position { version: Version::new(version), part, cut };
        let left = event_of("order#1", 1, (0..250).map(large).collect())[0].advance.to.cut;
        let all = event_of("order#1", 2, (0..250).map(large).collect());
        let counters: Vec<_> = all.iter().flat_map(|step| step.counters.clone()).collect();
        let go_on = |counters: &[Increment], done| {
            let counters = counters.to_vec();
            let projected = Projected { counters, ..Projected::default() };
            steps(&"order#1".parse().unwrap(), Version::new(2), "e2", projected, done)
        };
        // Between events, and with a part that was applied without a digest.
        for (counters, done, to) in [
            (&counters[..], of(1, 0, left), all[0].advance.to),
            (&counters[..], of(1, 1, left), all[1].advance.to),
            (&counters[..1], of(1, 0, left), Position::after(Version::new(2))),
        ] {
            let first = go_on(counters, done).unwrap().remove(0).advance;
            assert_eq!((first.from, first.to), (done, to), "the row is as it was read");
        }
        assert_eq!(go_on(&counters[1..], all[0].advance.to), None, "its own digest counts");
    }

    #[test]
    fn sums_out_of_range_are_refused_not_wrapped() {
        let huge = |order| {
            let mut steps = event(order, 1, [1]);
            steps[0].counters[0].add.insert("units", i64::MAX);
            steps.remove(0)
        };
        let failure = merge(&[huge("order#1"), huge("order#2")], 0).unwrap_err();
        assert_eq!(failure.code(), "amount_too_large");
        assert!(merge(&[huge("order#1")], 0).is_ok());
    }
}
