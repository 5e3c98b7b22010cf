//! Checks names against the limits of AWS and against the room that this project's Terraform needs.

use super::Check;

/// Naming rules of a service.
pub(super) struct Naming {
    /// Kind of the named thing, for messages.
    what: &'static str,
    shortest: usize,
    longest: usize,
    /// Characters that are allowed besides ASCII letters and digits.
    also: &'static str,
    /// Longest name that leaves room for what Terraform adds: a prefix, and an archive's or an
    /// account's suffix.
    with_prefix: usize,
}

const fn naming(what: &'static str, longest: usize, also: &'static str) -> Naming {
    Naming { what, shortest: 1, longest, also, with_prefix: 48 }
}

/// A Kinesis stream.
pub(super) const STREAM: Naming = naming("a stream", 128, "-_.");
/// A DynamoDB table.
pub(super) const TABLE: Naming = Naming { shortest: 3, ..naming("a table", 255, "-_.") };
/// A global secondary index. It has no prefix of its own.
pub(super) const INDEX: Naming =
    Naming { shortest: 3, with_prefix: 255, ..naming("an index", 255, "-_.") };
/// An SQS queue.
pub(super) const QUEUE: Naming = naming("a queue", 80, "-_");
/// An SQS queue whose name gets the suffix `.fifo`.
pub(super) const FIFO_QUEUE: Naming = naming("a FIFO queue without its ending .fifo", 75, "-_");
/// An SNS topic.
pub(super) const TOPIC: Naming = naming("a topic", 256, "-_");
/// An SNS topic whose name gets the suffix `.fifo`.
pub(super) const FIFO_TOPIC: Naming = naming("a FIFO topic without its ending .fifo", 251, "-_");
/// An EventBridge bus. Its archive has the same name, and at most 48 characters.
pub(super) const BUS: Naming = Naming { with_prefix: 32, ..naming("a bus", 256, "-_./") };
/// An EventBridge rule.
pub(super) const RULE: Naming = naming("a rule", 64, "-_.");
/// A target of a rule.
pub(super) const TARGET: Naming = naming("a target", 64, "-_.");
/// A schedule, a group of schedules, or a target of a group.
pub(super) const SCHEDULE: Naming = naming("a schedule", 64, "-_.");
pub(super) const SCHEDULE_GROUP: Naming = naming("a schedule group", 64, "-_.");
/// A process. It is the kind of its streams.
pub(super) const PROCESS: Naming = naming("a process", 64, "-_");
/// A projection. Variables of functions have its name.
pub(super) const PROJECTION: Naming = naming("a projection", 64, "-_");
/// A function.
pub(super) const FUNCTION: Naming = naming("a function", 64, "-_");
/// An HTTP API. Its log group and its alarms have its name.
pub(super) const API: Naming = naming("an API", 128, "-_");
/// A JWT authorizer.
pub(super) const AUTHORIZER: Naming = naming("an authorizer", 128, "-_");
/// A circuit breaker. A variable and a metric's dimension have its name.
pub(super) const BREAKER: Naming = naming("a breaker", 64, "-");
/// A label that occurs only in the topology, as the next one.
pub(super) const SUBSCRIPTION: Naming = naming("a subscription", 64, "-_");
/// A label that occurs only in the topology.
pub(super) const SOURCE: Naming = naming("a source", 64, "-_");

/// Longest name of a bucket: it leaves 16 characters for a prefix, and 13 for a hyphen and the
/// account.
const LONGEST_BUCKET: usize = 34;

impl Check<'_> {
    /// Checks a name. A name that no service accepts is an error.
    pub(super) fn name(&mut self, path: &[&str], name: &str, naming: &Naming) {
        let Naming { what, shortest, longest, also, with_prefix } = *naming;
        let taken = |c: char| c.is_ascii_alphanumeric() || also.contains(c);
        if !(shortest..=longest).contains(&name.len()) || !name.chars().all(taken) {
            let also: Vec<String> = also.chars().map(|c| format!("`{c}`")).collect();
            let also = also.join(", ");
            let what = format!(
                "is not a valid name of {what}; use {shortest} to {longest} letters, digits and {also}"
            );
            return self.mistake(path, what);
        }
        self.well_formed(path, name, with_prefix);
    }

    /// Checks the name of a bucket. S3 accepts neither capital letters nor underscores.
    pub(super) fn bucket_name(&mut self, path: &[&str], name: &str) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let possible = (3..=63).contains(&name.len())
            && name.starts_with(plain)
            && name.ends_with(plain)
            && name.chars().all(|c| plain(c) || matches!(c, '-' | '.'))
            && !name.contains("..");
        if !possible {
            let what = "is not a valid bucket name; use 3 to 63 lower-case letters, digits, \
                hyphens and single dots, \
                        with a letter or digit at both ends";
            return self.mistake(path, what);
        }
        self.well_formed(path, name, LONGEST_BUCKET);
    }

    /// Checks that a name leaves room for a prefix of 16 characters.
    ///
    /// Roles and rules have at most 64 characters.
    fn well_formed(&mut self, path: &[&str], name: &str, longest: usize) {
        let well_formed = (3..=longest).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && !name.ends_with('-')
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !well_formed {
            self.house_rule(
                path,
                format!(
                    "is not a well-formed name; use 3 to {longest} lower-case letters, digits and \
                     hyphens, \
                     beginning with a letter and not ending with a hyphen"
                ),
            );
        }
    }
}
