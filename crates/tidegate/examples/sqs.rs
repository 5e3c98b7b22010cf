//! Handles jobs from an SQS queue, standard or FIFO.
//!
//! Guarantees:
//!
//! - Exactly the failed messages come again.
//! - In a FIFO queue, later messages of the group wait for a failed one. Other groups do not wait.
//! - A job that can never be done becomes a dead letter at once, with its payload and the reason.
//!   It does not wait for the last receive.

use std::process::ExitCode;

use serde::Deserialize;
use tidegate::batch::{BatchContext, Handled};
use tidegate::each;
use tidegate::failure::Failure;
use tidegate::function::Function;
use tidegate::source::Source;

#[derive(Deserialize)]
struct Job {
    path: String,
    size: u64,
}

async fn resize(job: &Job, _: &BatchContext) -> Result<Handled, Failure> {
    if job.size == 0 {
        return Err(Failure::permanent("empty_file", format!("{} has no content", job.path)));
    }
    // Any other error becomes transient with `?`, so the message comes again.
    let kilobytes = u32::try_from(job.size / 1024)?;
    tracing::info!(job.path, kilobytes, "resized");
    Ok(Handled::Applied)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    Function::start().await.run(Source::Sqs, |_aws| Some(each!(10, resize))).await
}
