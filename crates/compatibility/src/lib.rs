//! What a change of a JSON Schema breaks: readers of old messages, or old readers of new ones.
//!
//! A reader knows one schema and meets messages that were written by another:
//!
//! - **backward**: a reader with the new schema meets a message of the old one. Stored events,
//!   queues and archives hold such messages for as long as they keep them.
//! - **forward**: a reader with the old schema meets a message of the new one, until the reader is
//!   deployed again.
//!
//! A schema that accepts less than before breaks backward; one that accepts more breaks forward. A
//! writer writes no field that its schema does not have, and a reader ignores fields that it does
//! not know unless its schema forbids them (`additionalProperties`). So an optional field may come
//! or go.
//!
//! Keywords beside a `$ref` hold together with the schema to which it leads, as in JSON Schema
//! 2020-12. A field that a schema does not name is compared with its `additionalProperties`.
//!
//! What cannot be judged, such as a changed `not`, counts as a break in both directions.

mod alternatives;
mod change;
mod compare;
mod fields;
mod limits;
mod schema;
#[cfg(test)]
mod tests;

pub use change::{Breaks, Change, What};
pub use compare::changes;
