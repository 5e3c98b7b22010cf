//! What the function works with, from its settings.

use std::sync::Arc;
use std::time::Duration;

use tidegate::aws::AwsClients;
use tidegate::config::Settings;
use tidegate::idempotency::{DynamoDbIdempotency, Effects, EventBucket};
use tidegate::store::DynamoDbEventStore;
use tracing::error;

use crate::handler::Notification;
use crate::mailer::SesMailer;
use crate::templates::Templates;

/// Namespace of this function's effects. It stays the same if the function is renamed.
pub(crate) const NAMESPACE: &str = "notification";

const SECONDS_OF_A_DAY: u64 = 24 * 60 * 60;

/// The settings of the function.
pub(crate) struct Parts {
    event_store: String,
    idempotency: String,
    sender: String,
    customer_domain: String,
    retention: Duration,
    bucket: String,
}

impl Parts {
    /// Reads the settings. `None` if one is missing or wrong, which the function reports.
    pub(crate) fn from_settings(settings: &mut Settings) -> Option<Self> {
        let event_store = settings.text("EVENT_STORE_TABLE");
        let idempotency = settings.text("IDEMPOTENCY_TABLE");
        let sender = settings.text("SENDER_ADDRESS");
        let customer_domain = settings.text("CUSTOMER_EMAIL_DOMAIN");
        // How long the record of a sent e-mail is kept: longer than dead letters can be replayed.
        let days = settings.number("TIDEGATE_IDEMPOTENCY_DAYS", 15..=3650);
        // The function itself needs it too, and reports it if it is missing.
        let bucket = settings.optional("DEAD_LETTER_BUCKET");
        Some(Self {
            event_store: event_store?,
            idempotency: idempotency?,
            sender: sender?,
            customer_domain: customer_domain?,
            retention: Duration::from_secs(days? * SECONDS_OF_A_DAY),
            bucket: bucket?,
        })
    }

    /// Creates the handler.
    pub(crate) fn notification(self, aws: &AwsClients) -> Option<Notification<SesMailer>> {
        let records = Arc::new(DynamoDbIdempotency::new(aws.dynamodb(), self.idempotency));
        // An event of the bus may be larger than an idempotency record.
        let large = Arc::new(EventBucket::new(aws.s3(), self.bucket));
        Some(Notification {
            effects: Effects::new(records, NAMESPACE, self.retention).large_events(large),
            events: Arc::new(DynamoDbEventStore::new(aws.dynamodb(), self.event_store)),
            mailer: SesMailer::new(aws, self.sender),
            templates: Templates::new().inspect_err(|failure| error!(%failure)).ok()?,
            customer_domain: self.customer_domain,
        })
    }
}
