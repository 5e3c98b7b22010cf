//! Streams, tables, buckets and buses.

use super::Check;

/// An event's limit in bytes: what a queue takes that Terraform's AWS provider made, since a failed event goes to one. The bus itself takes 1 MB.
const EVENT_BYTES: std::ops::RangeInclusive<i64> = 8_192..=262_144;

/// What CloudWatch allows in a namespace besides letters and digits.
const NAMESPACE: &str = " .-_/#:";

/// A bucket's name has 63 characters at most; 16 are for a prefix, 13 for a hyphen and the account.
const LONGEST_BUCKET: usize = 34;

/// A bus has 256 characters, but its archive, which is named alike, 48; 16 are for a prefix.
const LONGEST_BUS: usize = 32;

impl Check<'_> {
    pub(super) fn resources(&mut self) {
        let topology = self.topology;
        let limit = i64::try_from(topology.event_bytes_limit).unwrap_or(i64::MAX);
        self.range(&["event_bytes_limit"], limit, EVENT_BYTES);
        self.namespace();
        for (name, stream) in &topology.streams {
            self.name(&["streams", name], name);
            self.range(&["streams", name, "shards"], stream.shards, 1..=10_000);
            self.range(&["streams", name, "retention_hours"], stream.retention_hours, 24..=8_760);
        }
        for name in topology.tables.keys() {
            self.name(&["tables", name], name);
            self.table_keys(name);
        }
        for name in topology.topics.keys() {
            self.name(&["topics", name], name);
        }
        for (name, bucket) in &topology.buckets {
            if self.bucket(name) {
                self.name_up_to(&["buckets", name], name, LONGEST_BUCKET);
            }
            let path = ["buckets", name, "expiration_days"];
            self.range(&path, bucket.expiration_days, 0..=3_650);
            if bucket.expiration_days == 0 {
                self.warning(&path, "is not set, so objects are kept for ever; allowed are 1 to 3650");
            }
        }
        for (name, bus) in &topology.buses {
            self.name_up_to(&["buses", name], name, LONGEST_BUS);
            if name == "default" {
                self.mistake(&["buses", name], "is AWS's own bus; a name of its own is allowed");
            }
            self.range(&["buses", name, "archive_days"], bus.archive_days, 0..=3_650);
        }
    }

    /// S3 takes no capitals and no underscores.
    fn bucket(&mut self, name: &str) -> bool {
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let possible = (3..=63).contains(&name.len())
            && ends(name.chars().next())
            && ends(name.chars().last())
            && !name.chars().any(|c| c.is_ascii_uppercase() || c == '_');
        if !possible {
            let what = "is not a bucket's name; allowed are 3 to 63 lower-case letters, digits and hyphens, with a letter or digit at both ends";
            self.mistake(&["buckets", name], what);
        }
        possible
    }

    /// CloudWatch drops the metrics of a namespace that is none, without a word.
    fn namespace(&mut self) {
        let Some(namespace) = &self.topology.metrics_namespace else { return };
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || NAMESPACE.contains(letter);
        let of_aws = namespace.starts_with("AWS/") || namespace.starts_with(':');
        let length = if namespace.trim().is_empty() { 0 } else { namespace.len() };
        if of_aws || !(1..=255).contains(&length) || !namespace.chars().all(allowed) {
            let what = format!(
                "is {namespace:?}; allowed are 1 to 255 letters, digits, spaces and `.-_/#:`, not beginning with `AWS/` or `:`"
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
                self.mistake(&path, "is not a key attribute's name; allowed are 1 to 255 bytes");
            }
        }
        if sort == Some(partition) {
            let what = format!("is {partition}, as the partition key; another attribute is allowed");
            self.mistake(&["tables", name, "sort_key", "name"], what);
        }
        let ttl = table.ttl_attribute.as_deref();
        if ttl.is_some_and(|ttl| ttl.is_empty() || ttl.len() > 255) {
            let path = ["tables", name, "ttl_attribute"];
            self.mistake(&path, "is not an attribute's name; allowed are 1 to 255 bytes");
        }
        if let Some(ttl) = ttl
            && (ttl == partition || Some(ttl) == sort)
        {
            let what = format!("is {ttl}, a key; an attribute that is no key is allowed");
            self.mistake(&["tables", name, "ttl_attribute"], what);
        }
    }
}
