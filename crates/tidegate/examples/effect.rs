//! An effect outside DynamoDB that takes place once for each invoice, however often its message comes.
//!
//! Guarantee: a second delivery finds the first one's result and charges nothing. After a crash between the charge and its record the effect runs again,
//! with the same key for the bank, which recognises it (`AfterCrash::Hold` would leave it to an operator instead).

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate::batch::{BatchContext, EachRecord, Handled, Handler};
use tidegate::failure::Failure;
use tidegate::function::Function;
use tidegate::idempotency::{
    AfterCrash, DynamoDbIdempotency, EffectError, EffectKey, EffectRun, Effects, Ran, Repeat,
};
use tidegate::source::{Delivery, Source};

#[derive(Deserialize)]
struct Invoice {
    id: String,
    cents: u64,
}

struct Invoices {
    function: String,
    effects: Effects,
}

impl Handler for Invoices {
    type Record = (Invoice, Box<RawValue>, Option<jiff::Timestamp>);

    fn decode(&self, delivery: &Delivery<'_>) -> Result<Self::Record, Failure> {
        Ok((delivery.json()?, delivery.record.to_owned(), delivery.arrived_at))
    }

    async fn handle(
        &self,
        (invoice, record, arrived_at): &Self::Record,
        context: &BatchContext,
    ) -> Result<Handled, Failure> {
        let event = RawValue::from_string(format!(r#"{{"Records":[{record}]}}"#))?;
        let key = self.effects.key("charge", &invoice.id)?;
        let run = EffectRun {
            repeat: Some(Repeat { function: self.function.clone(), event }),
            arrived_at: *arrived_at,
            ..EffectRun::new(key.clone(), AfterCrash::RunAgain)
        };
        Ok(
            match self
                .effects
                .run(&run, &(&invoice.id, invoice.cents), context, charge(&key, invoice))
                .await?
            {
                Ran::Applied(receipt) => {
                    tracing::info!(receipt, "charged");
                    Handled::Applied
                }
                Ran::Duplicate(_) => Handled::Duplicate,
                Ran::Held => Handled::Held,
            },
        )
    }
}

/// Stands for the call of a bank that takes an idempotency key.
async fn charge(key: &EffectKey, invoice: &Invoice) -> Result<String, EffectError> {
    Ok(format!("{key}: {} cents", invoice.cents))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let table = function.settings.text("IDEMPOTENCY_TABLE");
    let name = function.name.clone();
    let month = Duration::from_secs(31 * 24 * 3600);
    let build = |aws: &tidegate::aws::AwsClients| {
        let effects =
            Effects::new(Arc::new(DynamoDbIdempotency::new(aws.dynamodb(), table?)), "billing", month);
        Some(EachRecord::new(Invoices { function: name, effects }, 16))
    };
    function.run(Source::Sqs, build).await
}
