//! Claims an effect, after waiting for a twin that is at work on it.

use jiff::Timestamp;
use tokio::time::Instant;

use super::effects::Effects;
use super::ownership::from_now;
use super::pauses::{FIRST_PAUSE, LONGEST_PAUSE};
use super::protocol::{InTheWay, in_the_way};
use super::record::{Claim, Claimed, IdempotencyStore, Stored};
use super::run::EffectRun;
use crate::failure::Failure;

/// Result of an attempt to claim.
pub(super) enum Decision {
    /// This run owns the claim. `released`: an operator released the effect to run again.
    Run { released: bool },
    /// The effect already took place.
    Done(Stored),
    /// The effect waits for an operator.
    Held,
}

impl Effects {
    /// Claims the effect, after waiting for a twin if there is one.
    ///
    /// Invariant: with [`Decision::Run`] the run owns the claim. After an error the claim may be
    /// stored nevertheless. Example: a twin is at work, so the claim finds its record; the run
    /// pauses 20 ms, then 40 ms, and so on, and reads the record after each pause. Once the record
    /// is completed, its result is the answer. Once its lease is over, the run takes the claim over
    /// or holds the effect, as [`AfterCrash`](super::run::AfterCrash) prescribes.
    pub(super) async fn claim(
        &self,
        store: &dyn IdempotencyStore,
        claim: &mut Claim,
        run: &EffectRun,
        deadline: Instant,
    ) -> Result<Decision, Failure> {
        let limit = self.wait.and_then(|wait| Instant::now().checked_add(wait));
        let give_up = limit.map_or(deadline, |limit| limit.min(deadline));
        let mut pause = FIRST_PAUSE;
        let mut there = None;
        loop {
            let stored = match there.take() {
                Some(stored) => stored,
                None => {
                    if let Some(length) = run.heartbeat {
                        // The lease begins with the claim that succeeds, after any wait for a twin.
                        claim.lease_until = from_now(length);
                    }
                    match store.claim(claim).await? {
                        Claimed::Yes => return Ok(Decision::Run { released: false }),
                        Claimed::AfterRelease => return Ok(Decision::Run { released: true }),
                        Claimed::No(stored) => stored,
                    }
                }
            };
            match in_the_way(&stored, claim.take_over, Timestamp::now()) {
                InTheWay::Replay => return Ok(Decision::Done(stored)),
                InTheWay::LeaveHeld => {
                    if self.leave_held(store, claim, &stored, &run.again).await? {
                        return Ok(Decision::Held);
                    }
                }
                InTheWay::HoldOrphan => {
                    if self.hold_orphan(store, claim, &stored, &run.again).await? {
                        return Ok(Decision::Held);
                    }
                }
                InTheWay::Wait | InTheWay::Claim => {}
            }
            // A claim writes the whole record, while a look is a small read. So the run claims
            // again only after a look shows that a claim can succeed.
            there = loop {
                if Instant::now() + pause >= give_up {
                    let reason = format!(
                        "{}: another run of the same effect is still in progress",
                        claim.key
                    );
                    return Err(Failure::busy("twin_running", reason));
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                let Some(stored) = store.look(&claim.key).await? else { break None };
                match in_the_way(&stored, claim.take_over, Timestamp::now()) {
                    _ if stored.owner == claim.owner => break None,
                    InTheWay::Wait => {}
                    InTheWay::Claim => break None,
                    InTheWay::Replay | InTheWay::LeaveHeld | InTheWay::HoldOrphan => {
                        break Some(stored);
                    }
                }
            };
        }
    }
}
