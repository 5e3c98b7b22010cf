//! Authorises, captures, releases and refunds the money of orders and returns, through a provider.

mod call;
mod handler;
mod payment;
mod provider;

use std::process::ExitCode;
use std::sync::Arc;

use mimalloc::MiMalloc;
use tidegate::aws::AwsClients;
use tidegate::batch::EachRecord;
use tidegate::breaker::BreakerSettings;
use tidegate::function::Function;
use tidegate::source::Source;
use tidegate::store::DynamoDbEventStore;

use crate::handler::Payments;
use crate::provider::HttpProvider;

/// Messages handled at a time: a whole batch, because each waits for the provider.
const CONCURRENCY: usize = 10;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let event_store = function.settings.text("EVENT_STORE_TABLE");
    let provider = function.settings.parsed::<HttpProvider>("PAYMENT_PROVIDER_URL");
    let breaker = BreakerSettings::read(&mut function.settings, "payment-provider");
    let build = |aws: &AwsClients| {
        let store = Arc::new(DynamoDbEventStore::new(aws.dynamodb(), event_store?));
        let (breaker, provider) = (breaker?.breaker(aws), provider?);
        Some(EachRecord::new(Payments { store, breaker, provider }, CONCURRENCY))
    };
    function.run(Source::Sqs, build).await
}
