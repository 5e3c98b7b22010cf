//! Tests of the delivery of topics.

mod machine;
mod notification;
mod sending;
