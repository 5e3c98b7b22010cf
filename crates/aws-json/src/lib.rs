//! Reads foreign JSON as AWS's matcher reads it.
//!
//! EventBridge and the filters of event source mappings match with Event Ruler, which reads JSON
//! with Jackson. Jackson accepts JSON that a stricter reader such as `serde_json` refuses. One such
//! byte would make the whole body unreadable. This reader accepts what Jackson accepts by default
//! (compared with event-ruler 1.8.1 and jackson-core 2.18):
//!
//! - An unpaired surrogate, such as `"\ud83d"`. In a value it becomes a question mark, because Java
//!   writes it so before Event Ruler compares bytes. In a name it stays an escape.
//! - Numbers of any size. They are kept as they are written.
//! - A name that occurs twice in an object. Both values count.
//! - Nesting up to [`DEEPEST`] levels, and numbers up to [`LONGEST_NUMBER`] digits.
//! - Anything behind an object, if the caller accepts it: [`Json::leading`].
//!
//! It refuses what Jackson refuses: `NaN`, `Infinity`, comments, trailing commas, leading zeros,
//! control characters in texts, and more levels or digits than the limits above.
//!
//! The engine uses this reader only to inspect bodies. It delivers the original text.

mod limits;
mod lossy;
mod malformed;
mod parse;
mod reader;
#[cfg(test)]
mod tests;
mod value;

pub use limits::{DEEPEST, LONGEST_NUMBER};
pub use lossy::value;
pub use malformed::Malformed;
pub use value::Json;
