//! Limits of filter policies (SNS Developer Guide: `subscription-filter-policy-constraints`).

use crate::model::FilterPolicyScope;
use crate::pattern::Fault;
use aws_json::Json;

/// Most keys of a policy. Of nested keys only the outermost counts.
pub const KEYS: usize = 5;
/// Most combinations of values.
///
/// The lists multiply; in the scope of the body each counts as often as it is nested. The
/// alternatives of `$or` add up.
pub const COMBINATIONS: u64 = 150;
/// Largest policy, in bytes.
pub const BYTES: usize = 262_144;
/// Most policies of one topic: SNS's default quota.
pub const POLICIES_OF_A_TOPIC: usize = 200;

/// Largest number, either way from zero.
const LARGEST: f64 = 1e9;
/// Most digits behind the point of a number.
const DIGITS: usize = 5;
/// Name of the operator for alternatives.
const OR: &str = "$or";

/// Returns what breaks a limit, with its path.
pub(super) fn faults(policy: &Json<'_>, scope: FilterPolicyScope) -> Vec<Fault> {
    let mut limits = Limits { scope, path: Vec::new(), faults: Vec::new() };
    let Json::Object(fields) = policy else { return limits.faults };
    if fields.len() > KEYS {
        limits.fault(format!("has {} keys; at most {KEYS} are allowed", fields.len()));
    }
    let combinations = limits.object(policy, 1, 1);
    if combinations > COMBINATIONS {
        limits.fault(format!(
            "makes {combinations} combinations of values; at most {COMBINATIONS} are allowed"
        ));
    }
    limits.faults
}

struct Limits {
    scope: FilterPolicyScope,
    path: Vec<String>,
    faults: Vec<Fault>,
}

impl Limits {
    fn fault(&mut self, reason: impl Into<String>) {
        self.faults.push(Fault { path: self.path.clone(), reason: reason.into() });
    }

    fn inside<T>(&mut self, step: &str, check: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step.to_owned());
        let checked = check(self);
        self.path.pop();
        checked
    }

    /// Checks an object, and returns the combinations of it and of what stands beside it.
    fn object(&mut self, object: &Json<'_>, depth: u64, beside: u64) -> u64 {
        let Json::Object(fields) = object else { return beside };
        let mut combinations = beside;
        for (name, value) in fields {
            combinations = self.inside(name, |limits| match value {
                Json::List(patterns) if name == OR => {
                    let sums = patterns.iter().enumerate().map(|(n, pattern)| {
                        limits.inside(&n.to_string(), |limits| {
                            limits.object(pattern, depth, combinations)
                        })
                    });
                    sums.fold(0, u64::saturating_add)
                }
                Json::List(values) => {
                    for (n, value) in values.iter().enumerate() {
                        limits.inside(&n.to_string(), |limits| limits.value(value));
                    }
                    let values = u64::try_from(values.len()).unwrap_or(u64::MAX);
                    combinations.saturating_mul(values).saturating_mul(depth)
                }
                nested => {
                    if limits.scope == FilterPolicyScope::Attributes {
                        limits.fault(
                            "is nested, and message attributes are not; use a list of values, or \
                             filter_policy_scope = \"body\"",
                        );
                    }
                    limits.object(nested, depth + 1, combinations)
                }
            });
        }
        combinations
    }

    /// Checks a value or an operator.
    fn value(&mut self, value: &Json<'_>) {
        match value {
            Json::Number(number) => self.number(number),
            Json::List(values) => values.iter().for_each(|value| self.value(value)),
            Json::Object(operators) => {
                for (operator, operand) in operators {
                    self.inside(operator, |limits| match (&**operator, operand) {
                        ("prefix" | "suffix", Json::Object(_)) => {
                            limits.fault("is an object; SNS takes a string here");
                        }
                        ("anything-but", Json::Object(inner))
                            if inner.iter().any(|(name, _)| name == "equals-ignore-case") =>
                        {
                            limits.fault("has equals-ignore-case, which SNS takes only by itself");
                        }
                        _ => limits.value(operand),
                    });
                }
            }
            _ => {}
        }
    }

    fn number(&mut self, number: &str) {
        let is_large = number.parse::<f64>().is_ok_and(|value| value.abs() > LARGEST);
        let behind = number.split_once('.').map_or("", |(_, behind)| behind);
        if is_large {
            self.fault(format!("has {number}; SNS compares numbers from -1e9 to 1e9"));
        } else if behind.len() > DIGITS && !behind.contains(['e', 'E']) {
            self.fault(format!("has {number}; SNS compares {DIGITS} digits behind the point"));
        }
    }
}
