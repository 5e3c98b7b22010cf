//! What the orders cost, by the report of `tidegate cost`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use terminal::problem::Problem;

/// Service that sends e-mail. Its price is higher than that of everything else together.
const MAIL: &str = "SES";
/// Unit of computing, whose amount is that of the machine on which the orders were measured.
const COMPUTING: &str = "GB-seconds";
/// Orders whose cost is stated.
const MILLION: f64 = 1e6;

/// The part of `tidegate cost --json` that the summary needs.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    /// Units of work that the amounts are for.
    per: f64,
    environments: Vec<Environment>,
}

#[derive(Debug, Deserialize)]
struct Environment {
    work: Sum,
}

#[derive(Debug, Deserialize)]
struct Sum {
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize)]
struct Line {
    user: String,
    service: String,
    unit: String,
    amount: f64,
    usd: f64,
}

/// What orders cost.
#[derive(Debug, Default, Serialize)]
pub(super) struct Cost {
    /// USD for a million orders, without e-mail.
    pub(super) usd_per_million: f64,
    /// Computing among it, in the time of the machine that was measured.
    pub(super) computing_usd_per_million: f64,
    /// USD for the e-mails of a million orders.
    pub(super) mail_usd_per_million: f64,
    /// Amounts for one order by service and unit, without e-mail, with their USD for a million.
    pub(super) amounts: BTreeMap<String, Amount>,
    /// USD for a million orders by function or stream, without e-mail.
    pub(super) users: BTreeMap<String, f64>,
}

/// An amount for one order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Amount {
    pub(super) per_order: f64,
    pub(super) usd_per_million: f64,
}

impl Cost {
    /// Sums the lines of the first environment up.
    ///
    /// # Errors
    /// The report has no environment, or is for no work.
    pub(super) fn of(report: Report) -> Result<Self, Problem> {
        let environment = report.environments.first().filter(|_| report.per > 0.0);
        let environment = environment.ok_or_else(|| {
            Problem::new(
                "the report of `tidegate cost` has no environment; name one with --environment",
            )
        })?;
        let mut cost = Self::default();
        for line in &environment.work.lines {
            let usd = line.usd / report.per * MILLION;
            if line.service == MAIL {
                cost.mail_usd_per_million += usd;
                continue;
            }
            cost.usd_per_million += usd;
            if line.unit == COMPUTING {
                cost.computing_usd_per_million += usd;
            }
            let amount = cost.amounts.entry(format!("{} {}", line.service, line.unit)).or_default();
            amount.per_order += line.amount / report.per;
            amount.usd_per_million += usd;
            *cost.users.entry(line.user.clone()).or_default() += usd;
        }
        Ok(cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_for_one_order_and_money_for_a_million() {
        let report = serde_json::json!({ "per": 2_000_000.0, "environments": [{ "work": { "lines": [
            { "user": "payment", "service": "DynamoDB", "unit": "write units", "amount": 4e6, "usd": 2.5 },
            { "user": "ledger", "service": "DynamoDB", "unit": "write units", "amount": 2e6, "usd": 1.25 },
            { "user": "ledger", "service": "Lambda", "unit": "GB-seconds", "amount": 2e6, "usd": 8.0 },
            { "user": "notification", "service": "SES", "unit": "messages", "amount": 2e6, "usd": 200.0 },
        ] } }] });
        let cost = Cost::of(serde_json::from_value(report).unwrap()).unwrap();
        let amount = Amount { per_order: 3.0, usd_per_million: 1.875 };
        assert_eq!(cost.amounts["DynamoDB write units"], amount);
        assert_eq!(cost.amounts.len(), 2, "without e-mail: {cost:?}");
        assert_eq!((cost.usd_per_million, cost.mail_usd_per_million), (5.875, 100.0));
        assert_eq!(cost.computing_usd_per_million, 4.0);
        assert_eq!((cost.users["payment"], cost.users["ledger"]), (1.25, 4.625));
    }

    #[test]
    fn a_report_about_nothing_is_refused() {
        for report in [
            r#"{"per": 1, "environments": []}"#,
            r#"{"per": 0, "environments": [{"work": {"lines": []}}]}"#,
        ] {
            let problem = Cost::of(serde_json::from_str(report).unwrap()).unwrap_err();
            assert!(problem.to_string().contains("--environment"), "{problem}");
        }
    }
}
