//! Compares what Terraform creates with what the engine's provisioning creates, attribute by
//! attribute.

use std::collections::{BTreeMap, BTreeSet};

use engine_client::local::{ACCOUNT, REGION};
use serde_json::{Value, json};
use tidegate_local::emulator::{self, Backend};
use tidegate_local::environment::function_arn;
use tidegate_local::provision::{Provisioned, provision};
use topology::{DestinationKind, TargetKind, Topology};

use crate::api::Api;
use crate::deployment::Deployment;
use crate::differences::matches;
use crate::part;
use crate::wait::{say, timed};

/// Attributes of existing resources, by `<kind> <declared name>/<attribute>`.
type Attributes = BTreeMap<String, Value>;

/// Known differences with their reasons. `*` matches any text. Each difference must occur.
const EXCEPTIONS: [(&str, &str); 20] = [
    (
        "queue tidegate-bus-*/*",
        "every event of a bus goes to a queue of the engine's own, which matches the rules",
    ),
    ("function */Qualifier", "the engine runs programs, which have no versions"),
    ("rule */Targets/0/Arn", "the same, seen from a rule"),
    ("bucket */name", "names of buckets are everybody's, so Terraform adds the account"),
    ("function */Environment/DEAD_LETTER_BUCKET", "the same, seen from the functions"),
    (
        "function */Environment/TIDEGATE_STATEMENTS",
        "the engine asks the emulator at its start; env/local.tfvars says what MiniStack answers",
    ),
    (
        "function */Environment/DEADLINES_ROLE_ARN",
        "the engine gives all schedules one role, and the emulator checks none",
    ),
    ("bucket */lifecycle", "the engine lets nothing expire"),
    ("bucket */publicAccessBlock", "nobody else reaches an emulator"),
    ("bucket */versioning", "local objects need no protection from being overwritten"),
    ("bus */archive", "the engine keeps archives itself, in its state directory"),
    (
        "queue */MaximumMessageSize",
        "the provider sets 256 KB where SQS has 1 MB; messages stay below event_bytes_limit",
    ),
    ("queue */Policy", "the emulator asks no queue whether a rule may write to it"),
    ("queue */ReceiveMessageWaitTimeSeconds", "the engine says with each call how long it waits"),
    ("queue */RedriveAllowPolicy", "locally nobody else has queues"),
    ("queue */SqsManagedSseEnabled", "local messages are not encrypted"),
    ("stream */EncryptionType", "the records of a local stream are not encrypted"),
    ("stream */KeyId", "the same"),
    ("table */PointInTimeRecoveryDescription/*", "local tables are not backed up"),
    ("table */SSEDescription/*", "local tables are not encrypted"),
];

/// Lists without an order: DynamoDB's attributes of keys, and those that an index repeats.
const WITHOUT_ORDER: [&str; 2] = ["AttributeDefinitions", "NonKeyAttributes"];

/// The emulator returns some documents unchanged, and starts its own with this.
const XML_DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Attributes that always differ between two resources of a kind: creation times and random names.
const OF_THE_MOMENT: [&str; 8] = [
    "CreatedTimestamp",
    "CreationDateTime",
    "CreationTime",
    "LastModifiedTime",
    "LastModifiedTimestamp",
    "LatestStreamLabel",
    "StreamCreationTimestamp",
    "TableId",
];

#[tokio::test(flavor = "multi_thread")]
async fn what_terraform_creates_is_what_the_engine_creates_but_for_the_listed_exceptions() {
    let topology = part::declared();
    let system = Deployment::apply().await;
    let mut deployed = resources(&system.api, &topology).await;
    deployed.extend(functions(&system.api, &topology).await);
    let deployed = normal(deployed, &system.emulator.endpoint);

    let state = tempfile::tempdir().expect("a directory");
    let backend = emulator::start(&Backend::MiniStack, state.path())
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let clients = tidegate_local::clients::Clients::new(backend.endpoint());
    let provisioned = timed("the engine's provisioning", provision(&clients, &topology)).await;
    let provisioned = provisioned.unwrap_or_else(|error| panic!("{error}"));
    let mut engine = resources(&Api::new(backend.endpoint()), &topology).await;
    engine.extend(declared_functions(&topology, &provisioned));
    engine.extend(declared_targets(&topology, &provisioned));
    let engine = normal(engine, backend.endpoint());
    backend.stop().await;

    let names: BTreeSet<&String> = deployed.keys().chain(engine.keys()).collect();
    let differing: Vec<&String> =
        names.iter().filter(|name| deployed.get(**name) != engine.get(**name)).copied().collect();
    let unlisted: Vec<String> = differing
        .iter()
        .filter(|name| !EXCEPTIONS.iter().any(|(pattern, _)| matches(pattern, name)))
        .map(|name| {
            format!(
                "{name}: Terraform {}, engine {}",
                shown(deployed.get(*name)),
                shown(engine.get(*name))
            )
        })
        .collect();
    assert!(
        unlisted.is_empty(),
        "Terraform and engine create different things:\n{}",
        unlisted.join("\n")
    );
    for (pattern, reason) in EXCEPTIONS {
        assert!(
            differing.iter().any(|name| matches(pattern, name)),
            "nothing differs at {pattern} ({reason}): remove it from EXCEPTIONS"
        );
    }
    say(&format!("{} attributes compared, {} differ as listed", names.len(), differing.len()));
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), Value::to_string)
}

/// Streams, tables, queues, buckets, buses, rules and sender addresses.
async fn resources(api: &Api, topology: &Topology) -> Attributes {
    let mut found = Attributes::new();
    for name in topology.streams.keys() {
        let answer = api
            .json(
                "kinesis",
                "Kinesis_20131202.DescribeStreamSummary",
                &json!({ "StreamName": name }),
            )
            .await;
        add(&mut found, &format!("stream {name}"), &answer["StreamDescriptionSummary"]);
    }
    for name in topology.tables.keys() {
        let input = json!({ "TableName": name });
        for operation in ["DescribeTable", "DescribeTimeToLive", "DescribeContinuousBackups"] {
            let answer =
                api.json("dynamodb", &format!("DynamoDB_20120810.{operation}"), &input).await;
            add(&mut found, &format!("table {name}"), &answer);
        }
    }
    let queues = api.json("sqs", "AmazonSQS.ListQueues", &json!({})).await;
    for url in queues["QueueUrls"].as_array().into_iter().flatten() {
        let input = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
        let answer = api.json("sqs", "AmazonSQS.GetQueueAttributes", &input).await;
        add(
            &mut found,
            &format!("queue {}", url.as_str().unwrap().rsplit('/').next().unwrap()),
            &answer["Attributes"],
        );
    }
    for name in topology.buckets.keys() {
        // Names of buckets are global, so Terraform adds the account.
        for physical in [name.clone(), format!("{name}-{ACCOUNT}")] {
            if !api.exists("s3", &format!("/{physical}")).await {
                continue;
            }
            add(&mut found, &format!("bucket {name}"), &json!({ "name": physical }));
            for part in [
                "encryption",
                "versioning",
                "lifecycle",
                "policy",
                "publicAccessBlock",
                "ownershipControls",
            ] {
                let text = api.text("s3", &format!("/{physical}?{part}")).await;
                add(&mut found, &format!("bucket {name}"), &json!({ part: text }));
            }
        }
    }
    for name in topology.buses.keys() {
        let bus = api.json("events", "AWSEvents.DescribeEventBus", &json!({ "Name": name })).await;
        add(&mut found, &format!("bus {name}"), &bus);
        let archives = api.json("events", "AWSEvents.ListArchives", &json!({})).await;
        for archive in archives["Archives"].as_array().into_iter().flatten() {
            add(&mut found, &format!("bus {name}"), &json!({ "archive": archive["ArchiveName"] }));
        }
    }
    for (name, rule) in &topology.rules {
        let described = api
            .json(
                "events",
                "AWSEvents.DescribeRule",
                &json!({ "Name": name, "EventBusName": rule.bus }),
            )
            .await;
        add(&mut found, &format!("rule {name}"), &described);
        let targets = api
            .json(
                "events",
                "AWSEvents.ListTargetsByRule",
                &json!({ "Rule": name, "EventBusName": rule.bus }),
            )
            .await;
        add(&mut found, &format!("rule {name}"), &targets);
    }
    let senders = api.query("ses", "ListIdentities", &[]).await;
    for sender in crate::api::elements(&senders, "member") {
        found.insert(format!("sender address {sender}/exists"), Value::Bool(true));
    }
    found
}

/// Functions with mappings and asynchronous invocation, as deployed.
async fn functions(api: &Api, topology: &Topology) -> Attributes {
    let mut found = Attributes::new();
    let mappings = api.get("lambda", "/2015-03-31/event-source-mappings/").await.unwrap();
    for name in topology.functions.keys() {
        let function = api
            .get("lambda", &format!("/2015-03-31/functions/{name}/configuration"))
            .await
            .expect("a function");
        let kept = json!({ "Environment": function["Environment"]["Variables"], "MemorySize": function["MemorySize"], "Timeout": function["Timeout"] });
        add(&mut found, &format!("function {name}"), &kept);
        let path = format!("/2019-09-25/functions/{name}/event-invoke-config?Qualifier=live");
        if let Some(config) = api.get("lambda", &path).await {
            let kept = ["MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"]
                .map(|key| (key.to_owned(), config[key].clone()));
            add(
                &mut found,
                &format!("function {name}/asynchronous"),
                &Value::Object(kept.into_iter().collect()),
            );
        }
        for mapping in mappings["EventSourceMappings"].as_array().into_iter().flatten() {
            if mapping["FunctionArn"].as_str().unwrap().ends_with(&format!(":{name}:live")) {
                let mut kept = mapping.clone();
                for of_itself in [
                    "UUID",
                    "EventSourceMappingArn",
                    "FunctionArn",
                    "LastModified",
                    "LastProcessingResult",
                    "State",
                    "StateTransitionReason",
                    "Tags",
                ] {
                    kept.as_object_mut().unwrap().remove(of_itself);
                }
                // `…:stream/NAME`, `…:table/NAME/stream/LABEL` or `…:NAME`
                let arn = kept["EventSourceArn"].as_str().unwrap();
                let source = arn.split('/').nth(1).or(arn.rsplit(':').next()).unwrap().to_owned();
                add(&mut found, &format!("function {name}/source {source}"), &kept);
            }
        }
    }
    found
}

/// The same functions as the engine runs them, from the topology.
fn declared_functions(topology: &Topology, provisioned: &Provisioned) -> Attributes {
    let mut found = Attributes::new();
    let queue = |name: &str| provisioned.queues[name].arn.clone();
    let destination =
        |declared: &topology::Destination| match declared.kind().expect("a checked topology") {
            DestinationKind::Queue(name) => queue(name),
            DestinationKind::Topic(name) => provisioned.topics[name].clone(),
            DestinationKind::Bucket(name) => format!("arn:aws:s3:::{name}"),
            DestinationKind::Function(name) => function_arn(REGION, name),
            DestinationKind::Bus(name) => provisioned.buses[name].clone(),
        };
    for (name, function) in &topology.functions {
        let environment = provisioned.environment(topology, name);
        let kept = json!({ "Environment": environment, "MemorySize": function.memory_mb, "Timeout": function.timeout_seconds });
        add(&mut found, &format!("function {name}"), &kept);
        if let Some(asynchronous) = &function.asynchronous {
            let mut config = json!({
                "MaximumRetryAttempts": asynchronous.maximum_retry_attempts,
                "MaximumEventAgeInSeconds": asynchronous.maximum_event_age_seconds,
                "DestinationConfig": { "OnFailure": { "Destination": function.on_failure().map(destination) } },
            });
            if let Some(declared) = function.on_success() {
                config["DestinationConfig"]["OnSuccess"] =
                    json!({ "Destination": destination(declared) });
            }
            add(&mut found, &format!("function {name}/asynchronous"), &config);
        }
        for source in function.sources.values() {
            let (from, arn) = match (&source.stream, &source.table, &source.queue) {
                (Some(stream), ..) => (stream.clone(), provisioned.streams[stream].clone()),
                (_, Some(table), _) => {
                    (table.clone(), provisioned.tables[table].stream_arn.clone().unwrap())
                }
                (_, _, from) => {
                    let arn = queue(from.as_ref().unwrap());
                    (arn.rsplit(':').next().unwrap().to_owned(), arn)
                }
            };
            let mut kept = json!({
                "EventSourceArn": arn,
                "BatchSize": source.batch_size,
                "MaximumBatchingWindowInSeconds": source.batching_window_seconds,
                "FunctionResponseTypes": if source.report_batch_item_failures { vec!["ReportBatchItemFailures"] } else { Vec::new() },
            });
            if !source.filter_criteria.is_empty() {
                let filters = source
                    .filter_criteria
                    .iter()
                    .map(|filter| json!({ "Pattern": filter.pattern }));
                kept["FilterCriteria"] = json!({ "Filters": filters.collect::<Vec<_>>() });
            }
            if source.queue.is_none() {
                let position = source.starting_position.map(|position| match position {
                    topology::StartingPosition::TrimHorizon => "TRIM_HORIZON",
                    topology::StartingPosition::Latest => "LATEST",
                    topology::StartingPosition::AtTimestamp => "AT_TIMESTAMP",
                });
                let of_streams = json!({
                    "StartingPosition": position,
                    "ParallelizationFactor": source.parallelization_factor.unwrap_or(1),
                    "BisectBatchOnFunctionError": source.bisect_on_error,
                    "MaximumRetryAttempts": source.maximum_retry_attempts.unwrap_or(-1),
                    "MaximumRecordAgeInSeconds": source.maximum_record_age_seconds.unwrap_or(-1),
                    "DestinationConfig": { "OnFailure": { "Destination": source.on_failure.as_ref().map(destination) } },
                });
                kept.as_object_mut().unwrap().extend(of_streams.as_object().unwrap().clone());
            } else if let Some(maximum) = source.maximum_concurrency {
                kept["ScalingConfig"] = json!({ "MaximumConcurrency": maximum });
            }
            add(&mut found, &format!("function {name}/source {from}"), &kept);
        }
    }
    found
}

/// The targets of rules as the engine delivers to them, from the topology.
fn declared_targets(topology: &Topology, provisioned: &Provisioned) -> Attributes {
    let mut found = Attributes::new();
    let queue = |name: &str| provisioned.queues[name].arn.clone();
    let mut targets: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for rule in topology.rule_targets() {
        let target = rule.target;
        let arn = match target.kind().unwrap() {
            TargetKind::Function(name) => {
                format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}")
            }
            TargetKind::Queue(name) => queue(name),
            TargetKind::Stream(name) => provisioned.streams[name].clone(),
            TargetKind::Topic(name) => provisioned.topics[name].clone(),
            TargetKind::Bus(name) => provisioned.buses[name].clone(),
        };
        let kept = json!({
            "Id": rule.name.unwrap_or("target"),
            "Arn": arn,
            "RetryPolicy": {
                "MaximumRetryAttempts": target.maximum_retry_attempts,
                "MaximumEventAgeInSeconds": target.maximum_event_age_seconds,
            },
            "DeadLetterConfig": { "Arn": target.dead_letter_queue.as_deref().map(queue) },
        });
        targets.entry(rule.rule).or_default().push(kept);
    }
    for (rule, targets) in targets {
        add(&mut found, &format!("rule {rule}"), &json!({ "Targets": targets }));
    }
    found
}

/// Adds the leaves of a value.
fn add(found: &mut Attributes, name: &str, value: &Value) {
    match value {
        Value::Object(parts) => {
            parts.iter().for_each(|(part, value)| add(found, &format!("{name}/{part}"), value))
        }
        Value::Array(parts) => {
            let mut parts: Vec<&Value> = parts.iter().collect();
            if WITHOUT_ORDER.iter().any(|list| name.ends_with(list)) {
                parts.sort_by_key(|part| part.to_string());
            }
            for (at, value) in parts.into_iter().enumerate() {
                add(found, &format!("{name}/{at}"), value);
            }
        }
        leaf => drop(found.insert(name.to_owned(), leaf.clone())),
    }
}

/// Removes attributes that change with time, and the emulator's address and the streams' labels
/// from values.
fn normal(found: Attributes, endpoint: &str) -> Attributes {
    let kept = found
        .into_iter()
        .filter(|(name, _)| !OF_THE_MOMENT.contains(&name.rsplit('/').next().unwrap_or_default()));
    kept.map(|(name, value)| match value {
        Value::String(text) => {
            let text = text.replace(endpoint, "").replace(XML_DECLARATION, "");
            let text = text
                .split_once("/stream/20")
                .map_or(text.clone(), |(table, _)| format!("{table}/stream"));
            (name, Value::String(text))
        }
        value => (name, value),
    })
    .collect()
}
