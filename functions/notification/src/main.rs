//! Confirms placed orders by e-mail, once for each order.

mod confirmation;
mod handler;
mod mail;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use mimalloc::MiMalloc;
use tidegate::batch::EachRecord;
use tidegate::function::Function;
use tidegate::idempotency::{DynamoDbIdempotency, Effects, EventBucket};
use tidegate::source::Source;
use tidegate::store::DynamoDbEventStore;

use crate::handler::{NAMESPACE, Notification, confirming};
use crate::mail::SesMailer;

const SECONDS_OF_A_DAY: u64 = 24 * 60 * 60;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let event_store = function.settings.text("EVENT_STORE_TABLE");
    let idempotency = function.settings.text("IDEMPOTENCY_TABLE");
    let sender = function.settings.text("SENDER_ADDRESS");
    let domain = function.settings.text("CUSTOMER_EMAIL_DOMAIN");
    // How long the record of a sent e-mail is kept: longer than dead letters can be replayed.
    let retention = function.settings.number("TIDEGATE_IDEMPOTENCY_DAYS", 15..=3650);
    // `run` needs it too, and reports it if it is missing.
    let bucket = function.settings.optional::<String>("DEAD_LETTER_BUCKET");
    function
        .run(Source::EventBridge, |aws| {
            let records = DynamoDbIdempotency::new(aws.dynamodb(), idempotency?);
            let retention = Duration::from_secs(retention? * SECONDS_OF_A_DAY);
            // An event of the bus may be larger than an idempotency record.
            let large = EventBucket::new(aws.s3(), bucket?);
            let effects =
                Effects::new(Arc::new(records), NAMESPACE, retention).large_events(Arc::new(large));
            let events = DynamoDbEventStore::new(aws.dynamodb(), event_store?);
            let mailer = SesMailer::new(aws, sender?);
            let notification = Notification {
                confirming: confirming(effects),
                events: Arc::new(events),
                mailer,
                customer_domain: domain?,
            };
            // An asynchronous invocation carries one event.
            Some(EachRecord::new(notification, 1))
        })
        .await
}
