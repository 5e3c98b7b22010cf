//! The whole shop: all functions, and a payment provider that is told what to do.

mod cost;
mod order;
mod outage;
mod provider;
mod sample;
mod stories;
mod system;

pub(crate) use system::{Opening, Shop};
