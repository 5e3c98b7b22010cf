//! Handles events of an EventBridge rule, invoked asynchronously.
//!
//! Guarantees:
//!
//! - An event that can never be handled becomes a dead letter of the function, with its payload. It
//!   is not retried.
//! - Any other failure fails the invocation. Lambda retries the event, and then sends it to the
//!   on-failure destination.

use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use tidegate::batch::{Handled, Routed};
use tidegate::each;
use tidegate::function::Function;
use tidegate::message::Message;
use tidegate::source::Source;

/// An event that matches the rule. For a rule with several types, use a `Router`.
#[derive(Serialize, Deserialize, Message)]
struct LampLit {
    watts: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // An asynchronous invocation carries one event. Another type fails permanently; a newer version
    // waits for a newer reader.
    let lamps = each!(1, async |lit: &Routed<LampLit>, _| {
        tracing::info!(lit.envelope.id, lit.message.watts);
        Ok(Handled::Applied)
    });
    Function::start().await.run(Source::EventBridge, |_aws| Some(lamps)).await
}
