//! Places orders that keep the rules of their type, up to a limit from Parameter Store.
//!
//! Guarantees:
//!
//! - An order that breaks a rule becomes a dead letter, whose reason names every field with its
//!   rule.
//! - The limit is read at most once a minute. While AWS's extension does not answer, the last limit
//!   stays in use for a quarter of an hour.
//! - The units of each order are a custom metric, written before the response.
//!
//! Needs the features `garde`, `parameters` and `custom-metrics`, and the layer of AWS's Parameters
//! and Secrets Lambda Extension.

use std::process::ExitCode;

use garde::Validate;
use serde::Deserialize;
use tidegate::batch::{BatchContext, Handled};
use tidegate::each;
use tidegate::failure::Failure;
use tidegate::function::Function;
use tidegate::metrics::Unit;
use tidegate::parameters::Parameters;
use tidegate::source::Source;
use tidegate::validation::Valid;

#[derive(Deserialize, Validate)]
struct Order {
    #[garde(length(min = 1, max = 20))]
    id: String,
    #[garde(inner(length(equal = 2)))]
    country: Option<String>,
    #[garde(dive, length(min = 1, max = 1000))]
    lines: Vec<Line>,
}

#[derive(Deserialize, Validate)]
struct Line {
    #[garde(range(min = 1, max = 10_000))]
    units: u32,
}

async fn place(
    order: &Order,
    parameters: &Parameters,
    context: &BatchContext,
) -> Result<Handled, Failure> {
    let units: u32 = order.lines.iter().map(|line| line.units).sum();
    let limit: u32 = parameters.json("/orders/limit").await?;
    // There are a few hundred countries, but customers without number: no id is a dimension.
    let country = order.country.as_deref().unwrap_or("unknown");
    context.metrics.add("Units", Unit::Count, f64::from(units), &[("country", country)]);
    if units > limit {
        let reason = format!("{} has {units} units; {limit} are allowed", order.id);
        return Err(Failure::permanent("too_large", reason));
    }
    Ok(Handled::Applied)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let parameters = Parameters::from_settings(&mut function.settings);
    let build = |_: &tidegate::aws::AwsClients| {
        let parameters = parameters?;
        Some(each!(16, async move |Valid(order): &Valid<Order>, context| {
            place(order, &parameters, context).await
        }))
    };
    function.run(Source::Sqs, build).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tidegate::batch::{Invocation, Runner};
    use tidegate::test::{MemoryDeadLetters, ParameterServer, SqsEvent};

    use super::*;

    #[tokio::test]
    async fn an_order_is_placed_unless_it_breaks_a_rule_or_is_above_the_limit() {
        let server = ParameterServer::start().unwrap();
        server.parameter("/orders/limit", "100");
        let parameters = server.parameters();
        let handler = each!(1, async move |Valid(order): &Valid<Order>, context| {
            place(order, &parameters, context).await
        });
        let letters = Arc::new(MemoryDeadLetters::default());
        let queue = Arc::clone(&letters);
        let runner = Runner::new(Source::Sqs, handler, "orders", queue);
        let event = SqsEvent::new()
            .message(r#"{"id":"7","lines":[{"units":60},{"units":40}]}"#)
            .message(r#"{"id":"","country":"FRA","lines":[{"units":1},{"units":0}]}"#)
            .message(r#"{"id":"8","lines":[{"units":101}]}"#)
            .build();
        let report = runner.run(Invocation::new(&event, Duration::from_secs(10))).await;
        let counts = report.counts;
        assert_eq!((counts.applied, counts.dead_lettered, counts.total()), (1, 2, 3));
        let letters = letters.letters();
        let mut found: Vec<_> =
            letters.iter().map(|letter| (letter.code.as_str(), letter.reason.as_str())).collect();
        found.sort_unstable();
        assert_eq!(found[1], ("too_large", "8 has 101 units; 100 are allowed"));
        assert_eq!(found[0].0, "invalid_record");
        for field in ["id: ", "country: ", "lines[1].units: "] {
            assert!(found[0].1.contains(field), "{field}: {}", found[0].1);
        }
        assert_eq!(server.requests().len(), 1, "the limit is kept");
    }
}
