//! Types of everything that the topology file declares.
//!
//! Names are logical: `event-store`, not `dev-event-store`. The field names are those of the file.
//! Terraform's variables have the same shape.

mod api;
mod breaker;
mod destination;
mod function;
mod process;
mod projection;
mod resource;
mod rule;
mod schedule;
mod source;
mod subscription;
mod system;

pub use api::{Api, Authorization, Authorizer, FunctionUrl, Route, Throttling};
pub use breaker::Breaker;
pub use destination::Destination;
pub use function::{Access, Asynchronous, Function, Use};
pub use process::Process;
pub use projection::Projection;
pub use resource::{
    Bucket, Bus, Index, IndexProjection, Key, KeyType, Queue, Redrive, Stream, StreamView, Table,
    Topic,
};
pub use rule::{InputTransformer, Rule, Target};
pub use schedule::{Schedule, ScheduleGroup, ScheduleTarget};
pub use source::{Filter, Source, StartingPosition};
pub use subscription::{FilterPolicyScope, Subscription};
pub(crate) use system::default_event_bytes;
pub use system::{Profile, Statements, Topology};
