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
use tidegate::batch::{BatchContext, Decode, EachRecord, Handled, Handler};
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::function::Function;
use tidegate::message::{Message, MessageSet};
use tidegate::source::{Delivery, Source};

#[derive(Serialize, Deserialize, Message)]
struct LampLit {
    watts: u32,
}

tidegate::messages! {
    /// The events that match the rule.
    enum LampEvent { LampLit }
}

struct Lamps;

impl Decode for Lamps {
    type Record = LampEvent;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<LampEvent, Failure> {
        // An unknown type fails permanently. A newer version of a known type waits for a newer
        // reader.
        LampEvent::from_envelope(&Envelope::parse(delivery.bytes()?)?)
    }
}

impl Handler for Lamps {
    async fn handle(&self, event: &LampEvent, _context: &BatchContext) -> Result<Handled, Failure> {
        let LampEvent::LampLit(lit) = event;
        tracing::info!(lit.watts);
        Ok(Handled::Applied)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // An asynchronous invocation carries one event.
    Function::start().await.run(Source::EventBridge, |_aws| Some(EachRecord::new(Lamps, 1))).await
}
