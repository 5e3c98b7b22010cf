//! Handles records from the stream `FROM`.

mod handler;

use std::process::ExitCode;

use tidegate::each;
use tidegate::function::Function;
use tidegate::source::Source;

use handler::handle;

/// Records handled concurrently. Records with the same ordering key are handled in order.
const CONCURRENCY: usize = 16;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let function = Function::start().await;
    function.run(Source::Kinesis, |_aws| Some(each!(CONCURRENCY, handle))).await
}
