//! Fault plans: which faults are injected, and how often.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::{FaultError, Mistake};
use super::kind::Fault;
use super::plan_text::Document;
use super::rule::{Clock, Rule};
use super::site::Site;

/// A seed, and the faults and clocks that it decides.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    /// Two runs with the same seed draw the same faults at the same sites.
    pub seed: u64,
    /// The rules.
    pub rules: Vec<Rule>,
    /// Functions whose clock is wrong.
    pub clocks: Vec<Clock>,
}

impl FaultPlan {
    /// Reads a plan file.
    ///
    /// # Errors
    /// The file cannot be read, or has mistakes. The error lists all mistakes with their lines.
    pub fn read(path: &Path) -> Result<Self, FaultError> {
        let unreadable = |source| FaultError::Unreadable { path: path.to_owned(), source };
        let text = fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text)
            .map_err(|mistakes| FaultError::Plan { path: PathBuf::from(path), mistakes })
    }

    /// Parses a plan.
    ///
    /// # Errors
    /// Returns all mistakes, with their lines.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        let line = |at: usize| text.get(..at).unwrap_or(text).matches('\n').count() + 1;
        let document: Document = toml::from_str(text).map_err(|error| {
            vec![Mistake {
                line: line(error.span().map_or(0, |span| span.start)),
                what: error.message().to_owned(),
            }]
        })?;
        let mut mistakes = Vec::new();
        let mut plan = Self { seed: document.seed, ..Self::default() };
        for spanned in document.fault {
            let line = line(spanned.span().start);
            match spanned.into_inner().rule() {
                Ok(rule) => plan.rules.push(rule),
                Err(whats) => mistakes.extend(whats.into_iter().map(|what| Mistake { line, what })),
            }
        }
        for spanned in document.clock {
            let line = line(spanned.span().start);
            match spanned.into_inner().clock() {
                Ok(clock) => plan.clocks.push(clock),
                Err(what) => mistakes.push(Mistake { line, what }),
            }
        }
        if mistakes.is_empty() { Ok(plan) } else { Err(mistakes) }
    }

    /// Returns the faults of a site, at most one of each kind and moment.
    pub(super) fn at(&self, site: &Site) -> Vec<Fault> {
        let mut faults: Vec<Fault> = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.concerns(site)) {
            let fault = rule.fault(site, self.seed);
            let known = |other: &Fault| other.kind == fault.kind && other.when == fault.when;
            if !faults.iter().any(known) && site.occurs(self.seed, &fault, rule.rate) {
                faults.push(fault);
            }
        }
        faults
    }

    /// Returns by how many seconds a function's clock is off.
    #[must_use]
    pub fn skew(&self, function: &str) -> Option<i64> {
        self.clocks.iter().find(|clock| clock.concerns(function)).map(|clock| clock.skew_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::super::kind::{Kind, Reason, When};
    use super::*;

    fn site(function: &str, operation: Option<&str>, attempt: u32, call: u32) -> Site {
        let operation = operation.map(str::to_owned);
        Site { function: function.to_owned(), operation, delivery: "d".to_owned(), attempt, call }
    }

    fn mistakes(text: &str) -> Vec<(usize, String)> {
        FaultPlan::parse(text)
            .unwrap_err()
            .into_iter()
            .map(|mistake| (mistake.line, mistake.what))
            .collect()
    }

    #[test]
    fn a_rule_concerns_the_functions_operations_attempts_and_calls_it_names() {
        let plan = FaultPlan::parse(
            "seed = 4\n[[fault]]\nfault = \"kill\"\nwhen = \"after\"\nrate = 1.0\nfunction = \"order-*\"\noperation = \"DynamoDB.*\"\nattempts = 2\ncall = 3\n",
        )
        .unwrap();
        let kill = Fault { when: Some(When::After), ..Fault::new(Kind::Kill) };
        assert_eq!(plan.at(&site("order-processor", Some("DynamoDB.PutItem"), 2, 3)), [kill]);
        for other in [
            site("notification", Some("DynamoDB.PutItem"), 2, 3),
            site("order-processor", Some("SQS.SendMessage"), 2, 3),
            site("order-processor", Some("DynamoDB.PutItem"), 3, 3),
            site("order-processor", Some("DynamoDB.PutItem"), 2, 1),
            site("order-processor", None, 2, 0),
        ] {
            assert_eq!(plan.at(&other), [], "{other:?}");
        }
    }

    #[test]
    fn a_transaction_is_cancelled_for_the_reason_that_the_rule_names() {
        let rule = "[[fault]]\nfault = \"cancel\"\noperation = \"DynamoDB.TransactWriteItems\"\nrate = 1\n";
        let plan = FaultPlan::parse(&format!("seed = 3\n{rule}reason = \"TransactionConflict\"\n"))
            .unwrap();
        let found = plan.at(&site("f", Some("DynamoDB.TransactWriteItems"), 1, 1));
        let (when, reason) = (Some(When::Before), Some(Reason::TransactionConflict));
        assert_eq!(found, [Fault { when, reason, seed: Some(3), ..Fault::new(Kind::Cancel) }]);
        assert_eq!(found[0].to_string(), "cancel for TransactionConflict before");
        assert!(
            mistakes(rule)[0].1.starts_with("cancel needs a reason: ThrottlingError"),
            "{:?}",
            mistakes(rule)
        );
    }

    #[test]
    fn statements_of_a_batch_fail_for_the_reason_that_the_rule_names() {
        let rule = |fault: &str, reason: &str| {
            format!(
                "[[fault]]\nfault = \"{fault}\"\noperation = \"DynamoDB.BatchExecuteStatement\"\nrate = 1\nwhen = \"after\"\n{reason}"
            )
        };
        let internal = "reason = \"InternalServerError\"\n";
        let plan = FaultPlan::parse(&rule("fail-statements", internal)).unwrap();
        let found = plan.at(&site("f", Some("DynamoDB.BatchExecuteStatement"), 1, 1));
        let (when, reason) = (Some(When::After), Some(Reason::InternalServerError));
        assert_eq!(
            found,
            [Fault { when, reason, seed: Some(0), ..Fault::new(Kind::FailStatements) }]
        );
        assert_eq!(found[0].to_string(), "fail-statements for InternalServerError after");
        assert_eq!(
            mistakes(&rule("fail-statements", ""))[0].1,
            "fail-statements needs a reason: ThrottlingError, ProvisionedThroughputExceeded, TransactionConflict or InternalServerError"
        );
        assert!(
            mistakes(&rule("cancel", internal))[0].1.starts_with("cancel needs a reason: Throttl"),
            "no transaction is cancelled for it"
        );
    }

    #[test]
    fn the_rate_is_the_share_of_sites() {
        let plan = FaultPlan::parse("[[fault]]\nfault = \"throttle\"\nrate = 0.2\n").unwrap();
        let hits =
            (1..=2000).filter(|attempt| !plan.at(&site("f", None, *attempt, 0)).is_empty()).count();
        assert!((330..470).contains(&hits), "{hits} of 2000");
    }

    #[test]
    fn a_kill_during_the_work_comes_at_a_moment_of_its_own_each_time() {
        let plan = FaultPlan::parse(
            "[[fault]]\nfault = \"kill\"\nwhen = \"during\"\nmilliseconds = 80\nrate = 1\n",
        );
        let plan = plan.unwrap();
        let moments: std::collections::BTreeSet<u64> = (1..=100)
            .filter_map(|attempt| plan.at(&site("f", None, attempt, 0)).first()?.milliseconds)
            .collect();
        assert!(moments.len() > 30 && moments.iter().all(|moment| *moment < 80), "{moments:?}");
    }

    #[test]
    fn every_mistake_is_said_with_its_line() {
        let text = "seed = 1\n\n[[fault]]\nfault = \"stall\"\nrate = 2.0\n\n[[fault]]\nfault = \"fail\"\nrate = 0.1\n\n[[fault]]\nfault = \"reorder\"\noperation = \"SQS.*\"\nrate = 0.1\n\n[[fault]]\nfault = \"deliver-twice\"\nwhen = \"before\"\nrate = 0.1\n[[clock]]\nskew_seconds = 9999999999\n";
        let found = mistakes(text);
        let expected = [
            (3, "rate is 2; it must be between 0 and 1"),
            (3, "stall needs milliseconds"),
            (7, "fail is a fault of an AWS call: add an operation, such as \"DynamoDB.*\""),
            (11, "reorder is a fault of an invocation: remove the operation"),
            (16, "when is before; deliver-twice allows after, during"),
            (20, "skew_seconds is 9999999999; it must be between -3155760000 and 3155760000"),
        ];
        let expected: Vec<_> =
            expected.iter().map(|(line, what)| (*line, (*what).to_owned())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_no_plan_is_said_with_its_line() {
        assert_eq!(mistakes("seed = 1\nsed = 2\n").first().unwrap().0, 2);
        let (line, what) = mistakes("[[fault]]\nfault = \"explode\"\nrate = 1\n").remove(0);
        assert!(
            line == 2 && what.contains("explode") && what.contains("lose-response"),
            "{line}: {what}"
        );
    }

    #[test]
    fn the_first_clock_that_names_a_function_counts() {
        let plan = FaultPlan::parse(
            "[[clock]]\nfunction = \"a\"\nskew_seconds = -5\n[[clock]]\nskew_seconds = 7\n",
        );
        let plan = plan.unwrap();
        assert_eq!((plan.skew("a"), plan.skew("b")), (Some(-5), Some(7)));
        assert_eq!(FaultPlan::default().skew("a"), None);
    }
}
