//! The changes of a pointer. Each is a function of the pointer that was read, and of the time.

use std::time::Duration;

use jiff::Timestamp;

use super::generations::Generations;
use super::pointer::{Fence, Pointer, Rebuild, Segment};
use super::refused::Refused;

impl Pointer {
    /// Time for which a rebuild belongs to its owner after each change.
    pub const LEASE: Duration = Duration::from_secs(60);
    /// Most segments of a rebuild.
    pub const MAX_SEGMENTS: u32 = 64;

    /// Begins the rebuild of a generation, or resumes it: if its last owner is gone, the segments
    /// stay as far as they are folded.
    ///
    /// `again` allows a generation that was built before. Its tables should be empty, because a
    /// fold changes nothing in rows that are already at their newest version.
    ///
    /// # Errors
    /// The generation is not declared, is live, or is built, or another rebuild is running.
    pub fn begin(
        &self,
        generation: u32,
        owner: &str,
        segments: u32,
        again: bool,
        declared: &Generations,
        now: Timestamp,
    ) -> Result<Self, Refused> {
        if !declared.has(generation) {
            return Err(Refused::NotDeclared {
                projection: self.projection.clone(),
                generation,
                declared: declared.numbers().to_vec(),
            });
        }
        if self.live == Some(generation) {
            return Err(Refused::Live { projection: self.projection.clone(), generation });
        }
        if let Some(running) = self.running(now).filter(|running| running.owner != owner) {
            return Err(Refused::Running {
                generation: running.generation,
                owner: running.owner.clone(),
                since: running.started_at,
                until: running.until,
            });
        }
        if self.built.contains(&generation) && !again {
            return Err(Refused::Built { projection: self.projection.clone(), generation });
        }
        let mut next = self.clone();
        next.built.retain(|built| *built != generation);
        next.previous = self.previous.filter(|previous| *previous != generation);
        let count = usize::try_from(segments.clamp(1, Self::MAX_SEGMENTS)).unwrap_or(1);
        let interrupted = self.rebuild.clone().filter(|known| known.generation == generation);
        let mut rebuild = interrupted.unwrap_or_else(|| Rebuild {
            generation,
            owner: owner.to_owned(),
            started_at: now,
            until: now,
            segments: vec![Segment::default(); count],
        });
        owner.clone_into(&mut rebuild.owner);
        rebuild.until = after(now, Self::LEASE);
        next.rebuild = Some(rebuild);
        Ok(next)
    }

    /// Records how far a segment is folded.
    ///
    /// # Errors
    /// The rebuild belongs to another owner.
    pub fn record(
        &self,
        owner: &str,
        segment: u32,
        folded: Segment,
        now: Timestamp,
    ) -> Result<Self, Refused> {
        let mut next = self.renewed(owner, now)?;
        let segments = next.rebuild.as_mut().map(|rebuild| &mut rebuild.segments);
        let place = usize::try_from(segment).ok();
        match segments.zip(place).and_then(|(segments, place)| segments.get_mut(place)) {
            Some(known) => *known = folded,
            None => return Err(self.not_owner(owner)),
        }
        Ok(next)
    }

    /// Renews the lease of a rebuild, without another change.
    ///
    /// # Errors
    /// The rebuild belongs to another owner.
    pub fn renewed(&self, owner: &str, now: Timestamp) -> Result<Self, Refused> {
        let mut next = self.clone();
        match &mut next.rebuild {
            Some(rebuild) if rebuild.owner == owner => {
                rebuild.until = rebuild.until.max(after(now, Self::LEASE));
                Ok(next)
            }
            _ => Err(self.not_owner(owner)),
        }
    }

    /// Closes the fence for `pause`, or keeps it closed so long.
    ///
    /// Writers that read an open fence before may begin transactions for two seconds longer. What
    /// they write is noticed, because the vector of guards then differs between its two readings.
    ///
    /// # Errors
    /// The rebuild or the fence belongs to another owner, or the event store is not folded yet.
    pub fn close(&self, owner: &str, pause: Duration, now: Timestamp) -> Result<Self, Refused> {
        let mut next = self.renewed(owner, now)?;
        if let Some(fence) = self.closed(now).filter(|fence| fence.owner != owner) {
            return Err(Refused::Fenced { owner: fence.owner.clone(), until: fence.until });
        }
        let left = next.rebuild.as_ref().map(Rebuild::left).unwrap_or_default();
        if !left.is_empty() {
            return Err(Refused::NotFolded { left });
        }
        next.fence = Some(Fence { owner: owner.to_owned(), until: after(now, pause) });
        Ok(next)
    }

    /// Opens the fence, if it belongs to this owner.
    #[must_use]
    pub fn open(&self, owner: &str) -> Self {
        let fence = self.fence.clone().filter(|fence| fence.owner != owner);
        Self { fence, ..self.clone() }
    }

    /// Makes the rebuilt generation live, and opens the fence. Changes nothing if that was done.
    ///
    /// Call it only after a [`Proof`](crate::rebuild::Proof) under this fence.
    ///
    /// # Errors
    /// The rebuild belongs to another owner, or its fence is not closed any more.
    pub fn moved(&self, generation: u32, owner: &str, now: Timestamp) -> Result<Self, Refused> {
        if self.live == Some(generation) && self.rebuild.is_none() {
            return Ok(self.clone());
        }
        let known = self.rebuild.as_ref();
        let Some(rebuild) =
            known.filter(|known| known.owner == owner && known.generation == generation)
        else {
            return Err(self.not_owner(owner));
        };
        if self.closed(now).is_none_or(|fence| fence.owner != owner) {
            return Err(Refused::Expired { until: self.fence.as_ref().map(|fence| fence.until) });
        }
        let left = rebuild.left();
        if !left.is_empty() {
            return Err(Refused::NotFolded { left });
        }
        let mut next = Self { fence: None, rebuild: None, ..self.clone() };
        next.previous = self.live;
        next.live = Some(generation);
        next.built.push(generation);
        next.built.sort_unstable();
        next.built.dedup();
        Ok(next)
    }

    /// Ends the run of an owner without a move: opens its fence, and lets another run resume the
    /// rebuild at once.
    #[must_use]
    pub fn left(&self, owner: &str, now: Timestamp) -> Self {
        let mut next = self.open(owner);
        if let Some(rebuild) = next.rebuild.as_mut().filter(|rebuild| rebuild.owner == owner) {
            rebuild.until = rebuild.until.min(now);
        }
        next
    }

    /// Forgets an interrupted rebuild. Changes nothing if there is none.
    ///
    /// # Errors
    /// The rebuild is running.
    pub fn forgotten(&self, now: Timestamp) -> Result<Self, Refused> {
        match self.running(now) {
            Some(running) => Err(Refused::Running {
                generation: running.generation,
                owner: running.owner.clone(),
                since: running.started_at,
                until: running.until,
            }),
            None => Ok(Self { rebuild: None, ..self.clone() }),
        }
    }

    /// Makes the previous generation live again. The one that was live becomes the previous one.
    ///
    /// # Errors
    /// There is no previous generation, it is not declared or not built any more, or a rebuild is
    /// running.
    pub fn back(&self, declared: &Generations, now: Timestamp) -> Result<Self, Refused> {
        let projection = || self.projection.clone();
        let Some(previous) = self.previous.filter(|number| self.built.contains(number)) else {
            return Err(Refused::NoPrevious { projection: projection(), live: self.live });
        };
        if !declared.has(previous) {
            return Err(Refused::NotDeclared {
                projection: projection(),
                generation: previous,
                declared: declared.numbers().to_vec(),
            });
        }
        if let Some(running) = self.running(now) {
            return Err(Refused::Running {
                generation: running.generation,
                owner: running.owner.clone(),
                since: running.started_at,
                until: running.until,
            });
        }
        Ok(Self { live: Some(previous), previous: self.live, ..self.clone() })
    }

    fn not_owner(&self, owner: &str) -> Refused {
        Refused::NotOwner {
            owner: owner.to_owned(),
            now: self.rebuild.as_ref().map(|rebuild| rebuild.owner.clone()),
        }
    }
}

fn after(now: Timestamp, time: Duration) -> Timestamp {
    now.saturating_add(time).unwrap_or(Timestamp::MAX)
}
