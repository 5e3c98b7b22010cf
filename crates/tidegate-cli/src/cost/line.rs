//! Priced amounts, and sums of them.

use std::collections::BTreeMap;

use serde::Serialize;
use terminal::problem::Problem;

use super::prices::Prices;

/// Priced lines with their total, most expensive first.
#[derive(Debug, Serialize)]
pub(super) struct Sum {
    pub(super) usd: f64,
    pub(super) lines: Vec<Line>,
}

/// One priced amount.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Line {
    /// Cause of the cost: a function, a stream, a table, or the whole environment.
    pub(super) user: String,
    pub(super) service: &'static str,
    /// Description for people.
    pub(super) what: String,
    pub(super) amount: f64,
    pub(super) unit: String,
    pub(super) usd: f64,
}

impl Line {
    /// Prices an amount.
    ///
    /// # Errors
    /// The price table lacks the price.
    pub(super) fn new(
        prices: &Prices,
        key: &str,
        user: &str,
        what: impl Into<String>,
        amount: f64,
    ) -> Result<Self, Problem> {
        let priced = prices.price(key, amount, user)?;
        Ok(Self {
            user: user.to_owned(),
            service: service(key),
            what: what.into(),
            amount,
            unit: priced.unit,
            usd: priced.usd,
        })
    }
}

impl Sum {
    pub(super) fn new(lines: Vec<Line>) -> Self {
        let mut lines: Vec<Line> = lines.into_iter().filter(|line| line.amount > 0.0).collect();
        lines.sort_by(|one, other| {
            other
                .usd
                .total_cmp(&one.usd)
                .then_with(|| (&one.user, &one.what).cmp(&(&other.user, &other.what)))
        });
        Self { usd: lines.iter().map(|line| line.usd).sum(), lines }
    }

    /// Returns the cost per name, most expensive first.
    pub(super) fn by<'a>(&'a self, name: impl Fn(&'a Line) -> &'a str) -> Vec<(&'a str, f64)> {
        let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
        for line in &self.lines {
            *sums.entry(name(line)).or_default() += line.usd;
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by(|one, other| other.1.total_cmp(&one.1));
        sums
    }
}

/// Returns the service to which a price belongs.
fn service(key: &str) -> &'static str {
    const SERVICES: [(&str, &str); 14] = [
        ("api_gateway_", "API Gateway"),
        ("lambda_", "Lambda"),
        ("dynamodb_", "DynamoDB"),
        ("kinesis_", "Kinesis"),
        ("eventbridge_", "EventBridge"),
        ("scheduler_", "Scheduler"),
        ("sqs_", "SQS"),
        ("sns_", "SNS"),
        ("s3_", "S3"),
        ("logs_", "CloudWatch"),
        ("cloudwatch_", "CloudWatch"),
        ("xray_", "X-Ray"),
        ("kms_", "KMS"),
        ("ses_", "SES"),
    ];
    SERVICES.iter().find(|(prefix, _)| key.starts_with(prefix)).map_or("other", |(_, name)| name)
}
