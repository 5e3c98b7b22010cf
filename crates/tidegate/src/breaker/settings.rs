//! The declaration of a breaker, as a function gets it.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::breaker::Breaker;
use super::dynamodb::DynamoDbBreakers;
use super::rules::Rules;
use crate::aws::AwsClients;
use crate::batch::Metrics;
use crate::config::Settings;
use crate::store::DynamoDbEventStore;

/// What precedes the name of a breaker in the name of its variable.
const PREFIX: &str = "TIDEGATE_BREAKER_";

/// A breaker that the topology declares (`breakers`), as its function gets it.
///
/// ```no_run
/// use std::process::ExitCode;
/// use tidegate::batch::Handled;
/// use tidegate::breaker::BreakerSettings;
/// use tidegate::function::Function;
/// use tidegate::source::Source;
///
/// # async fn charge(_: &str) -> Result<(), tidegate::failure::Failure> { Ok(()) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> ExitCode {
/// let mut function = Function::start().await;
/// let payment = BreakerSettings::read(&mut function.settings, "payment");
/// let build = |aws: &tidegate::aws::AwsClients| {
///     let payment = payment?.breaker(aws);
///     Some(tidegate::each!(16, async move |order: &String, context| {
///         payment.call(context, async || charge(order).await).await?;
///         Ok(Handled::Applied)
///     }))
/// };
/// function.run(Source::Sqs, build).await
/// # }
/// ```
#[derive(Debug)]
pub struct BreakerSettings {
    name: String,
    declared: Declared,
    /// Metrics, and the function whose they are.
    metrics: Option<(Metrics, String)>,
}

/// The value of the variable: JSON.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    table: String,
    #[serde(default)]
    events_table: Option<String>,
    cool_down_seconds: u64,
    #[serde(default)]
    failures_in_a_row: Option<u32>,
    #[serde(default)]
    failure_percent: Option<u8>,
    #[serde(default)]
    minimum_calls: Option<u32>,
    window_seconds: u64,
    freshness_seconds: u64,
}

impl FromStr for Declared {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let declared: Self = serde_json::from_str(text)
            .map_err(|error| format!("not the JSON of a breaker's declaration: {error}"))?;
        if declared.failures_in_a_row.is_none() && declared.failure_percent.is_none() {
            return Err("needs failures_in_a_row or failure_percent, or it never opens".to_owned());
        }
        Ok(declared)
    }
}

impl BreakerSettings {
    /// Returns the variable that holds the declaration of the breaker with this name.
    ///
    /// The name is in capitals, with `_` for `-`: `TIDEGATE_BREAKER_PAYMENT`.
    pub fn variable(name: &str) -> String {
        format!("{PREFIX}{}", name.to_ascii_uppercase().replace('-', "_"))
    }

    /// Reads the declaration of the breaker with this name, and the namespace of its metrics
    /// (`TIDEGATE_METRICS`).
    ///
    /// `None` if it is missing or wrong; the settings then have a problem that says so.
    pub fn read(settings: &mut Settings, name: &str) -> Option<Self> {
        let declared = settings.parsed(&Self::variable(name))?;
        let function = settings.optional::<String>("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
        let metrics = settings.optional("TIDEGATE_METRICS").map(|metrics| (metrics, function));
        Some(Self { name: name.to_owned(), declared, metrics })
    }

    /// Returns the declared rules.
    pub fn rules(&self) -> Rules {
        let declared = &self.declared;
        let rules = Rules::new(Duration::from_secs(declared.cool_down_seconds))
            .failures_in_a_row(declared.failures_in_a_row)
            .window(Duration::from_secs(declared.window_seconds))
            .freshness(Duration::from_secs(declared.freshness_seconds));
        match declared.failure_percent {
            Some(percent) => rules.failure_share(percent, declared.minimum_calls.unwrap_or(1)),
            None => rules,
        }
    }

    /// Creates the breaker, with its row in DynamoDB.
    pub fn breaker(self, aws: &AwsClients) -> Breaker {
        let (rules, dynamodb) = (self.rules(), aws.dynamodb());
        let mut store = DynamoDbBreakers::new(dynamodb.clone(), self.declared.table);
        if let Some(table) = self.declared.events_table {
            store = store.events(DynamoDbEventStore::new(dynamodb, table));
        }
        let breaker = Breaker::new(Arc::new(store), self.name, rules);
        match self.metrics {
            Some((metrics, function)) => breaker.metrics(metrics, function),
            None => breaker,
        }
    }
}
