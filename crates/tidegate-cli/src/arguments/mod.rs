//! The command line: subcommands, options, help texts.
//!
//! Declarations only. `dispatch` hands them to the modules that act, which read them and nothing of
//! the dispatcher.

mod breaker;
mod command;
mod completions;
mod cost;
mod dlq;
mod effects;
mod events;
mod invoking;
mod local;
mod moment;
mod new;
mod number;
mod parked;
mod place;
mod process;
mod projection;
mod timeline;
mod token;
mod topology;

pub(crate) use breaker::{BreakerCommand, BreakerList, BreakerOne, BreakerOpen};
pub(crate) use command::{Arguments, Command};
pub(crate) use completions::Completions;
pub(crate) use cost::Cost;
pub(crate) use dlq::Dlq;
pub(crate) use effects::{
    EffectsCommand, EffectsComplete, EffectsList, EffectsPlace, EffectsRelease,
};
pub(crate) use events::{
    CommitKey, EventsCommand, EventsDiff, EventsReplay, EventsRepublish, EventsShow,
};
pub(crate) use local::{Level, LocalCommand, Logs, Pace, Schedules, Up, Variable};
pub(crate) use new::{FunctionSource, NewCommand, NewFunction};
pub(crate) use parked::{ParkedCommand, ParkedList, ParkedOne, ParkedPlace, ParkedRelease};
pub(crate) use place::{Place, StateDir};
pub(crate) use process::{
    ProcessCommand, ProcessForce, ProcessList, ProcessPlace, ProcessResume, ProcessShow,
    ProcessSkip, Speaking,
};
pub(crate) use projection::{ProjectionBack, ProjectionCommand, ProjectionList, ProjectionRebuild};
pub(crate) use timeline::Timeline;
pub(crate) use token::Token;
pub(crate) use topology::{TopologyCheck, TopologyCommand};
