//! The ways of an order, each as a golden trace, with every message twice and with every request to
//! the store failing once; the table of states and messages; and orders in a world of random order.

mod orders;
mod said;
mod shop;
mod table;
mod ways;

use crate::state::Fulfilment;

type Test = tidegate::test::ProcessTest<Fulfilment>;
