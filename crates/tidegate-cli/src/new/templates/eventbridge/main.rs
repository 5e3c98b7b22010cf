//! Handles events that match the rule `FROM`.

mod handler;

use std::process::ExitCode;

use tidegate::each;
use tidegate::function::Function;
use tidegate::source::Source;

use handler::handle;

/// An asynchronous invocation carries one event.
const CONCURRENCY: usize = 1;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let function = Function::start().await;
    function.run(Source::EventBridge, |_aws| Some(each!(CONCURRENCY, handle))).await
}
