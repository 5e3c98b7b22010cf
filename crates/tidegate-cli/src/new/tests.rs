//! Compiles the templates unchanged, and runs their tests.

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
