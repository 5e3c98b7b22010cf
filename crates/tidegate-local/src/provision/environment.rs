//! Environment variables of functions that follow from the topology.

use std::collections::BTreeMap;
use std::time::Duration;

use super::provisioned::Provisioned;
use crate::environment::function_arn;
use crate::pace::scale::scale_seconds;
use engine_client::local::{ACCOUNT, REGION};
use topology::{
    Breaker, GroupVariable, POINTERS_VARIABLE, Projection, Resource, ScheduleTarget, Scheduled,
    Topology,
};

const RECORD_AGE: &str = "TIDEGATE_MAXIMUM_RECORD_AGE_SECONDS";
const DEAD_LETTER_AFTER: &str = "TIDEGATE_DEAD_LETTER_AFTER_SECONDS";
/// Largest value of each variable that a function accepts, in seconds.
const LONGEST: [(&str, u64); 2] = [(RECORD_AGE, 31_536_000), (DEAD_LETTER_AFTER, 604_800)];

impl Provisioned {
    /// Returns a function's variables with ages divided by the time scale.
    ///
    /// The function then still gives a record up before its sources do.
    pub(crate) fn scaled_environment(
        &self,
        topology: &Topology,
        function: &str,
        time_scale: f64,
    ) -> BTreeMap<String, String> {
        let mut variables = self.environment(topology, function);
        for (name, longest) in LONGEST {
            if let Some(value) = variables.get_mut(name)
                && let Ok(seconds) = value.parse()
            {
                let scaled = scale_seconds(Duration::from_secs(seconds), time_scale).as_secs();
                *value = scaled.min(longest).to_string();
            }
        }
        variables
    }

    /// Returns a function's variables.
    ///
    /// Empty for an unknown function.
    ///
    /// - For each use the physical name, URL or ARN, and its declared `environment`.
    /// - For a group of schedules also what [`topology::ScheduleGroup::variables`] lists.
    /// - For a circuit breaker what [`topology::Breaker::declaration`] says.
    /// - `TIDEGATE_EVENT_BYTES_LIMIT`, and `TIDEGATE_METRICS` if the topology has a namespace for
    ///   metrics.
    /// - `TIDEGATE_ATTEMPT_TIMEOUT_MILLISECONDS`:
    ///   [`Function::attempt_timeout_milliseconds`][timeout].
    /// - `TIDEGATE_DEAD_LETTER_AFTER_SECONDS` if one of its sources has a limit (the smallest).
    /// - `TIDEGATE_MAXIMUM_RECORD_AGE_SECONDS` if it has a source or asynchronous invocations:
    ///   [`Topology::maximum_record_age_seconds`].
    /// - `TIDEGATE_IDEMPOTENCY_DAYS` or `TIDEGATE_CAUSE_DAYS` if a table among its uses has a
    ///   `record_retention_days` or a `cause_retention_days`.
    /// - `TIDEGATE_COMMIT_FORMAT` if a table among its uses has a `commit_format`.
    /// - `TIDEGATE_GENERATIONS_<NAME>` for each projection whose tables it uses, and
    ///   `TIDEGATE_POINTERS_TABLE`.
    /// - `TIDEGATE_STATEMENTS` if it may write to a table, and if it was asked how.
    ///
    /// [timeout]: topology::Function::attempt_timeout_milliseconds
    pub fn environment(&self, topology: &Topology, function: &str) -> BTreeMap<String, String> {
        let Some(declared) = topology.functions.get(function) else { return BTreeMap::new() };
        let mut variables = declared.environment.clone();
        for (variable, used) in &declared.uses {
            let value = match used.resource() {
                Some(Resource::Queue(name)) => self.queues.get(name).map(|queue| queue.url.clone()),
                Some(Resource::Topic(name)) => self.topics.get(name).cloned(),
                Some(
                    Resource::Table(name)
                    | Resource::Bucket(name)
                    | Resource::Bus(name)
                    | Resource::Stream(name)
                    | Resource::Email(name),
                ) => Some(name.to_owned()),
                Some(Resource::ScheduleGroup(name)) => {
                    variables.extend(self.schedule_group(topology, name, variable));
                    Some(name.to_owned())
                }
                None => None,
            };
            if let Some(value) = value {
                variables.insert(variable.clone(), value);
            }
        }
        for (name, breaker) in topology.breakers_of(function) {
            let declaration = breaker.declaration(str::to_owned);
            variables.insert(Breaker::variable(name), declaration);
        }
        variables.insert(
            "TIDEGATE_EVENT_BYTES_LIMIT".to_owned(),
            topology.event_bytes_limit.to_string(),
        );
        if let Some(namespace) = &topology.metrics_namespace {
            variables.insert("TIDEGATE_METRICS".to_owned(), namespace.clone());
        }
        variables.insert(
            "TIDEGATE_ATTEMPT_TIMEOUT_MILLISECONDS".to_owned(),
            declared.attempt_timeout_milliseconds().to_string(),
        );
        if let Some(seconds) = topology.maximum_record_age_seconds(function) {
            variables.insert(RECORD_AGE.to_owned(), seconds.to_string());
        }
        if let Some(seconds) = declared.dead_letter_after_seconds() {
            variables.insert(DEAD_LETTER_AFTER.to_owned(), seconds.to_string());
        }
        if let Some(days) = topology.record_retention_days(function) {
            variables.insert("TIDEGATE_IDEMPOTENCY_DAYS".to_owned(), days.to_string());
        }
        if let Some(days) = topology.cause_retention_days(function) {
            variables.insert("TIDEGATE_CAUSE_DAYS".to_owned(), days.to_string());
        }
        if let Some(format) = topology.commit_format(function) {
            variables.insert("TIDEGATE_COMMIT_FORMAT".to_owned(), format.to_string());
        }
        for (name, projection) in topology.projections_of(function) {
            variables.insert(Projection::variable(name), projection.numbers());
            variables.insert(POINTERS_VARIABLE.to_owned(), projection.pointers.clone());
        }
        if let Some(statements) = &self.statements
            && declared.writes_to_a_table()
        {
            variables.insert(
                "TIDEGATE_STATEMENTS".to_owned(),
                statements.value(topology, function).to_owned(),
            );
        }
        variables
    }

    /// Returns the variables that come with a group of schedules.
    fn schedule_group(
        &self,
        topology: &Topology,
        group: &str,
        variable: &str,
    ) -> Vec<(String, String)> {
        let Some(declared) = topology.schedule_groups.get(group) else { return Vec::new() };
        let variables = declared.variables(variable).into_iter().filter_map(|(name, holds)| {
            let value = match holds {
                GroupVariable::Role => scheduler_role(),
                GroupVariable::Target(target) => self.schedule_target(target)?,
                GroupVariable::DeadLetters(queue) => self.queues.get(queue)?.arn.clone(),
            };
            Some((name, value))
        });
        variables.collect()
    }

    /// Returns the ARN of a schedule's target.
    pub(crate) fn schedule_target(&self, target: &ScheduleTarget) -> Option<String> {
        Some(match target.kind()? {
            Scheduled::Function(name) => function_arn(REGION, name),
            Scheduled::Queue(name) => self.queues.get(name)?.arn.clone(),
            Scheduled::Bus(name) => self.buses.get(name)?.clone(),
            Scheduled::Stream(name) => self.streams.get(name)?.clone(),
            Scheduled::Topic(name) => self.topics.get(name)?.clone(),
        })
    }
}

/// Returns the ARN of the role that schedules name. The engine assumes no role.
pub(crate) fn scheduler_role() -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/scheduler")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::provision::provisioned::ProvisionedQueue;
    use crate::provision::statements::Statements;

    #[test]
    fn a_functions_variables_are_its_uses_its_own_and_the_limits() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/topology.auto.tfvars");
        let mut topology = topology::load(&path).expect("the repository's topology");
        let queue = ProvisionedQueue { url: "http://queue".to_owned(), arn: "arn".to_owned() };
        let queues = BTreeMap::from([("dead-letters".to_owned(), queue)]);
        let provisioned = Provisioned { queues, ..Provisioned::default() };
        let found = provisioned.environment(&topology, "order-projection");
        let expected = [
            ("DEAD_LETTER_BUCKET", "dead-letters"),
            ("DEAD_LETTER_QUEUE_URL", "http://queue"),
            ("EVENT_STORE_TABLE", "event-store"),
            ("FULFILMENTS_TABLE", "fulfilments"),
            ("FULFILMENT_COUNTERS_TABLE", "fulfilment-counters"),
            ("ORDER_VIEW_TABLE", "order-view"),
            ("SALES_SLICES", "4"),
            ("SALES_TABLE", "sales"),
            ("TIDEGATE_ATTEMPT_TIMEOUT_MILLISECONDS", "4000"),
            ("TIDEGATE_DEAD_LETTER_AFTER_SECONDS", "21600"),
            ("TIDEGATE_EVENT_BYTES_LIMIT", "262144"),
            ("TIDEGATE_MAXIMUM_RECORD_AGE_SECONDS", "43200"),
            ("TIDEGATE_METRICS", "Tidegate"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(found, BTreeMap::from(expected));
        let mailer = provisioned.environment(&topology, "notification");
        assert_eq!(
            mailer.get("SENDER_ADDRESS").map(String::as_str),
            Some("orders@shop.example.com")
        );
        assert_eq!(mailer.get("TIDEGATE_DEAD_LETTER_AFTER_SECONDS"), None);
        let age = mailer.get("TIDEGATE_MAXIMUM_RECORD_AGE_SECONDS").map(String::as_str);
        assert_eq!(age, Some("21600"), "of its asynchronous invocations");
        assert_eq!(mailer.get("TIDEGATE_IDEMPOTENCY_DAYS").map(String::as_str), Some("31"));
        assert_eq!(provisioned.environment(&topology, "unknown"), BTreeMap::new());
        let statements = |statements: Statements, function: &str| {
            let provisioned =
                Provisioned { statements: Some(statements), ..Provisioned::default() };
            provisioned.environment(&topology, function).remove("TIDEGATE_STATEMENTS")
        };
        let single = Statements::Single { why: "no INSERT".to_owned() };
        assert_eq!(statements(single, "order-processor").as_deref(), Some("single"));
        let batched = statements(Statements::Batched, "order-projection");
        assert_eq!(batched.as_deref(), Some("batched"));
        assert_eq!(statements(Statements::Batched, "event-publisher"), None, "it only reads");
        let partly = Statements::WithoutStreams { why: "no record".to_owned() };
        for (function, told) in [
            ("order-processor", "single"),
            ("order-projection", "batched"),
            ("notification", "batched"),
        ] {
            assert_eq!(statements(partly.clone(), function).as_deref(), Some(told), "{function}");
        }
        let scaled = provisioned.scaled_environment(&topology, "order-projection", 100.0);
        let age = |name: &str| scaled.get(name).map(String::as_str);
        assert_eq!(age("TIDEGATE_DEAD_LETTER_AFTER_SECONDS"), Some("216"));
        assert_eq!(age("TIDEGATE_MAXIMUM_RECORD_AGE_SECONDS"), Some("432"));
        assert_eq!(
            age("TIDEGATE_ATTEMPT_TIMEOUT_MILLISECONDS"),
            Some("4000"),
            "it is no wait of AWS"
        );
        let generations: Projection = serde_json::from_value(serde_json::json!({
            "function": "order-projection", "store": "event-store", "rows": "order-view",
            "pointers": "pointers", "generations": [2, 1],
        }))
        .unwrap();
        topology.projections.insert("order-view".to_owned(), generations);
        let told = |function: &str, variable: &str| {
            provisioned.environment(&topology, function).remove(variable)
        };
        let numbers = told("order-projection", "TIDEGATE_GENERATIONS_ORDER_VIEW");
        assert_eq!(numbers.as_deref(), Some("1,2"));
        let pointers = told("order-projection", "TIDEGATE_POINTERS_TABLE");
        assert_eq!(pointers.as_deref(), Some("pointers"));
        assert_eq!(told("event-publisher", "TIDEGATE_POINTERS_TABLE"), None, "it reads no row");
        topology.projections.clear();
        topology.metrics_namespace = None;
        let silent = provisioned.environment(&topology, "order-projection");
        assert_eq!((silent.len(), silent.get("TIDEGATE_METRICS")), (found.len() - 1, None));
    }
}
