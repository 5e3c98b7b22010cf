//! Runs an effect outside DynamoDB once per invoice, however often the message is delivered.
//!
//! Guarantees:
//!
//! - A second delivery finds the result of the first, and charges nothing.
//! - After a crash between the charge and its record, the effect runs again with the same
//!   idempotency key. The bank recognises the key. (`AfterCrash::Hold` would leave the decision to
//!   an operator instead.)

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tidegate::batch::{BatchContext, Decode, EachRecord, Handled, Handler};
use tidegate::failure::Failure;
use tidegate::function::Function;
use tidegate::idempotency::{
    AfterCrash, DynamoDbIdempotency, EffectError, EffectKey, EffectRun, Effects, Ran,
};
use tidegate::source::{Delivery, Source};

#[derive(Deserialize)]
struct Invoice {
    id: String,
    cents: u64,
}

struct Invoices {
    effects: Effects,
}

impl Decode for Invoices {
    type Record = Invoice;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<Invoice, Failure> {
        delivery.json()
    }
}

impl Handler for Invoices {
    async fn handle(&self, invoice: &Invoice, context: &BatchContext) -> Result<Handled, Failure> {
        let key = self.effects.key("charge", &invoice.id)?;
        let run = EffectRun::new(key.clone(), AfterCrash::RunAgain, context);
        let fields = (&invoice.id, invoice.cents);
        let ran = self.effects.run(&run, &fields, context, charge(&key, invoice)).await?;
        if let Ran::Applied(receipt) = &ran {
            tracing::info!(receipt, "charged");
        }
        Ok(ran.handled())
    }
}

/// Stands for a call to a bank that accepts an idempotency key.
async fn charge(key: &EffectKey, invoice: &Invoice) -> Result<String, EffectError> {
    Ok(format!("{key}: {} cents", invoice.cents))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let table = function.settings.text("IDEMPOTENCY_TABLE");
    let month = Duration::from_secs(31 * 24 * 3600);
    let build = |aws: &tidegate::aws::AwsClients| {
        let effects = Effects::new(
            Arc::new(DynamoDbIdempotency::new(aws.dynamodb(), table?)),
            "billing",
            month,
        );
        Some(EachRecord::new(Invoices { effects }, 16))
    };
    function.run(Source::Sqs, build).await
}
