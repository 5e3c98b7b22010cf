//! Requests to DynamoDB that several waiting records share.
//!
//! `BatchExecuteStatement` carries up to 25 writes. Each has its own condition, its own outcome and
//! the price of a single write. So the lanes of a batch, which all wait for one write each, need a
//! twenty-fifth of the requests. Nothing else changes: every write stands for itself.

mod gather;
mod reader;
mod text;
mod writer;

pub(crate) use reader::{Item, Reader};
pub(crate) use text::{Change, Statement};
pub(crate) use writer::{Answer, Writer};

#[cfg(test)]
mod tests;
