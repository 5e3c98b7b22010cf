//! A Kafka topic as a target.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, join_all};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use tokio::sync::RwLock;

use super::{Entry, Limits, RefusedRequest, Target};
use crate::failure::{Failure, chain};

/// Most records that are handed to the client together. It makes its own requests.
const RECORDS: usize = 500;
/// Largest record unless another size is set, in bytes: the broker's `message.max.bytes` is
/// 1,048,588 with the record's own fields (Kafka docs: Broker Configs).
const RECORD_BYTES: usize = 1_000_000;
const REQUEST_BYTES: usize = 10 * 1024 * 1024;
/// Milliseconds after which the client gives a record up; below the deadline of most functions.
const TIMEOUT: &str = "10000";

/// A Kafka topic.
///
/// It keeps the order of each stream: the stream's id is the key of the record. The producer is
/// idempotent and waits for all replicas (`enable.idempotence`, `acks=all`); a record is published
/// when its delivery report says so. The value is the envelope as JSON, in the structured mode of
/// CloudEvents, and the headers repeat its attributes: `ce_id`, `ce_source`, `ce_type`,
/// `ce_subject`.
#[derive(Clone)]
pub struct KafkaTopic {
    producer: FutureProducer,
    topic: String,
    name: String,
    record_bytes: usize,
    /// Held for reading by what sends together, and for writing by what is sent alone.
    sending: Arc<RwLock<()>>,
}

impl KafkaTopic {
    /// Creates the target for a topic, with a producer of this configuration.
    ///
    /// The configuration names the brokers (`bootstrap.servers`) and how to sign in. Idempotence
    /// and `acks` are always set, and `message.timeout.ms` to 10 s if it is not set.
    ///
    /// # Errors
    /// `kafka_configuration` (permanent): the client does not accept a property.
    pub fn new(config: &ClientConfig, topic: impl Into<String>) -> Result<Self, Failure> {
        let topic = topic.into();
        let mut config = config.clone();
        config.set("enable.idempotence", "true").set("acks", "all");
        if config.get("message.timeout.ms").is_none() {
            config.set("message.timeout.ms", TIMEOUT);
        }
        let producer = config.create().map_err(|error| {
            Failure::permanent("kafka_configuration", format!("topic {topic}: {}", chain(&error)))
        })?;
        let name = format!("Kafka topic {topic}");
        let sending = Arc::default();
        Ok(Self { producer, name, topic, record_bytes: RECORD_BYTES, sending })
    }

    /// Sets the largest record that the topic takes, in bytes; 1,000,000 by default.
    ///
    /// Set `message.max.bytes` of the client, and of the broker or topic, above it.
    #[must_use]
    pub fn record_bytes(mut self, limit: usize) -> Self {
        self.record_bytes = limit;
        self
    }

    async fn put(&self, entry: &Entry) -> Option<KafkaError> {
        let kind = Header { key: "content-type", value: Some("application/cloudevents+json") };
        let headers = attributes(entry)
            .into_iter()
            .fold(OwnedHeaders::new().insert(kind), |headers, (key, value)| {
                headers.insert(Header { key, value: Some(value) })
            });
        let record =
            FutureRecord::to(&self.topic).key(&entry.group).payload(&entry.body).headers(headers);
        self.producer.send(record, Timeout::After(QUEUE_FULL)).await.err().map(|(error, _)| error)
    }

    /// Sends a record while no other record is sent, so that the refusal is its own.
    async fn put_alone(&self, entry: &Entry) -> Option<Failure> {
        let _no_other = self.sending.write().await;
        self.put(entry).await.map(|error| refusal(&error, entry))
    }
}

/// How long a record waits if the client's own queue is full.
const QUEUE_FULL: std::time::Duration = std::time::Duration::from_secs(1);

/// Returns the headers of a record: names and values.
fn attributes(entry: &Entry) -> [(&'static str, &str); 4] {
    [
        ("ce_id", &entry.id),
        ("ce_source", &entry.source),
        ("ce_type", &entry.kind),
        ("ce_subject", &entry.group),
    ]
}

/// Returns whether no attempt can succeed if the record was alone.
///
/// The client packs records of a partition into a batch, and the broker refuses all of a batch for
/// one record (Kafka docs: `max.message.bytes` is the largest record batch).
fn is_for_good(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(code, Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidRecord))
}

/// Returns why Kafka did not take an entry.
fn refusal(error: &KafkaError, entry: &Entry) -> Failure {
    let failure = match error.rdkafka_error_code() {
        Some(code @ (RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidRecord)) => {
            Failure::permanent("event_refused", format!("{code:?}: {}", chain(error)))
        }
        Some(RDKafkaErrorCode::QueueFull | RDKafkaErrorCode::ThrottlingQuotaExceeded) => {
            Failure::transient(Failure::THROTTLED, chain(error))
        }
        _ => Failure::transient("kafka_topic", chain(error)),
    };
    failure.context(format_args!("Kafka did not accept {entry}"))
}

impl std::fmt::Debug for KafkaTopic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaTopic").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl Target for KafkaTopic {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> Limits {
        Limits::new(RECORDS, REQUEST_BYTES.max(self.record_bytes), self.record_bytes)
    }

    /// Counts key, value and headers.
    fn size(&self, entry: &Entry) -> usize {
        let header = |(name, value): (&str, &str)| name.len() + value.len();
        let headers = attributes(entry).into_iter().map(header).sum::<usize>();
        entry.group.len() + entry.body.len() + headers
    }

    fn keeps_order(&self) -> bool {
        true
    }

    fn send<'a>(
        &'a self,
        request: &'a [&'a Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Failure>>, RefusedRequest>> {
        async move {
            let errors = {
                let _together = self.sending.read().await;
                join_all(request.iter().map(|entry| self.put(entry))).await
            };
            let mut results = Vec::with_capacity(request.len());
            for (entry, error) in request.iter().zip(errors) {
                results.push(match error {
                    Some(error) if is_for_good(&error) => self.put_alone(entry).await,
                    Some(error) => Some(refusal(&error, entry)),
                    None => None,
                });
            }
            Ok(results)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Class;

    #[test]
    fn only_a_record_that_no_attempt_can_save_is_refused_for_good() {
        let entry = Entry::cancel("a");
        for (code, expected) in [
            (RDKafkaErrorCode::MessageSizeTooLarge, (Class::Permanent, "event_refused")),
            (RDKafkaErrorCode::QueueFull, (Class::Transient, Failure::THROTTLED)),
            (RDKafkaErrorCode::MessageTimedOut, (Class::Transient, "kafka_topic")),
            (RDKafkaErrorCode::TopicAuthorizationFailed, (Class::Transient, "kafka_topic")),
        ] {
            let failure = refusal(&KafkaError::MessageProduction(code), &entry);
            assert_eq!((failure.class(), failure.code()), expected, "{code:?}");
        }
    }

    #[test]
    fn a_property_that_the_client_does_not_know_is_named() {
        let mut config = ClientConfig::new();
        config.set("no.such.property", "1");
        let failure = KafkaTopic::new(&config, "orders").unwrap_err();
        assert_eq!(failure.code(), "kafka_configuration");
        assert!(failure.reason().contains("no.such.property"), "{failure}");
    }
}
