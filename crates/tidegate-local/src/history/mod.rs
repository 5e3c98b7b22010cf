//! Keeps the newest invocations of functions and the newest on-failure records for the console.
//!
//! Their number and size are bounded. They are kept unchanged and decoded only on request.

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
