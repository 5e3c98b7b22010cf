//! Starts one mapping per declared source.

use std::sync::Arc;

use aws_sdk_kinesis::error::DisplayErrorContext;
use uuid::Uuid;

use super::StartError;
use super::destinations::{invoker, stream_destination};
use super::timing::Timing;
use crate::checkpoint::Checkpoints;
use crate::environment::function_arn;
use crate::history::Way;
use crate::mapping::Mapping;
use crate::mapping::queue::{self, QueueMapping, QueueSettings};
use crate::mapping::stream::{
    self, DynamoDbSource, KinesisSource, Start, StreamMapping, StreamSettings, StreamSource,
};
use crate::parts::Parts;
use crate::wake::Polled;
use engine_client::local::{ACCOUNT, REGION};
use lambda_shapes::stream_kind::StreamKind;

use lambda_shapes::kinesis::Origin;
use topology::pattern::filter::{Filter, Filtered};
use topology::{Function, Source, SourceKind};

/// Starts the mappings.
pub(super) async fn start(
    parts: &Parts,
    checkpoints: &Arc<dyn Checkpoints>,
    timing: Timing,
) -> Result<Vec<Mapping>, StartError> {
    let wiring = Wiring { parts, checkpoints, timing };
    let mut mappings = Vec::new();
    for (function, name, source) in parts.topology.sources() {
        let declared = parts.topology.functions.get(function);
        let missing = || StartError::Source(format!("{function}.{name}"));
        mappings.push(wiring.mapping(function, declared.ok_or_else(missing)?, name, source).await?);
    }
    Ok(mappings)
}

struct Wiring<'a> {
    parts: &'a Parts,
    checkpoints: &'a Arc<dyn Checkpoints>,
    timing: Timing,
}

impl Wiring<'_> {
    async fn mapping(
        &self,
        function: &str,
        declared: &Function,
        name: &str,
        source: &Source,
    ) -> Result<Mapping, StartError> {
        let missing = || StartError::Source(format!("{function}.{name}"));
        let (clients, provisioned) = (&self.parts.clients, &self.parts.provisioned);
        match source.kind().ok_or_else(missing)? {
            SourceKind::Stream(stream) => {
                let arn = provisioned.streams.get(stream).ok_or_else(missing)?;
                let role_arn = format!("arn:aws:iam::{ACCOUNT}:role/{function}");
                let origin =
                    Origin { region: REGION.to_owned(), stream_arn: arn.clone(), role_arn };
                let reader = Arc::new(KinesisSource::new(clients.kinesis.clone(), origin));
                let made = stream_created(&clients.kinesis, arn).await?;
                let checkpoint_name = format!("{function}.{name}.{made}");
                let kind = StreamKind::Kinesis;
                self.stream(
                    source,
                    Read { function, name: stream, kind, arn, reader, checkpoint_name },
                )
            }
            SourceKind::Table(table) => {
                let found =
                    provisioned.tables.get(table).and_then(|found| found.stream_arn.as_ref());
                let arn = found.ok_or_else(missing)?;
                let reader = Arc::new(DynamoDbSource::new(clients.streams.clone(), arn, REGION));
                // The ARN of a table's stream ends with the time of its creation.
                let made = arn.rsplit('/').next().unwrap_or_default();
                let checkpoint_name = format!("{function}.{name}.{made}");
                let kind = StreamKind::DynamoDb;
                self.stream(
                    source,
                    Read { function, name: table, kind, arn, reader, checkpoint_name },
                )
            }
            SourceKind::Queue(queue) => {
                let found = provisioned.queues.get(queue).ok_or_else(missing)?;
                let visibility = self
                    .parts
                    .topology
                    .queues
                    .get(queue)
                    .map_or(30, |queue| queue.visibility_timeout_seconds);
                let filter = filter(Filtered::Sqs, source)?;
                let settings = QueueSettings::new(
                    source,
                    declared,
                    visibility,
                    filter,
                    self.timing.time_scale,
                );
                Ok(queue::start(QueueMapping {
                    function: function.to_owned(),
                    source_name: queue.to_owned(),
                    settings,
                    sqs: clients.sqs.clone(),
                    queue_url: found.url.clone(),
                    queue_arn: found.arn.clone(),
                    region: REGION.to_owned(),
                    invoker: invoker(
                        self.parts,
                        Way::queue(queue, function, source.report_batch_item_failures),
                    ),
                    activity: Arc::clone(&self.parts.activity),
                    wake: self.parts.wakes.of(Polled::Queue, found.name()),
                    pace: self.timing.pace,
                }))
            }
        }
    }

    fn stream(&self, source: &Source, read: Read<'_>) -> Result<Mapping, StartError> {
        let Read { function, name, kind, arn, reader, checkpoint_name } = read;
        let (filtered, polled) = match kind {
            StreamKind::Kinesis => (Filtered::Kinesis, Polled::Stream),
            StreamKind::DynamoDb => (Filtered::DynamoDb, Polled::Table),
        };
        let (filter, time_scale) = (filter(filtered, source)?, self.timing.time_scale);
        let function_arn = function_arn(REGION, function);
        // AWS gives a mapping a random UUID. Here it is the same in every run.
        let mapping = format!("{function_arn}/{arn}");
        let mapping = Uuid::new_v5(&Uuid::NAMESPACE_URL, mapping.as_bytes());
        let to = source.on_failure.as_ref();
        let way = Way::stream(name, function, source.report_batch_item_failures);
        Ok(stream::start(StreamMapping {
            function: function.to_owned(),
            source_name: name.to_owned(),
            checkpoint_name,
            settings: StreamSettings::new(source, kind, arn, &function_arn, filter, time_scale),
            starting_position: Start::from_source(source),
            source: reader,
            invoker: invoker(self.parts, way),
            destination: to.and_then(|to| stream_destination(self.parts, to, function, mapping)),
            checkpoints: Arc::clone(self.checkpoints),
            activity: Arc::clone(&self.parts.activity),
            wake: self.parts.wakes.of(polled, name),
            pace: self.timing.pace,
        }))
    }
}

/// A stream of Kinesis or of a table, and how it is read.
struct Read<'a> {
    function: &'a str,
    /// Declared name of the stream or table.
    name: &'a str,
    kind: StreamKind,
    arn: &'a str,
    reader: Arc<dyn StreamSource>,
    checkpoint_name: String,
}

/// Returns the filter of a mapping, if it has one. The topology's check has already parsed it.
fn filter(of: Filtered, source: &Source) -> Result<Option<Arc<Filter>>, StartError> {
    if source.filter_criteria.is_empty() {
        return Ok(None);
    }
    let patterns = source.filter_criteria.iter().map(|filter| &filter.pattern);
    Filter::parse(of, patterns).map(|filter| Some(Arc::new(filter))).map_err(StartError::Filter)
}

/// Returns when a Kinesis stream was created. A stream that is created again has the same ARN but
/// other positions.
async fn stream_created(
    kinesis: &aws_sdk_kinesis::Client,
    arn: &str,
) -> Result<String, StartError> {
    let failed = |why: String| StartError::Describe { arn: arn.to_owned(), why };
    let described = kinesis.describe_stream_summary().stream_arn(arn).send().await;
    let described = described.map_err(|error| failed(DisplayErrorContext(error).to_string()))?;
    let summary = described.stream_description_summary;
    let summary =
        summary.ok_or_else(|| failed("the answer has no StreamDescriptionSummary".to_owned()))?;
    Ok(summary.stream_creation_timestamp.secs().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::Clients;

    #[tokio::test]
    async fn a_stream_that_cannot_be_described_has_no_checkpoint_name() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let clients = Clients::new(&format!("http://{nobody}"));
        let error = stream_created(&clients.kinesis, "arn:orders").await.unwrap_err();
        assert!(
            matches!(&error, StartError::Describe { arn, .. } if arn == "arn:orders"),
            "{error}"
        );
    }
}
