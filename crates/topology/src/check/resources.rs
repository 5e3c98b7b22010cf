//! Checks streams, tables, buckets and buses.

use super::Check;
use super::names::{BUS, STREAM, TABLE};
use crate::lookup::DEFAULT_BUS;

/// Allowed limits of an event, in bytes.
///
/// A queue, an asynchronous invocation and a request of PutEvents take 1 MiB (AWS docs: quotas of
/// SQS, Lambda and EventBridge).
const EVENT_BYTES: std::ops::RangeInclusive<i64> = 8_192..=1_048_576;
/// Largest message of a queue that version 5 of Terraform's AWS provider creates.
///
/// It is the provider's default for `max_message_size`, and the largest value that it accepts.
const PROVIDER_BYTES: i64 = 262_144;

/// Formats of a commit that the toolkit can write.
const COMMIT_FORMATS: std::ops::RangeInclusive<i64> = 1..=2;

/// Characters that CloudWatch allows in a namespace besides letters and digits.
const NAMESPACE: &str = " .-_/#:";

impl Check<'_> {
    pub(super) fn resources(&mut self) {
        let topology = self.topology;
        let limit = i64::try_from(topology.event_bytes_limit).unwrap_or(i64::MAX);
        self.range(&["event_bytes_limit"], limit, EVENT_BYTES);
        if EVENT_BYTES.contains(&limit) && limit > PROVIDER_BYTES {
            let what = format!(
                "is {limit}; the queues that Terraform's AWS provider 5 creates take \
                 {PROVIDER_BYTES} bytes, and a failed event goes to one"
            );
            self.house_rule(&["event_bytes_limit"], what);
        }
        self.namespace();
        for (name, stream) in &topology.streams {
            self.name(&["streams", name], name, &STREAM);
            self.range(&["streams", name, "shards"], stream.shards, 1..=10_000);
            self.range(&["streams", name, "retention_hours"], stream.retention_hours, 24..=8_760);
        }
        for (name, table) in &topology.tables {
            self.name(&["tables", name], name, &TABLE);
            self.table_keys(name);
            self.indexes(name, table);
            if let Some(format) = table.commit_format {
                self.range(&["tables", name, "commit_format"], format, COMMIT_FORMATS);
            }
        }
        for (name, bucket) in &topology.buckets {
            self.bucket_name(&["buckets", name], name);
            let path = ["buckets", name, "expiration_days"];
            self.range(&path, bucket.expiration_days, 0..=3_650);
            if bucket.expiration_days == 0 {
                self.house_rule(
                    &path,
                    "is not set, so objects are kept for ever; must be 1 to 3650",
                );
            }
        }
        for (name, bus) in &topology.buses {
            self.name(&["buses", name], name, &BUS);
            if name == DEFAULT_BUS {
                let what = "is AWS's own bus, which Terraform cannot create; choose another name";
                self.house_rule(&["buses", name], what);
            }
            self.range(&["buses", name, "archive_days"], bus.archive_days, 0..=3_650);
        }
    }

    /// Checks the metrics namespace. CloudWatch silently drops metrics of an invalid namespace.
    fn namespace(&mut self) {
        let Some(namespace) = &self.topology.metrics_namespace else { return };
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || NAMESPACE.contains(letter);
        let of_aws = namespace.starts_with("AWS/") || namespace.starts_with(':');
        let length = if namespace.trim().is_empty() { 0 } else { namespace.len() };
        if of_aws || !(1..=255).contains(&length) || !namespace.chars().all(allowed) {
            let what = format!(
                "is {namespace:?}; use 1 to 255 letters, digits, spaces and `.-_/#:`, not \
                 beginning with `AWS/` or `:`"
            );
            self.mistake(&["metrics_namespace"], what);
        }
    }

    fn table_keys(&mut self, name: &str) {
        let Some(table) = self.topology.tables.get(name) else { return };
        let partition = table.partition_key.name.as_str();
        let sort = table.sort_key.as_ref().map(|key| key.name.as_str());
        for (key, attribute) in [("partition_key", Some(partition)), ("sort_key", sort)] {
            let path = ["tables", name, key, "name"];
            if attribute.is_some_and(|attribute| attribute.is_empty() || attribute.len() > 255) {
                self.mistake(&path, "is not a valid name of a key attribute; use 1 to 255 bytes");
            }
        }
        if sort == Some(partition) {
            let what = format!("is {partition}, the partition key; choose another attribute");
            self.mistake(&["tables", name, "sort_key", "name"], what);
        }
        let ttl = table.ttl_attribute.as_deref();
        if ttl.is_some_and(|ttl| ttl.is_empty() || ttl.len() > 255) {
            let path = ["tables", name, "ttl_attribute"];
            self.mistake(&path, "is not a valid name of an attribute; use 1 to 255 bytes");
        }
        if let Some(ttl) = ttl
            && (ttl == partition || Some(ttl) == sort)
        {
            let what = format!("is {ttl}, a key; choose an attribute that is not a key");
            self.mistake(&["tables", name, "ttl_attribute"], what);
        }
    }
}
