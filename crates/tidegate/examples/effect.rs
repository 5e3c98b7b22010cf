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
use tidegate::aws::AwsClients;
use tidegate::each;
use tidegate::function::Function;
use tidegate::idempotency::{AfterCrash, DynamoDbIdempotency, Effect, EffectError, Effects};
use tidegate::source::Source;

#[derive(Deserialize)]
struct Invoice {
    id: String,
    cents: u64,
}

/// Stands for a call to a bank that accepts an idempotency key.
async fn charge(key: &str, invoice: &Invoice) -> Result<String, EffectError> {
    Ok(format!("{key}: {} cents", invoice.cents))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let table = function.settings.text("IDEMPOTENCY_TABLE");
    let month = Duration::from_secs(31 * 24 * 3600);
    let build = |aws: &AwsClients| {
        let records = DynamoDbIdempotency::new(aws.dynamodb(), table?);
        let effects = Effects::new(Arc::new(records), "billing", month);
        let charging = Effect::new(effects, "charge", AfterCrash::RunAgain);
        Some(each!(16, async move |invoice: &Invoice, context| {
            // What must be the same in every delivery of the invoice.
            let fields = (&invoice.id, invoice.cents);
            let charged = charging
                .run(&invoice.id, &fields, context, async |key| charge(key.as_str(), invoice).await)
                .await?;
            Ok(charged.handled())
        }))
    };
    function.run(Source::Sqs, build).await
}
