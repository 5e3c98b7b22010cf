//! Decides how functions send conditional writes: several in a batch of statements, or each alone.
//!
//! DynamoDB does all forms of statements that the toolkit uses. An emulator may lack one. So the
//! engine tries them once, before functions start, and tells functions what it found.

mod choice;
mod forms;
mod found;
mod mode;

pub(crate) use choice::statements;
pub use mode::Statements;
