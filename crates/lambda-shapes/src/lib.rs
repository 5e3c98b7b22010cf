//! The shapes of Lambda: what it hands to functions, what functions answer, and what it sends on.
//!
//! The delivery engine writes these shapes as Lambda does, and the operator's commands read and
//! write the same ones when they replay dead letters. Nothing here calls AWS, except [`message`],
//! which sends to SQS.
//!
//! | what | module |
//! |---|---|
//! | an event's `Records`, by source | [`kinesis`], [`dynamodb`], [`queue`] |
//! | one record of a stream, and what orders it | [`record`], [`sequence`], [`stream_kind`] |
//! | the event: when a batch is closed, and its text | [`batching`] |
//! | a function's answer | [`partial_response`] |
//! | what an on-failure destination gets | [`stream_failure`], [`asynchronous_record`] |
//! | what SQS accepts | [`message`] |
//! | times and texts as AWS writes them | [`moment`], [`text`] |

pub mod asynchronous_record;
pub mod batching;
pub mod dynamodb;
pub mod kinesis;
pub mod message;
pub mod moment;
pub mod partial_response;
pub mod queue;
pub mod record;
pub mod sequence;
pub mod stream_failure;
pub mod stream_kind;
pub mod text;
