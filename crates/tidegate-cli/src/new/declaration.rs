//! Computes the topology entries of a new function, including resources that are not declared yet.

use terminal::problem::Problem;
use topology::{Key, KeyType, LARGE_LETTERS, LETTERS, Queue, Rule, Topology};

use super::existing::{listed, most_frequent, used};
use super::hcl::literal;
use super::mapping::{Mapping, stream_fields};
use super::name;
use crate::arguments::FunctionSource;

const TIMEOUT_SECONDS: u32 = 30;
/// Retention of a queue of dead letters in seconds: two weeks, the longest that SQS allows.
const LETTERS_SECONDS: u32 = 1_209_600;
const LETTERS_DAYS: u32 = 14;
/// Retention of a queue that is declared for the function, in seconds.
const MESSAGE_SECONDS: u32 = 345_600;
/// Receives after which such a queue moves a message away.
///
/// The function dead-letters the message earlier.
const RECEIVES: u32 = 20;
/// Age in seconds at which the function dead-letters a message, with its payload and the reason.
const QUEUE_LETTER_SECONDS: u32 = 1_800;

/// Entries for the topology.
pub(super) struct Declaration {
    /// Name of the source: a stream, a queue, a table or a rule.
    pub(super) from: String,
    /// Keys of the table whose changes the function takes.
    pub(super) keys: Vec<Key>,
    entries: Vec<Entry>,
}

struct Entry {
    section: &'static str,
    name: String,
    value: String,
}

impl Declaration {
    /// Creates the entries for a function that takes records from `from`, or from a new source.
    ///
    /// A function outside a topology may name any source.
    ///
    /// # Errors
    /// Misuse: `from` is not declared, or cannot be the source of such a function.
    pub(super) fn new(
        function: &str,
        source: FunctionSource,
        from: Option<&str>,
        topology: &Topology,
        anything: bool,
    ) -> Result<Self, Problem> {
        let mut declaration = Self {
            from: from.unwrap_or(function).to_owned(),
            keys: Vec::new(),
            entries: Vec::new(),
        };
        if let Some(from) = from.filter(|_| anything && source != FunctionSource::Eventbridge) {
            name::well_formed("a stream, queue or table", from)?;
        }
        let from = from.filter(|_| !anything || source == FunctionSource::Eventbridge);
        let value = match source {
            FunctionSource::Kinesis => declaration.kinesis(topology, from)?,
            FunctionSource::Sqs => declaration.sqs(topology, from)?,
            FunctionSource::Dynamodb => declaration.dynamodb(topology, from)?,
            FunctionSource::Eventbridge => declaration.eventbridge(function, topology, from)?,
        };
        let value = declaration.function(topology, &value);
        declaration.entries.push(Entry { section: "functions", name: function.to_owned(), value });
        Ok(declaration)
    }

    /// Returns the paths of the entries.
    pub(super) fn names(&self) -> Vec<String> {
        self.entries.iter().map(|entry| format!("{}.{}", entry.section, entry.name)).collect()
    }

    /// Returns the entries of each section, as lines of the file.
    pub(super) fn sections(&self) -> Vec<(&'static str, String)> {
        let mut sections: Vec<&'static str> = Vec::new();
        for entry in &self.entries {
            if !sections.contains(&entry.section) {
                sections.push(entry.section);
            }
        }
        let lines = |section| {
            let (long, short): (Vec<&Entry>, Vec<&Entry>) = self
                .entries
                .iter()
                .filter(|entry| entry.section == section)
                .partition(|entry| entry.value.contains('\n'));
            // Aligns adjacent lines as `terraform fmt` does.
            let width = short.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
            let short: String = short
                .iter()
                .map(|entry| format!("  {:width$} = {}\n", entry.name, entry.value))
                .collect();
            let long = long
                .iter()
                .map(|entry| format!("  {} = {}\n", entry.name, entry.value.replace('\n', "\n  ")));
            let blocks: Vec<String> =
                Some(short).filter(|short| !short.is_empty()).into_iter().chain(long).collect();
            blocks.join("\n")
        };
        sections.into_iter().map(|section| (section, lines(section))).collect()
    }

    /// Returns all entries as a text.
    pub(super) fn text(&self) -> String {
        self.sections()
            .into_iter()
            .map(|(section, lines)| format!("{section} = {{\n{lines}}}\n"))
            .collect()
    }

    fn kinesis(&mut self, topology: &Topology, from: Option<&str>) -> Result<Mapping, Problem> {
        let shards = match from {
            Some(from) => {
                let stream = topology.streams.get(from);
                stream
                    .ok_or_else(|| {
                        unknown("stream", "streams", from, listed(topology.streams.keys()))
                    })?
                    .shards
            }
            None => {
                self.own(
                    "streams",
                    topology.streams.contains_key(&self.from),
                    "{ shards = 1, retention_hours = 24 }",
                )?;
                1
            }
        };
        let factor = if shards <= 500 { 2 } else { 1 };
        let on_failure = self.stream_failures(topology);
        Ok(Mapping {
            concurrency: shards.saturating_mul(factor).max(2),
            timeout: TIMEOUT_SECONDS,
            fields: stream_fields("stream", &self.from, factor, &on_failure),
        })
    }

    fn dynamodb(&mut self, topology: &Topology, from: Option<&str>) -> Result<Mapping, Problem> {
        match from {
            Some(from) => {
                let table = topology.tables.get(from);
                let table = table.ok_or_else(|| {
                    unknown("table", "tables", from, listed(topology.tables.keys()))
                })?;
                self.keys = [Some(&table.partition_key), table.sort_key.as_ref()]
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect();
                if let Some(key) = self.keys.iter().find(|key| key.kind == KeyType::B) {
                    return Err(Problem::misuse(format!(
                        "the key {} of table {from} is binary, for which there is no template; \
                         copy the function of another table",
                        key.name
                    )));
                }
            }
            None => {
                let value = "{\n  partition_key = { name = \"key\", type = \"S\" }\n  stream_view   = \"NEW_AND_OLD_IMAGES\"\n}";
                self.own("tables", topology.tables.contains_key(&self.from), value)?;
                self.keys = vec![Key { name: "key".to_owned(), kind: KeyType::S }];
            }
        }
        let on_failure = self.stream_failures(topology);
        // A new table has four partitions, and its stream has as many shards.
        Ok(Mapping {
            concurrency: 4,
            timeout: TIMEOUT_SECONDS,
            fields: stream_fields("table", &self.from, 1, &on_failure),
        })
    }

    fn sqs(&mut self, topology: &Topology, from: Option<&str>) -> Result<Mapping, Problem> {
        let (timeout, letter_after) = match from {
            Some(from) => {
                let queue = topology.queues.get(from);
                let queue = queue.ok_or_else(|| {
                    unknown("queue", "queues", from, listed(topology.queues.keys()))
                })?;
                consumable(from, queue)?
            }
            None => {
                let redrive = self.redrive(topology);
                let value = format!(
                    "{{\n  retention_seconds          = {MESSAGE_SECONDS}\n  visibility_timeout_seconds = {}\n  redrive                    = {{ \
                     queue = {redrive:?}, maximum_receives = {RECEIVES} }}\n}}",
                    6 * TIMEOUT_SECONDS
                );
                self.own("queues", topology.queues.contains_key(&self.from), &value)?;
                (TIMEOUT_SECONDS, Some(QUEUE_LETTER_SECONDS))
            }
        };
        let mut fields = vec![
            ("queue", format!("{:?}", self.from)),
            ("batch_size", "10".to_owned()),
            ("report_batch_item_failures", "true".to_owned()),
            ("maximum_concurrency", "2".to_owned()),
        ];
        fields
            .extend(letter_after.map(|seconds| ("dead_letter_after_seconds", seconds.to_string())));
        Ok(Mapping { concurrency: 2, timeout, fields })
    }

    fn eventbridge(
        &mut self,
        name: &str,
        topology: &Topology,
        from: Option<&str>,
    ) -> Result<Mapping, Problem> {
        let (bus, pattern) = match from.map(|from| (from, from.split_once(':'))) {
            Some((_, Some((source, kind)))) if !source.is_empty() && !kind.is_empty() => {
                let pattern = serde_json::json!({ "source": [source], "detail-type": [kind] });
                (self.bus(topology)?, literal(&pattern))
            }
            Some((rule, None)) => {
                let declared: Option<&Rule> = topology.rules.get(rule);
                let declared = declared.ok_or_else(|| {
                    let rules = listed(topology.rules.keys());
                    Problem::misuse(format!(
                        "no rule {rule} is declared (declared rules: {rules}); name one whose events the function takes too, or events as \
                         SOURCE:TYPE, such as shop.orders:OrderPlaced"
                    ))
                })?;
                (declared.bus.clone(), literal(&declared.pattern))
            }
            _ => {
                return Err(Problem::misuse(
                    "a function for EventBridge needs --from RULE, a rule whose events it takes too, or --from SOURCE:TYPE, such as \
                     shop.orders:OrderPlaced",
                ));
            }
        };
        if topology.rules.contains_key(name) {
            return Err(Problem::new(format!(
                "the topology declares a rule {name} already; choose another name"
            )));
        }
        let letters =
            topology.rule_targets().filter_map(|rule| rule.target.dead_letter_queue.as_deref());
        let letters = self.letters(topology, most_frequent(letters), "rule-failures");
        let given_up = topology
            .functions
            .values()
            .filter_map(|function| function.on_failure()?.queue.as_deref());
        let given_up = self.letters(topology, most_frequent(given_up), "async-failures");
        self.entries.push(Entry {
            section: "rules",
            name: name.to_owned(),
            value: format!(
                "{{\n  bus     = {bus:?}\n  pattern = {pattern}\n  target = {{\n    function                  = {name:?}\n    \
                 dead_letter_queue         = {letters:?}\n    maximum_retry_attempts    = 185\n    maximum_event_age_seconds = 86400\n  }}\n}}"
            ),
        });
        name.clone_into(&mut self.from);
        let asynchronous = format!(
            "asynchronous = {{\n  maximum_retry_attempts    = 2\n  maximum_event_age_seconds = 21600\n  on_failure                = {{ queue = {given_up:?} }}\n}}"
        );
        Ok(Mapping { concurrency: 4, timeout: TIMEOUT_SECONDS, fields: vec![("", asynchronous)] })
    }

    /// Returns the only declared bus, or declares a new one.
    fn bus(&mut self, topology: &Topology) -> Result<String, Problem> {
        let mut buses = topology.buses.keys();
        match (buses.next(), buses.next()) {
            (Some(bus), None) => Ok(bus.clone()),
            (None, _) => {
                let value = format!("{{ archive_days = {LETTERS_DAYS} }}");
                self.entries.push(Entry { section: "buses", name: "events".to_owned(), value });
                Ok("events".to_owned())
            }
            (Some(_), Some(_)) => Err(Problem::misuse(format!(
                "there are several buses ({}); name a rule of one of them with --from RULE",
                listed(topology.buses.keys())
            ))),
        }
    }

    /// Declares a source for the function, with the function's name.
    fn own(&mut self, section: &'static str, taken: bool, value: &str) -> Result<(), Problem> {
        let name = self.from.clone();
        if taken {
            return Err(Problem::misuse(format!(
                "{section} has {name} already; to take records from it, add --from {name}"
            )));
        }
        self.entries.push(Entry { section, name, value: value.to_owned() });
        Ok(())
    }

    fn stream_failures(&mut self, topology: &Topology) -> String {
        let given_up = topology
            .sources()
            .filter_map(|(_, _, source)| source.on_failure.as_ref()?.queue.as_deref());
        self.letters(topology, most_frequent(given_up), "stream-failures")
    }

    /// Returns the queue to which queues of several functions move messages.
    fn redrive(&mut self, topology: &Topology) -> String {
        let standard = topology.queues.values().filter(|queue| !queue.fifo);
        let moved = standard.filter_map(|queue| Some(queue.redrive.as_ref()?.queue.as_str()));
        self.letters(topology, most_frequent(moved), "queue-failures")
    }

    /// Returns the queue that other functions use for the same purpose, or declares the queue
    /// `otherwise`.
    fn letters(&mut self, topology: &Topology, others: Option<&str>, otherwise: &str) -> String {
        let name = others.unwrap_or(otherwise);
        if !topology.queues.contains_key(name) {
            let value = format!("{{ retention_seconds = {LETTERS_SECONDS} }}");
            self.entries.push(Entry { section: "queues", name: name.to_owned(), value });
        }
        name.to_owned()
    }

    /// Returns the entry of the function.
    fn function(&mut self, topology: &Topology, mapping: &Mapping) -> String {
        let queues = used(topology, LETTERS).filter_map(|used| used.queue.as_deref());
        let queue = self.letters(topology, most_frequent(queues), "dead-letters");
        let buckets = used(topology, LARGE_LETTERS).filter_map(|used| used.bucket.as_deref());
        let bucket = most_frequent(buckets).unwrap_or("dead-letters").to_owned();
        if !topology.buckets.contains_key(&bucket) {
            let value = format!("{{ expiration_days = {LETTERS_DAYS} }}");
            self.entries.push(Entry { section: "buckets", name: bucket.clone(), value });
        }
        let width = LETTERS.len();
        let (concurrency, timeout) = (mapping.concurrency, mapping.timeout);
        let mapped = mapping.text(&self.from).replace('\n', "\n  ");
        format!(
            "{{\n  memory_mb           = 256\n  timeout_seconds     = {timeout}\n  maximum_concurrency = {concurrency}\n  uses = {{\n    {LETTERS} = \
             {{ queue = {queue:?}, access = \"write\" }}\n    {LARGE_LETTERS:width$} = {{ bucket = {bucket:?}, access = \"write\" }}\n  }}\n  {mapped}\n}}"
        )
    }
}

/// Returns the timeout that a declared queue allows, and the age at which the function may
/// dead-letter a message.
fn consumable(name: &str, queue: &Queue) -> Result<(u32, Option<u32>), Problem> {
    let (timeout, hidden) = (
        TIMEOUT_SECONDS.min(queue.visibility_timeout_seconds / 6),
        queue.visibility_timeout_seconds,
    );
    let Some(redrive) = queue.redrive.as_ref().filter(|_| timeout > 0) else {
        return Err(Problem::misuse(format!(
            "queue {name} cannot be a source: it needs redrive = {{ queue = \"…\", \
             maximum_receives = {RECEIVES} }} and \
             visibility_timeout_seconds = {}; without --from the function gets a queue of its own",
            6 * TIMEOUT_SECONDS
        )));
    };
    let moved = redrive.maximum_receives.saturating_sub(1).saturating_mul(hidden);
    let after = QUEUE_LETTER_SECONDS.min(moved).min(queue.retention_seconds / 2);
    Ok((timeout, (after > 0).then_some(after)))
}

fn unknown(kind: &str, section: &str, name: &str, declared: String) -> Problem {
    Problem::misuse(format!(
        "no {kind} {name} is declared; declared {section}: {declared}; without --from the function gets one of its own"
    ))
}
