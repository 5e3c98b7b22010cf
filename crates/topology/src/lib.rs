//! The declared system: the topology file, read and checked.
//!
//! A topology is an HCL file of literal values (`topology.auto.tfvars`, so that Terraform reads the
//! same one). It declares streams, tables, queues, topics, subscriptions, buckets, buses, rules,
//! HTTP APIs, projections and functions with their event source mappings: [`Topology`].
//!
//! - **Read**: [`load`] and [`parse`] give a topology, [`check()`] and [`check_text`] also its
//!   warnings and the position of every key ([`Checked`]). [`values`] and [`defaults`] read
//!   Terraform's other files.
//! - **Refused** ([`TopologyError`], [`Severity::Error`]): what is not a literal value, unknown
//!   fields and wrong types, and whatever AWS does not take: its limits, names that are not
//!   declared, event patterns that EventBridge rejects.
//! - **Warned of** ([`Severity::Warning`]): what runs and may lose events, their order, or the
//!   reason of a failure; and the rules of this project's toolkit, commands and Terraform, which
//!   [`Profile::Tidegate`] switches on.
//!
//! [`pattern`] is EventBridge's pattern language, of rules and of the filters of event source
//! mappings. [`filter_policy`] is what SNS makes of it. [`input`] makes what a rule's target gets
//! of an event. [`route`] has the route keys of HTTP APIs. [`schedule`] has the expressions of
//! EventBridge Scheduler.

mod breakers;
mod check;
mod checked;
mod document;
mod error;
pub mod filter_policy;
mod generations;
pub mod input;
mod lookup;
pub mod model;
mod part;
pub mod pattern;
pub mod route;
pub mod schedule;
mod scheduled;
mod subscribers;
mod targets;
mod typed;
mod unreadable;
mod variables;

pub use checked::{Checked, check, check_text, load, parse};
pub use error::{Mistake, Position, Severity, TopologyError};
pub use generations::{POINTERS_VARIABLE, generation_table};
pub use lookup::{DEFAULT_BUS, DestinationKind, LARGE_LETTERS, LETTERS, Resource, SourceKind};
pub use model::{
    Access, Api, Asynchronous, Authorization, Authorizer, Breaker, Bucket, Bus, Destination,
    Filter, FilterPolicyScope, Function, FunctionUrl, Index, IndexProjection, InputTransformer,
    Key, KeyType, Process, Profile, Projection, Queue, Redrive, Route, Rule, Schedule,
    ScheduleGroup, ScheduleTarget, Source, StartingPosition, Statements, Stream, StreamView,
    Subscription, Table, Target, Throttling, Topic, Topology, Use,
};
pub use part::NotDeclared;
pub use scheduled::{DECLARED_SCHEDULES, GroupVariable, NoTimetable, Scheduled};
pub use subscribers::Subscriber;
pub use targets::{RuleTarget, TargetKind};
pub use variables::{defaults, values};
