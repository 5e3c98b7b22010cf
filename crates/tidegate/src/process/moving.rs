//! What a step changes: which deadlines are set, kept and cancelled.

use jiff::Timestamp;

use super::deadline::deadline_id;
use super::definition::Process;
use super::events::ProcessMoved;
use super::instance::Instance;
use super::json::Json;
use super::outline::OpenDeadline;
use super::recorded::{RecordedDeadline, RecordedInput, RecordedState, Waiting};
use super::state::State;
use super::step::{Fact, NewDeadline, Step};

/// Returns the event of a step, and the facts that follow it.
///
/// # Errors
/// A mistake in the step, for people.
pub(super) fn moved<P: Process>(
    instance: &Instance<P>,
    at: Timestamp,
    input: &RecordedInput,
    step: &Step<P::State>,
) -> Result<(ProcessMoved, Vec<Fact>), String> {
    let to = step.state();
    if let Some(mistake) = step.mistake_from(instance.state_name(), instance.has_ended()) {
        return Err(mistake);
    }
    let data = Json::of(to)
        .map_err(|error| format!("the state {} cannot be written: {error}", to.name()))?;
    let Deadlines { set, cancelled } = deadlines(instance, input, step);
    let event = ProcessMoved {
        rules: P::RULES,
        at,
        input: input.clone(),
        from: instance.state_name().to_owned(),
        to: to.name().to_owned(),
        ended: to.is_end(),
        state: RecordedState::new(P::State::VERSION, data),
        commands: step.commands().to_vec(),
        deadlines: set,
        cancelled,
        waiting: Waiting::default(),
    };
    Ok((event, step.stored_facts().to_vec()))
}

struct Deadlines {
    set: Vec<RecordedDeadline>,
    /// Ids.
    cancelled: Vec<String>,
}

/// Returns which deadlines a step sets and cancels.
fn deadlines<P: Process>(
    instance: &Instance<P>,
    input: &RecordedInput,
    step: &Step<P::State>,
) -> Deadlines {
    let number = instance.version().next();
    // The deadline that passes with this input is neither kept nor cancelled.
    let open = || {
        let own = input.deadline.as_ref();
        instance.deadlines().iter().filter(move |open| Some(&open.deadline.id) != own)
    };
    let is_cancelled = |name: &String| step.cancelled().contains(name);
    let is_kept = |new: &NewDeadline| {
        !is_cancelled(&new.name) && open().any(|open| !open.passed && is_same(&open.deadline, new))
    };
    let (kept, new): (Vec<_>, Vec<_>) = step.deadlines().iter().partition(|new| is_kept(new));
    let gone = left_behind(open(), instance.state_name(), step.state());
    let mut cancelled: Vec<String> = gone.map(|open| open.deadline.id.clone()).collect();
    for OpenDeadline { deadline, .. } in open() {
        let moves = new.iter().any(|new| new.name == deadline.name);
        if (moves || is_cancelled(&deadline.name)) && !cancelled.contains(&deadline.id) {
            cancelled.push(deadline.id.clone());
        }
    }
    let is_kept_id = |id: &String| {
        let mut kept_open =
            open().filter(|open| kept.iter().any(|new| is_same(&open.deadline, new)));
        kept_open.any(|open| open.deadline.id == *id)
    };
    cancelled.retain(|id| !is_kept_id(id));
    let set = new.into_iter().map(|new| RecordedDeadline {
        name: new.name.clone(),
        id: deadline_id(&new.name, number),
        due: new.due,
        lasting: new.lasting,
        kind: new.kind.clone(),
        version: new.version,
        data: new.data.clone(),
    });
    Deadlines { set: set.collect(), cancelled }
}

/// Returns the open deadlines that end when an instance goes from a state to another: all in an end
/// state; otherwise those of the state that is left.
pub(super) fn left_behind<'a, S: State>(
    open: impl Iterator<Item = &'a OpenDeadline>,
    from: &str,
    to: &S,
) -> impl Iterator<Item = &'a OpenDeadline> {
    let (ended, left) = (to.is_end(), from != to.name());
    open.filter(move |open| ended || left && !open.deadline.lasting)
}

/// Returns whether a deadline that is set again is the one that is open.
fn is_same(open: &RecordedDeadline, new: &NewDeadline) -> bool {
    (&open.name, open.due, open.lasting) == (&new.name, new.due, new.lasting)
        && (&open.kind, open.version, &open.data) == (&new.kind, new.version, &new.data)
}
