//! The newest invocations, and the newest records that were given up: bounded, kept as they were,
//! and looked into only when somebody asks.

mod content;
mod ending;
mod letters;
mod past;
mod recorder;
mod way;

pub(crate) use content::mentions;
pub use content::{Content, Record};
pub use ending::Ending;
pub use letters::{GivenUp, Letter, Letters, Place};
pub use past::{PastInvocation, PastInvocations};
pub(crate) use recorder::{Recorder, RecordingDestination};
pub(crate) use way::Way;
