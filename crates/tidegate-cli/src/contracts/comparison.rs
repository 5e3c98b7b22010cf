//! Compares the schemas of two times, and decides what breaks.

use std::collections::BTreeSet;

use compatibility::{Breaks, Change, changes};
use serde::Serialize;

use super::readers::Readers;
use super::schemas::{Older, Schemas, TypeVersion};

/// What became of the schemas.
pub(super) struct Comparison {
    /// Versions of types that were compared.
    pub(super) compared: usize,
    /// There was an older state of any schema.
    pub(super) has_older: bool,
    /// Those that changed, came or went.
    pub(super) differences: Vec<Difference>,
}

/// What became of a version of a type.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) version: u32,
    pub(super) what: Became,
    /// Compatibility that is left: `full`, `backward`, `forward` or `none`.
    pub(super) compatibility: &'static str,
    #[serde(flatten)]
    pub(super) breaks: Breaks,
    pub(super) changes: Vec<Found>,
    /// Functions that read the type.
    pub(super) readers: BTreeSet<String>,
    /// Older versions of the type, and how the schema of this one suits their messages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) older: Vec<OlderVersion>,
}

/// Whether a version was there and is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Became {
    Changed,
    TypeAdded,
    VersionAdded,
    Removed,
}

/// A change, and since which state of the schema.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Found {
    #[serde(flatten)]
    pub(super) change: Change,
    /// Commit with the older state; absent for the revision that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<String>,
}

/// What an upcast from an older version has to do.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct OlderVersion {
    pub(super) version: u32,
    /// Compatibility of the two schemas as they are, without an upcast.
    pub(super) compatibility: &'static str,
    /// What the messages of the older version lack.
    pub(super) upcast: Vec<Change>,
}

impl Comparison {
    /// Compares the schemas of a commit with those of now.
    pub(super) fn new(then: &Schemas, now: &Schemas, readers: &Readers) -> Self {
        let all: BTreeSet<&TypeVersion> = then.keys().chain(now.keys()).collect();
        let mut differences = Vec::new();
        for of in &all {
            let difference = match (then.get(*of), now.get(*of)) {
                (Some(was), Some(is)) => {
                    let found = changes(was, is).into_iter();
                    let found: Vec<Found> =
                        found.map(|change| Found { change, since: None }).collect();
                    if found.is_empty() {
                        continue;
                    }
                    Difference::changed(of, found, readers)
                }
                (Some(_), None) => Difference::removed(of, None, readers),
                (None, Some(_)) => Difference::added(of, now, readers),
                (None, None) => continue,
            };
            differences.push(difference);
        }
        Self { compared: all.len(), has_older: !then.is_empty(), differences }
    }

    /// Compares older states of the schemas with those of now. Only what breaks is added.
    pub(super) fn add_history(&mut self, history: &[Older], now: &Schemas, readers: &Readers) {
        self.has_older |= history.iter().any(|older| !older.schemas.is_empty());
        for older in history {
            for (of, was) in &older.schemas {
                match now.get(of) {
                    Some(is) => {
                        let broken = changes(was, is).into_iter().filter(|of| of.breaks.any());
                        self.add(of, &older.commit, broken.collect(), readers);
                    }
                    None if self.of(of).is_none() => {
                        let removed = Difference::removed(of, Some(&older.commit), readers);
                        self.differences.push(removed);
                    }
                    None => {}
                }
            }
        }
    }

    fn add(&mut self, of: &TypeVersion, commit: &str, broken: Vec<Change>, readers: &Readers) {
        let mut new = Vec::new();
        for change in broken {
            let known = self.of(of).is_some_and(|difference| {
                difference.changes.iter().any(|found| found.change == change)
            });
            if !known {
                new.push(Found { change, since: Some(commit.to_owned()) });
            }
        }
        if new.is_empty() {
            return;
        }
        let place = self.differences.iter().position(|difference| difference.is_of(of));
        match place.and_then(|place| self.differences.get_mut(place)) {
            Some(difference) => {
                difference.changes.extend(new);
                difference.judge();
            }
            None => self.differences.push(Difference::changed(of, new, readers)),
        }
    }

    fn of(&self, of: &TypeVersion) -> Option<&Difference> {
        self.differences.iter().find(|difference| difference.is_of(of))
    }

    /// Returns whether any reader breaks.
    pub(super) fn breaks(&self) -> bool {
        self.differences.iter().any(|difference| difference.breaks.any())
    }
}

impl Difference {
    fn new(of: &TypeVersion, what: Became, readers: &Readers) -> Self {
        Self {
            kind: of.kind.clone(),
            version: of.version,
            what,
            compatibility: Breaks::NOTHING.compatibility(),
            breaks: Breaks::NOTHING,
            changes: Vec::new(),
            readers: readers.of(&of.kind),
            older: Vec::new(),
        }
    }

    fn changed(of: &TypeVersion, changes: Vec<Found>, readers: &Readers) -> Self {
        let mut changed = Self { changes, ..Self::new(of, Became::Changed, readers) };
        changed.judge();
        changed
    }

    /// Messages of a version that is gone are still stored, so no reader may forget it.
    fn removed(of: &TypeVersion, since: Option<&str>, readers: &Readers) -> Self {
        let change = Change {
            place: "data".to_owned(),
            what: compatibility::What::Values,
            text: "the schema was removed; messages of it may still be stored".to_owned(),
            breaks: Breaks::NARROWER,
        };
        let found = Found { change, since: since.map(str::to_owned) };
        let mut removed = Self::changed(of, vec![found], readers);
        removed.what = Became::Removed;
        removed
    }

    /// A new version breaks no reader: readers that do not know it wait until they are deployed.
    fn added(of: &TypeVersion, now: &Schemas, readers: &Readers) -> Self {
        let older =
            now.iter().filter(|(other, _)| other.kind == of.kind && other.version < of.version);
        let older: Vec<OlderVersion> = older
            .map(|(other, was)| {
                let found = now.get(of).map_or_else(Vec::new, |is| changes(was, is));
                let breaks = found.iter().fold(Breaks::NOTHING, |all, of| all.or(of.breaks));
                let lacks = found.into_iter().filter(|change| change.breaks.backward);
                OlderVersion {
                    version: other.version,
                    compatibility: breaks.compatibility(),
                    upcast: lacks.collect(),
                }
            })
            .collect();
        let what = if older.is_empty() { Became::TypeAdded } else { Became::VersionAdded };
        Self { older, ..Self::new(of, what, readers) }
    }

    fn judge(&mut self) {
        let found = self.changes.iter();
        self.breaks = found.fold(Breaks::NOTHING, |all, of| all.or(of.change.breaks));
        self.compatibility = self.breaks.compatibility();
    }

    fn is_of(&self, of: &TypeVersion) -> bool {
        self.kind == of.kind && self.version == of.version
    }
}
