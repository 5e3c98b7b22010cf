//! The templates as they are: what is written into a new function compiles here, and its tests are run.

#[allow(dead_code, reason = "a program's main")]
#[path = "templates/dynamodb/main.rs"]
mod dynamodb;
#[allow(dead_code, reason = "a program's main")]
#[path = "templates/eventbridge/main.rs"]
mod eventbridge;
#[allow(dead_code, reason = "a program's main")]
#[path = "templates/kinesis/main.rs"]
mod kinesis;
#[allow(dead_code, reason = "a program's main")]
#[path = "templates/sqs/main.rs"]
mod sqs;
