//! The reasons why a pointer is not changed.

use std::fmt;

use jiff::Timestamp;

/// The reason why a pointer is not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// The topology does not declare the generation.
    NotDeclared {
        /// The projection.
        projection: String,
        /// The generation.
        generation: u32,
        /// Those that are declared.
        declared: Vec<u32>,
    },
    /// The generation is live: it is what readers see.
    Live {
        /// The projection.
        projection: String,
        /// The generation.
        generation: u32,
    },
    /// The generation is built and proven.
    Built {
        /// The projection.
        projection: String,
        /// The generation.
        generation: u32,
    },
    /// Another rebuild of the projection is running.
    Running {
        /// The generation that it builds.
        generation: u32,
        /// Who runs it.
        owner: String,
        /// When it began.
        since: Timestamp,
        /// Until when it belongs to its owner.
        until: Timestamp,
    },
    /// The rebuild belongs to another owner, or has ended.
    NotOwner {
        /// Who tried.
        owner: String,
        /// The owner now. `None`: no rebuild is stored.
        now: Option<String>,
    },
    /// Segments of the event store are not folded to their end.
    NotFolded {
        /// Their numbers.
        left: Vec<u32>,
    },
    /// The fence is closed for another owner.
    Fenced {
        /// The owner.
        owner: String,
        /// Time at which it opens by itself.
        until: Timestamp,
    },
    /// The fence opened before the pointer was moved.
    Expired {
        /// When it opened. `None`: it was never closed.
        until: Option<Timestamp>,
    },
    /// There is no generation to go back to.
    NoPrevious {
        /// The projection.
        projection: String,
        /// The generation that is live.
        live: Option<u32>,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDeclared { projection, generation, declared } => {
                let declared: Vec<_> = declared.iter().map(u32::to_string).collect();
                write!(
                    f,
                    "{projection}@{generation} is not declared; the topology has the generations {}: \
                     add {generation} to them and deploy, or choose one of them",
                    declared.join(", ")
                )
            }
            Self::Live { projection, generation } => write!(
                f,
                "{projection}@{generation} is live; declare another generation and rebuild that one"
            ),
            Self::Built { projection, generation } => write!(
                f,
                "{projection}@{generation} is already built; to build it again, empty its tables \
                 (take {generation} out of `generations`, deploy, declare it again, deploy) and say \
                 that it is built again"
            ),
            Self::Running { generation, owner, since, until } => write!(
                f,
                "{owner} rebuilds generation {generation} since {since}; wait for it, or until \
                 {until} if that run is gone"
            ),
            Self::NotOwner { owner, now: Some(now) } => {
                write!(f, "the rebuild belongs to {now}, and not to {owner} any more")
            }
            Self::NotOwner { owner, now: None } => {
                write!(f, "the rebuild of {owner} has ended, or never began")
            }
            Self::NotFolded { left } => {
                write!(f, "{} segments of the event store are not folded to their end", left.len())
            }
            Self::Fenced { owner, until } => {
                write!(f, "the fence is closed for {owner} until {until}")
            }
            Self::Expired { until: Some(until) } => write!(
                f,
                "the fence opened at {until}, before the pointer was moved; compare again"
            ),
            Self::Expired { until: None } => f.write_str("the fence is not closed"),
            Self::NoPrevious { projection, live: Some(live) } => write!(
                f,
                "{projection}@{live} has no previous generation that is built; rebuild one"
            ),
            Self::NoPrevious { projection, live: None } => {
                write!(f, "no generation of {projection} is built yet; rebuild one")
            }
        }
    }
}

impl std::error::Error for Refused {}
