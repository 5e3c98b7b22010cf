//! Answers questions about a topology.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::model::{Access, Destination, Function, Profile, Queue, Source, Table, Topology, Use};

/// Environment variable of the toolkit with the URL of the queue for a function's dead letters.
pub const LETTERS: &str = "DEAD_LETTER_QUEUE_URL";

/// Environment variable of the toolkit with the bucket for dead letters that are too large for a
/// queue.
pub const LARGE_LETTERS: &str = "DEAD_LETTER_BUCKET";

/// Name of the bus that every account has.
pub const DEFAULT_BUS: &str = "default";

/// Seconds for which DynamoDB keeps the records of a table's stream.
pub(super) const TABLE_STREAM_RETENTION_SECONDS: u32 = 86_400;

/// Source that an event source mapping reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind<'a> {
    /// A Kinesis stream, by its declared name.
    Stream(&'a str),
    /// The stream of a DynamoDB table, by the table's declared name.
    Table(&'a str),
    /// An SQS queue, by its declared name.
    Queue(&'a str),
}

/// Destination of a discarded event, or of the pointer to a discarded batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DestinationKind<'a> {
    /// A queue, by its declared name.
    Queue(&'a str),
    /// A topic, by its declared name.
    Topic(&'a str),
    /// A bucket, by its declared name.
    Bucket(&'a str),
    /// A function, by its declared name.
    Function(&'a str),
    /// A bus, by its declared name.
    Bus(&'a str),
}

/// Resource to which a declared use leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// A table, by its declared name.
    Table(&'a str),
    /// A queue, by its declared name.
    Queue(&'a str),
    /// A bucket, by its declared name.
    Bucket(&'a str),
    /// A bus, by its declared name.
    Bus(&'a str),
    /// A stream, by its declared name.
    Stream(&'a str),
    /// A topic, by its declared name.
    Topic(&'a str),
    /// A sender address.
    Email(&'a str),
    /// A group of schedules, by its declared name.
    ScheduleGroup(&'a str),
}

impl DestinationKind<'_> {
    /// Returns the kind of the destination: `queue`, `topic`, `bucket`, `function` or `bus`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Queue(_) => "queue",
            Self::Topic(_) => "topic",
            Self::Bucket(_) => "bucket",
            Self::Function(_) => "function",
            Self::Bus(_) => "bus",
        }
    }

    /// Returns its declared name.
    pub fn name(&self) -> &str {
        let (Self::Queue(name)
        | Self::Topic(name)
        | Self::Bucket(name)
        | Self::Function(name)
        | Self::Bus(name)) = self;
        name
    }
}

impl fmt::Display for DestinationKind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.word(), self.name())
    }
}

impl Topology {
    /// Returns the declared profile, or infers one.
    ///
    /// Without a declaration the profile is [`Profile::Tidegate`] if the topology declares
    /// something that only the toolkit reads, and [`Profile::Aws`] otherwise.
    pub fn profile(&self) -> Profile {
        let ages =
            || self.sources().any(|(_, _, source)| source.dead_letter_after_seconds.is_some());
        let records = || {
            let kept = |table: &Table| table.record_retention_days.or(table.cause_retention_days);
            self.tables.values().any(|table| kept(table).is_some())
        };
        match self.profile {
            Some(profile) => profile,
            None if self.metrics_namespace.is_some() || self.statements.is_some() => {
                Profile::Tidegate
            }
            None if !self.projections.is_empty() || !self.breakers.is_empty() => Profile::Tidegate,
            None if ages() || records() => Profile::Tidegate,
            None => Profile::Aws,
        }
    }

    /// Returns the names of the declared buses, and the default bus if something refers to it.
    pub fn bus_names(&self) -> BTreeSet<&str> {
        let rules = self.rules.values().map(|rule| rule.bus.as_str());
        let functions = || self.functions.values();
        let used = functions()
            .flat_map(|function| function.uses.values())
            .filter_map(|used| used.bus.as_deref());
        let destinations =
            functions().flat_map(|function| [function.on_failure(), function.on_success()]);
        let destinations = destinations.filter_map(|destination| destination?.bus.as_deref());
        let targets = self.rule_targets().filter_map(|target| target.target.bus.as_deref());
        let schedules = self.schedule_targets().filter_map(|target| target.bus.as_deref());
        let named = rules
            .chain(used)
            .chain(destinations)
            .chain(targets)
            .chain(schedules)
            .filter(|name| *name == DEFAULT_BUS);
        self.buses.keys().map(String::as_str).chain(named).collect()
    }

    /// Returns every event source mapping: function, name of the source, source.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str, &Source)> {
        self.functions.iter().flat_map(|(function, declared)| {
            declared
                .sources
                .iter()
                .map(move |(name, source)| (function.as_str(), name.as_str(), source))
        })
    }

    /// Returns every queue for records that could not be applied.
    ///
    /// Mappings, asynchronous invocations, rules, subscriptions, schedules, other queues and the
    /// functions themselves write to these queues.
    pub fn dead_letter_queues(&self) -> BTreeSet<&str> {
        let functions = || self.functions.values();
        let sources =
            self.sources().filter_map(|(_, _, source)| source.on_failure.as_ref()?.queue.as_ref());
        let asynchronous = functions().filter_map(|function| function.on_failure()?.queue.as_ref());
        let rules =
            self.rule_targets().filter_map(|target| target.target.dead_letter_queue.as_ref());
        let schedules = self.schedules.values().filter_map(|one| one.dead_letter_queue.as_ref());
        let groups = self.schedule_groups.values();
        let groups = groups.filter_map(|group| group.dead_letter_queue.as_ref());
        let subscriptions =
            self.subscriptions.values().filter_map(|of| of.dead_letter_queue.as_ref());
        let moved = self.queues.values().filter_map(|queue| Some(&queue.redrive.as_ref()?.queue));
        let own = functions().filter_map(|function| function.uses.get(LETTERS)?.queue.as_ref());
        sources
            .chain(asynchronous)
            .chain(rules)
            .chain(schedules)
            .chain(groups)
            .chain(subscriptions)
            .chain(moved)
            .chain(own)
            .map(String::as_str)
            .collect()
    }

    /// Returns the functions that are destinations.
    ///
    /// Lambda invokes them with records of what other functions failed or completed.
    pub fn destination_functions(&self) -> BTreeSet<&str> {
        let functions = self.functions.values();
        let destinations =
            functions.flat_map(|function| [function.on_failure(), function.on_success()]);
        destinations.filter_map(|destination| destination?.function.as_deref()).collect()
    }

    /// Returns the names of each table's key attributes.
    pub fn table_keys(&self) -> BTreeMap<String, Vec<String>> {
        let keys = self.tables.iter().map(|(name, table)| {
            let keys = [Some(&table.partition_key), table.sort_key.as_ref()].into_iter().flatten();
            (name.clone(), keys.map(|key| key.name.clone()).collect())
        });
        keys.collect()
    }

    /// Returns every sender address that a function uses, each once.
    pub fn sender_addresses(&self) -> Vec<&str> {
        let uses = self.functions.values().flat_map(|function| function.uses.values());
        let mut addresses: Vec<&str> = uses.filter_map(|used| used.email.as_deref()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    /// Returns the largest age, in seconds, at which a record or an asynchronous event of the
    /// function is discarded.
    ///
    /// For a mapping this is its maximum record age, or the retention of its stream or queue if
    /// that is shorter.
    ///
    /// It is the largest age, because the function has one setting for all of its sources. With a
    /// smaller age it would give up a record that another source still delivers.
    pub fn maximum_record_age_seconds(&self, function: &str) -> Option<u32> {
        let declared = self.functions.get(function)?;
        let sources = declared.sources.values().filter_map(|source| {
            let kept = match source.kind()? {
                SourceKind::Stream(stream) => {
                    self.streams.get(stream)?.retention_hours.saturating_mul(3600)
                }
                SourceKind::Table(_) => TABLE_STREAM_RETENTION_SECONDS,
                SourceKind::Queue(queue) => self.queues.get(queue)?.retention_seconds,
            };
            let age = source.maximum_record_age_seconds.and_then(|age| u32::try_from(age).ok());
            Some(age.map_or(kept, |age| age.min(kept)))
        });
        let event = declared
            .asynchronous
            .as_ref()
            .map(|asynchronous| asynchronous.maximum_event_age_seconds);
        sources.chain(event).max()
    }

    /// Returns for how many days a function's idempotency records are kept.
    ///
    /// A table in its `uses` declares the number.
    pub fn record_retention_days(&self, function: &str) -> Option<u32> {
        let tables =
            self.functions.get(function)?.uses.values().filter_map(|used| used.table.as_ref());
        tables.filter_map(|table| self.tables.get(table)?.record_retention_days).min()
    }

    /// Returns whether a function may write to a table that has a stream.
    pub fn writes_to_a_streamed_table(&self, function: &str) -> bool {
        let uses = self.functions.get(function).map(|function| &function.uses);
        let mut written = uses
            .into_iter()
            .flat_map(|uses| uses.values())
            .filter_map(|used| used.table.as_ref().filter(|_| used.access != Access::Read));
        written.any(|table| {
            self.tables.get(table).is_some_and(|declared| declared.stream_view.is_some())
        })
    }

    /// Returns for how many days a function's snapshots remember causes.
    ///
    /// A table in its `uses` declares the number.
    pub fn cause_retention_days(&self, function: &str) -> Option<u32> {
        let tables =
            self.functions.get(function)?.uses.values().filter_map(|used| used.table.as_ref());
        tables.filter_map(|table| self.tables.get(table)?.cause_retention_days).min()
    }

    /// Returns the format in which a function writes commits. A table in its `uses` declares it.
    pub fn commit_format(&self, function: &str) -> Option<u32> {
        let tables =
            self.functions.get(function)?.uses.values().filter_map(|used| used.table.as_ref());
        tables.filter_map(|table| self.tables.get(table)?.commit_format).min()
    }
}

impl Queue {
    /// Returns the queue's name in SQS. Names of FIFO queues end in `.fifo`.
    pub fn physical_name(&self, name: &str) -> String {
        if self.fifo { format!("{name}.fifo") } else { name.to_owned() }
    }
}

impl Function {
    /// Returns how many environments the function may have at a time.
    pub fn concurrency(&self) -> u32 {
        self.reserved_concurrency.unwrap_or(self.maximum_concurrency)
    }

    /// Returns whether the function may write to a table.
    pub fn writes_to_a_table(&self) -> bool {
        self.uses.values().any(|used| used.table.is_some() && used.access != Access::Read)
    }

    /// Returns the on-failure destination of its asynchronous invocations.
    pub fn on_failure(&self) -> Option<&Destination> {
        self.asynchronous.as_ref()?.on_failure.as_ref()
    }

    /// Returns the on-success destination of its asynchronous invocations.
    pub fn on_success(&self) -> Option<&Destination> {
        self.asynchronous.as_ref()?.on_success.as_ref()
    }

    /// Returns the time in milliseconds after which the function abandons and retries a request to
    /// AWS.
    ///
    /// It is two thirds of the function's timeout, at most 4,000.
    pub fn attempt_timeout_milliseconds(&self) -> u32 {
        (self.timeout_seconds.saturating_mul(2000) / 3).min(4000)
    }

    /// Returns the smallest `dead_letter_after_seconds` of its sources, if any source has one.
    pub fn dead_letter_after_seconds(&self) -> Option<u32> {
        self.sources.values().filter_map(|source| source.dead_letter_after_seconds).min()
    }
}

impl Source {
    /// Returns what the mapping reads.
    ///
    /// Returns `None` unless exactly one of stream, table and queue is set, as in every checked
    /// topology.
    pub fn kind(&self) -> Option<SourceKind<'_>> {
        match (&self.stream, &self.table, &self.queue) {
            (Some(stream), None, None) => Some(SourceKind::Stream(stream)),
            (None, Some(table), None) => Some(SourceKind::Table(table)),
            (None, None, Some(queue)) => Some(SourceKind::Queue(queue)),
            _ => None,
        }
    }
}

impl Destination {
    /// Returns where the destination leads.
    ///
    /// Returns `None` unless exactly one field is set, as in every checked topology.
    pub fn kind(&self) -> Option<DestinationKind<'_>> {
        let set = [
            self.queue.as_deref().map(DestinationKind::Queue),
            self.topic.as_deref().map(DestinationKind::Topic),
            self.bucket.as_deref().map(DestinationKind::Bucket),
            self.function.as_deref().map(DestinationKind::Function),
            self.bus.as_deref().map(DestinationKind::Bus),
        ];
        let mut set = set.into_iter().flatten();
        set.next().filter(|_| set.next().is_none())
    }
}

impl Use {
    /// Returns the resource of the use.
    ///
    /// Returns `None` unless exactly one resource is set, as in every checked topology.
    pub fn resource(&self) -> Option<Resource<'_>> {
        let set = [
            self.table.as_deref().map(Resource::Table),
            self.queue.as_deref().map(Resource::Queue),
            self.bucket.as_deref().map(Resource::Bucket),
            self.bus.as_deref().map(Resource::Bus),
            self.stream.as_deref().map(Resource::Stream),
            self.topic.as_deref().map(Resource::Topic),
            self.email.as_deref().map(Resource::Email),
            self.schedule_group.as_deref().map(Resource::ScheduleGroup),
        ];
        let mut set = set.into_iter().flatten();
        set.next().filter(|_| set.next().is_none())
    }
}
