//! The world around the runs: the store, the source, time, an operator, and all faults.

use stateright::{Model, Property};
use tidegate::idempotency::AfterCrash;
use tidegate::idempotency::protocol::{Request, Transition, decide};

use super::run::{Answer, Ask, Delivery, End, Event, Hash, Order, Payload, Runs, There};
use super::state::{Late, OPERATOR, Record, Run, State, Wrong, later, name, now};
use crate::program::Next;

/// A guard that is removed, to test that the checker notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Without {
    /// Releasing does not require the owner.
    OwnerAtRelease,
    /// Completing does not require the owner.
    OwnerAtComplete,
    /// A record in progress counts as expired, because it has no expiry time yet.
    StatusAtExpiry,
    /// A claim has no lease. This counts as a lease that is over.
    LeaseReadAsOver,
    /// A claim has no lease. This counts as a lease without end.
    LeaseWithoutEnd,
    /// Holding an orphan does not require that its lease is over.
    LeaseAtHold,
    /// The payload of a record in the way is not compared.
    PayloadOnReplay,
    /// A completed record is stored without the hash of its payload.
    HashWithResult,
    /// A claim is released although its effect took place, because its completion failed.
    ClaimAfterEffect,
    /// A delivery that is older than the records runs like any other.
    AgeOfDelivery,
    /// The event in a request to hold is not stored.
    EventAtHold,
    /// A record names the event before it is in the bucket.
    EventBeforeHold,
}

/// The claim protocol with one key.
pub(super) struct ClaimModel {
    pub(super) runs: Runs,
    pub(super) after_crash: AfterCrash,
    pub(super) event: Event,
    /// Deliveries of the effect. All are in the queue from the start. The longer one waits there,
    /// the later it arrives.
    pub(super) deliveries: Vec<Payload>,
    pub(super) workers: usize,
    /// Total number of faults: crashes, lost answers, delayed and repeated requests.
    pub(super) faults: u8,
    /// Number of times that an operator releases the effect.
    pub(super) releases: u8,
    /// Whether a run may outlive its lease: its environment was frozen, or its clock is wrong.
    pub(super) zombies: bool,
    pub(super) without: Option<Without>,
}

/// An action of the model. Runs have their numbers in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Take(Delivery),
    /// The request takes effect and is answered.
    Serve(usize),
    /// The request takes effect and its answer is lost.
    LoseAnswer(usize),
    /// The run gets no answer. The request is still in transit, and may arrive later.
    Delay(usize),
    Arrive(usize),
    /// The client sends the request twice. It takes effect now, and again later.
    Repeat(usize),
    /// The effect is refused. It did not take place, and the run knows that.
    Refuse(usize),
    CrashBefore(usize),
    CrashAfter(usize),
    LeaseEnds,
    OperatorReleases,
    OperatorCompletes,
    RetentionEnds,
}

impl ClaimModel {
    fn ask(&self, run: &Run) -> Ask {
        match self.next(run) {
            Next::Asks(ask) => ask,
            Next::Ends(end) => panic!("a run that has ended ({end:?}) is still there"),
        }
    }

    fn next(&self, run: &Run) -> Next<Ask, End> {
        self.runs.of(run.delivery).next(run.node)
    }

    /// Lets a request take effect.
    fn perform(&self, state: &mut State, request: &Late) -> Answer {
        let Late { ask, token, met, payload } = *request;
        if ask == Ask::Execute {
            let executed = &mut state.executed[payload as usize];
            *executed = (*executed + 1).min(2);
            match state.allowed.checked_sub(1) {
                Some(allowed) => state.allowed = allowed,
                None => state.wrong = Some(Wrong::TooOften),
            }
            return Answer::TookPlace;
        }
        if ask == Ask::PutEvent {
            state.object |= self.without != Some(Without::EventBeforeHold);
            return Answer::Succeeded(true);
        }
        if ask == Ask::Look {
            return state.record.as_ref().map_or(Answer::Gone, |there| {
                // A look need not show whether there is an event.
                Answer::InTheWay(There { event: false, ..self.shown(there, token, payload) })
            });
        }
        let before = state.record.clone();
        let mut there = before.clone();
        let own = name(token);
        let mut owner = own.clone();
        if let Some(there) = &mut there {
            match self.without {
                Some(Without::OwnerAtRelease) if ask == Ask::Release => owner = name(there.owner),
                Some(Without::OwnerAtComplete) if ask == Ask::Complete => owner = name(there.owner),
                Some(Without::LeaseAtHold) if matches!(ask, Ask::HoldOrphan { .. }) => {
                    there.lease_over = true;
                }
                Some(Without::StatusAtExpiry)
                    if matches!(ask, Ask::Claim { .. }) && there.status == Order::InProgress =>
                {
                    (there.status, there.expired) = (Order::Completed, true);
                }
                _ => {}
            }
        }
        let lease_until = later(self.without == Some(Without::LeaseReadAsOver));
        let orphan;
        let keeps = self.without != Some(Without::EventAtHold);
        let request = match ask {
            Ask::Claim { take_over } => Request::Claim { owner: &own, lease_until, take_over },
            Ask::Complete => Request::Complete { owner: &owner, expires_at: later(false) },
            Ask::Release => Request::Release { owner: &owner },
            Ask::Extend => Request::Extend { owner: &owner, lease_until: later(false) },
            Ask::Hold { event } => Request::Hold { owner: &owner, repeat: event && keeps },
            Ask::HoldOrphan { event } => {
                orphan = name(met.unwrap());
                Request::HoldOrphan { owner: &orphan, repeat: event && keeps }
            }
            Ask::Execute | Ask::Look | Ask::PutEvent => unreachable!("handled above"),
        };
        let transition = decide(there.as_ref().map(Record::state).as_ref(), request, now());
        let claims = matches!(ask, Ask::Claim { .. });
        let succeeded = match &transition {
            Transition::To(to) => {
                let payload =
                    before.as_ref().filter(|_| !claims).map_or(payload, |before| before.payload);
                state.record = Some(Record::new(to, payload));
                true
            }
            Transition::Removed => {
                state.record = None;
                true
            }
            Transition::AlreadyDone => true,
            Transition::Refused => false,
        };
        let owned = before.as_ref().is_none_or(|before| before.owner == token);
        let by_owner = matches!(ask, Ask::Complete | Ask::Release | Ask::Extend | Ask::Hold { .. });
        let live = |record: &Record| {
            record.status == Order::InProgress
                && !record.lease_over
                && record.owner != token
                && state.runs.iter().any(|run| run.token == record.owner)
        };
        if before.as_ref().is_some_and(live) && state.record != before {
            state.wrong = Some(Wrong::LiveClaimTaken);
        }
        if by_owner && !owned && state.record != before {
            state.wrong = Some(Wrong::AnothersRecord);
        }
        if !claims {
            return Answer::Succeeded(succeeded);
        }
        match before {
            Some(before) if !succeeded => Answer::InTheWay(self.shown(&before, token, payload)),
            Some(Record { status: Order::Released, .. })
                if matches!(transition, Transition::To(_)) =>
            {
                Answer::ClaimedAfterRelease
            }
            _ => Answer::Claimed,
        }
    }

    fn shown(&self, record: &Record, token: u8, payload: Payload) -> There {
        let stored =
            self.without != Some(Without::HashWithResult) || record.status != Order::Completed;
        There {
            status: record.status,
            own: record.owner == token,
            lease_over: record.lease_over || self.without == Some(Without::LeaseAtHold),
            event: record.event && record.status == Order::Held,
            hash: if record.payload == payload || self.without == Some(Without::PayloadOnReplay) {
                if stored { Hash::Same } else { Hash::Missing }
            } else {
                Hash::Other
            },
        }
    }

    /// Gives an answer to a run, which may end the run.
    fn answer(&self, state: &mut State, index: usize, answer: Answer) {
        let there = state.record.as_ref();
        let asked = self.ask(&state.runs[index]);
        let run = &mut state.runs[index];
        run.node = self.runs.of(run.delivery).after(run.node, answer).unwrap();
        // Only two owners are needed again: that of an orphan, and that of a held effect that may
        // have no event.
        run.met = match answer {
            Answer::InTheWay(There {
                status: Order::InProgress | Order::Held,
                lease_over: true,
                event: false,
                ..
            }) => there.map(|there| there.owner),
            // The run has stored the event. Its next request is about the record.
            Answer::Succeeded(true) | Answer::Nothing if asked == Ask::PutEvent => run.met,
            _ => None,
        };
        let Next::Ends(end) = self.next(&state.runs[index]) else { return };
        let delivery = state.runs.remove(index).delivery;
        let payload = delivery.payload;
        match end {
            End::Applied | End::Duplicate if !state.took_place(payload) => {
                state.wrong = Some(Wrong::FalseSuccess);
            }
            End::Applied | End::Duplicate | End::Held => {}
            End::Redelivered => state.queue.push(delivery),
            End::DeadLettered => {
                let other = if payload == Payload::X { Payload::Y } else { Payload::X };
                if !self.deliveries.contains(&other) {
                    state.wrong = Some(Wrong::HonestDeadLettered);
                }
                state.dead_letters.push(payload);
                state.dead_letters.dedup();
            }
        }
    }

    /// Permits another run of the effect if the policy is to run again after a crash, and this
    /// looks like a crash.
    fn excuse(&self, state: &mut State, excused: bool) {
        if excused && self.after_crash == AfterCrash::RunAgain {
            state.allow();
        }
    }

    fn operator(&self, state: &mut State, request: Request<'_>) -> bool {
        let Some(record) = &state.record else { return false };
        match decide(Some(&record.state()), request, now()) {
            Transition::To(to) => {
                state.record = Some(Record::new(&to, record.payload));
                true
            }
            _ => false,
        }
    }
}

impl Model for ClaimModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let queue = self
            .deliveries
            .iter()
            .map(|payload| Delivery { payload: *payload, old: false })
            .collect();
        vec![State {
            record: None,
            runs: Vec::new(),
            queue,
            late: Vec::new(),
            executed: [0, 0],
            allowed: 1,
            released: 0,
            faults: self.faults,
            dead_letters: Vec::new(),
            retention_over: false,
            object: self.event != Event::Large,
            wrong: None,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.runs.len() < self.workers {
            let mut deliveries = state.queue.clone();
            deliveries.dedup();
            actions.extend(deliveries.into_iter().map(Action::Take));
        }
        for (index, run) in state.runs.iter().enumerate() {
            let ask = self.ask(run);
            actions.push(Action::Serve(index));
            if state.faults > 0 {
                actions.extend([Action::LoseAnswer(index), Action::CrashBefore(index)]);
                // A look that comes late or twice changes nothing. Neither does a crash after a
                // look.
                if ask != Ask::Look {
                    let other = if ask == Ask::Execute {
                        Action::Refuse(index)
                    } else {
                        Action::Repeat(index)
                    };
                    actions.extend([Action::Delay(index), other, Action::CrashAfter(index)]);
                }
            }
        }
        actions.extend((0..state.late.len()).map(Action::Arrive));
        if let Some(record) = &state.record {
            let alive = state.runs.iter().any(|run| run.token == record.owner);
            if record.status == Order::InProgress
                && !record.lease_over
                && (self.zombies || !alive)
                && self.without != Some(Without::LeaseWithoutEnd)
            {
                actions.push(Action::LeaseEnds);
            }
            if state.released < self.releases {
                actions.push(Action::OperatorReleases);
            }
            if state.took_place(record.payload) {
                actions.push(Action::OperatorCompletes);
            }
            if record.status == Order::Completed && state.runs.is_empty() && !state.retention_over {
                actions.push(Action::RetentionEnds);
            }
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        let request = |index: usize| {
            let Run { delivery, token, met, .. } = before.runs[index];
            Late { ask: self.ask(&before.runs[index]), token, met, payload: delivery.payload }
        };
        match action {
            Action::Take(delivery) => {
                let place = state.queue.iter().position(|queued| *queued == delivery)?;
                state.queue.remove(place);
                let token = state.unused_token();
                state.runs.push(Run {
                    delivery,
                    node: self.runs.of(delivery).start(),
                    token,
                    met: None,
                });
            }
            Action::Serve(index) => {
                let answer = self.perform(&mut state, &request(index));
                self.answer(&mut state, index, answer);
            }
            Action::LoseAnswer(index) => {
                state.faults -= 1;
                self.perform(&mut state, &request(index));
                self.excuse(&mut state, request(index).ask == Ask::Execute);
                self.answer(&mut state, index, Answer::Nothing);
            }
            Action::Delay(index) => {
                let late = request(index);
                state.faults -= 1;
                self.excuse(&mut state, late.ask == Ask::Execute);
                if late.ask == Ask::Complete && self.without == Some(Without::ClaimAfterEffect) {
                    self.perform(&mut state, &Late { ask: Ask::Release, ..late.clone() });
                }
                state.late.push(late);
                self.answer(&mut state, index, Answer::Nothing);
            }
            Action::Arrive(index) => {
                let late = state.late.remove(index);
                self.perform(&mut state, &late);
            }
            Action::Repeat(index) => {
                state.faults -= 1;
                self.perform(&mut state, &request(index));
            }
            Action::Refuse(index) => {
                state.faults -= 1;
                self.answer(&mut state, index, Answer::DidNotTakePlace);
            }
            Action::CrashBefore(index) | Action::CrashAfter(index) => {
                state.faults -= 1;
                if action == Action::CrashAfter(index) {
                    self.perform(&mut state, &request(index));
                }
                let delivery = state.runs.remove(index).delivery;
                state.queue.push(delivery);
            }
            Action::LeaseEnds => {
                state.record.as_mut()?.lease_over = true;
                self.excuse(&mut state, true);
            }
            Action::OperatorReleases => {
                if !self.operator(&mut state, Request::ReleaseHeld) {
                    return None;
                }
                state.released += 1;
                state.allow();
                let Record { payload, event, .. } = *state.record.as_ref()?;
                // Without an event, the next delivery runs the effect.
                if event && state.object {
                    state.queue.push(Delivery { payload, old: state.retention_over });
                }
            }
            Action::OperatorCompletes => {
                let request =
                    Request::CompleteHeld { operator: &name(OPERATOR), expires_at: later(false) };
                if !self.operator(&mut state, request) {
                    return None;
                }
            }
            Action::RetentionEnds => {
                state.record.as_mut()?.expired = true;
                let old = self.without != Some(Without::AgeOfDelivery);
                for delivery in &mut state.queue {
                    delivery.old = old;
                }
                state.late.clear();
                state.retention_over = true;
            }
        }
        state.normalise();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            // Once, and once more for each release by an operator. If the policy is to run again,
            // also once more for each lease that ended and each lost answer.
            Property::always("no more often than the policy allows", |_, state: &State| {
                state.wrong != Some(Wrong::TooOften)
            }),
            Property::always("an effect reported as applied took place", |_, state: &State| {
                state.wrong != Some(Wrong::FalseSuccess)
            }),
            Property::always("nobody changes another's record", |_, state: &State| {
                state.wrong != Some(Wrong::AnothersRecord)
            }),
            Property::always("a live claim is its owner's", |_, state: &State| {
                state.wrong != Some(Wrong::LiveClaimTaken)
            }),
            Property::always("only another payload is dead-lettered", |_, state: &State| {
                state.wrong != Some(Wrong::HonestDeadLettered)
            }),
            Property::always("a completed record's effect took place", |_, state: &State| {
                state.record.as_ref().is_none_or(|record| {
                    record.status != Order::Completed || state.took_place(record.payload)
                })
            }),
            Property::always("no effect is lost", |model: &Self, state: &State| {
                model.deliveries.iter().all(|payload| state.keeps(*payload))
            }),
            Property::sometimes("the effect took place and all is settled", |_, state: &State| {
                state.executions() == 1 && state.is_settled()
            }),
        ];
        if self.releases > 0 {
            properties.push(Property::sometimes(
                "a released effect takes place again",
                |_, state: &State| state.released == 1 && state.executions() == 2,
            ));
        }
        properties
    }
}
