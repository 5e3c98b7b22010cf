//! Which faults are injected, and how often.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::error::{FaultError, Mistake};
use super::kind::{Fault, Kind, Reason, When};
use super::site::Site;
use topology::pattern::Wildcard;

/// The time a fault during the handler's work is drawn from, where the plan says none.
const DURING: u64 = 50;

/// A seed and what it decides about.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    /// Two runs with the same seed draw the same faults at the same sites.
    pub seed: u64,
    /// The faults.
    pub rules: Vec<Rule>,
    /// Functions whose clock is wrong.
    pub clocks: Vec<Clock>,
}

/// A fault and how often it occurs.
#[derive(Clone, Debug)]
pub struct Rule {
    kind: Kind,
    when: Option<When>,
    milliseconds: Option<u64>,
    reason: Option<Reason>,
    rate: f64,
    function: Wildcard,
    /// None for a fault of the invocation itself.
    operation: Option<Wildcard>,
    attempts: Option<u32>,
    call: Option<u32>,
}

/// A function whose clock is wrong.
#[derive(Clone, Debug)]
pub struct Clock {
    function: Wildcard,
    skew_seconds: i64,
}

impl FaultPlan {
    /// Reads a plan file.
    ///
    /// # Errors
    /// The file cannot be read, or has mistakes: all of them, with their lines.
    pub fn read(path: &Path) -> Result<Self, FaultError> {
        let unreadable = |source| FaultError::Unreadable { path: path.to_owned(), source };
        let text = fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text).map_err(|mistakes| FaultError::Plan { path: PathBuf::from(path), mistakes })
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// All its mistakes, with their lines.
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

    /// The faults of a site, at most one of each kind and moment.
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

    /// How far a function's clock is off, in seconds.
    #[must_use]
    pub fn skew(&self, function: &str) -> Option<i64> {
        self.clocks.iter().find(|clock| clock.function.matches(function)).map(|clock| clock.skew_seconds)
    }
}

impl Rule {
    fn concerns(&self, site: &Site) -> bool {
        let operation = match (&self.operation, &site.operation) {
            (None, None) => true,
            (Some(wanted), Some(operation)) => wanted.matches(operation),
            _ => false,
        };
        operation
            && self.function.matches(&site.function)
            && self.attempts.is_none_or(|attempts| site.attempt <= attempts)
            && self.call.is_none_or(|call| site.call == call)
    }

    fn fault(&self, site: &Site, seed: u64) -> Fault {
        let (when, milliseconds, reason) = (self.when, self.milliseconds, self.reason);
        let fault = Fault { when, milliseconds, reason, ..Fault::new(self.kind) };
        match (self.kind, self.when) {
            (Kind::Kill, Some(When::During)) => {
                // The moment is drawn too, so that it is not always the same.
                let within = self.milliseconds.unwrap_or(DURING);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    clippy::cast_precision_loss
                )]
                let moment = (site.draw(seed, "moment") * within as f64) as u64;
                Fault { milliseconds: Some(moment), ..fault }
            }
            (Kind::Reorder | Kind::Cancel, _) => Fault { seed: Some(seed), ..fault },
            _ => fault,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    fault: Vec<Spanned<RuleText>>,
    #[serde(default)]
    clock: Vec<Spanned<ClockText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    fault: Kind,
    when: Option<When>,
    milliseconds: Option<u64>,
    reason: Option<Reason>,
    rate: f64,
    #[serde(default = "every")]
    function: String,
    operation: Option<String>,
    attempts: Option<u32>,
    call: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockText {
    #[serde(default = "every")]
    function: String,
    skew_seconds: i64,
}

fn every() -> String {
    "*".to_owned()
}

fn wildcard(key: &str, text: &str) -> Result<Wildcard, String> {
    Wildcard::parse(text).map_err(|why| format!("{key} {text:?} {why}"))
}

impl RuleText {
    fn rule(self) -> Result<Rule, Vec<String>> {
        let mut mistakes = Vec::new();
        if !(0.0..=1.0).contains(&self.rate) {
            mistakes.push(format!("rate is {}; allowed are 0 to 1", self.rate));
        }
        let call = self.operation.is_some();
        let moments: &[When] = match (self.fault, call) {
            (Kind::Kill, false) => &[When::Before, When::During, When::After],
            (Kind::DeliverTwice, false) => &[When::After, When::During],
            (Kind::Kill | Kind::Throttle | Kind::Fail | Kind::Delay | Kind::Hang | Kind::Cancel, true) => {
                &[When::Before, When::After]
            }
            (Kind::Deny, true) => &[],
            (
                Kind::Throttle
                | Kind::LoseResponse
                | Kind::Reorder
                | Kind::Stall
                | Kind::Pause
                | Kind::Age
                | Kind::TimeOut,
                false,
            ) => &[],
            (Kind::Fail | Kind::Deny | Kind::Delay | Kind::Hang | Kind::Cancel, false) => {
                mistakes.push(format!(
                    "{} is a fault of an AWS call: it needs an operation, such as \"DynamoDB.*\"",
                    self.fault
                ));
                &[When::Before, When::After]
            }
            (kind, true) => {
                mistakes.push(format!("{kind} is a fault of an invocation: it has no operation"));
                &[When::Before, When::During, When::After]
            }
        };
        let when = match (self.when, moments) {
            (None, []) => None,
            (None, [first, ..]) => Some(*first),
            (Some(when), _) if moments.contains(&when) => Some(when),
            (Some(_), []) => {
                mistakes.push(format!("{} has no `when`", self.fault));
                None
            }
            (Some(when), _) => {
                let allowed: Vec<String> = moments.iter().map(ToString::to_string).collect();
                mistakes.push(format!("when is {when}; {} allows {}", self.fault, allowed.join(", ")));
                None
            }
        };
        match (self.fault, self.milliseconds) {
            (Kind::Stall | Kind::Pause | Kind::Age | Kind::TimeOut | Kind::Delay, None) => {
                mistakes.push(format!("{} needs milliseconds", self.fault));
            }
            (Kind::Stall | Kind::Pause | Kind::Age | Kind::TimeOut | Kind::Delay, Some(_)) | (_, None) => {}
            (Kind::Kill, Some(_)) if when == Some(When::During) => {}
            (kind, Some(_)) => mistakes.push(format!("{kind} takes no milliseconds here")),
        }
        match (self.fault, self.reason) {
            (Kind::Cancel, None) => mistakes.push(
                "cancel needs a reason: ThrottlingError, ProvisionedThroughputExceeded or TransactionConflict"
                    .to_owned(),
            ),
            (Kind::Cancel, Some(_)) | (_, None) => {}
            (kind, Some(_)) => mistakes.push(format!("{kind} takes no reason")),
        }
        if self.call.is_some() && !call {
            mistakes.push("call is the number of an AWS call: it needs an operation".to_owned());
        }
        if self.attempts == Some(0) || self.call == Some(0) {
            mistakes.push("attempts and calls are counted from 1".to_owned());
        }
        let function = wildcard("function", &self.function).map_err(|mistake| mistakes.push(mistake)).ok();
        let operation = match &self.operation {
            None => Some(None),
            Some(text) => {
                wildcard("operation", text).map_err(|mistake| mistakes.push(mistake)).ok().map(Some)
            }
        };
        match (function, operation) {
            (Some(function), Some(operation)) if mistakes.is_empty() => Ok(Rule {
                kind: self.fault,
                when,
                milliseconds: self.milliseconds,
                reason: self.reason,
                rate: self.rate,
                function,
                operation,
                attempts: self.attempts,
                call: self.call,
            }),
            _ => Err(mistakes),
        }
    }
}

impl ClockText {
    fn clock(self) -> Result<Clock, String> {
        /// A hundred years: further, and clocks of 32 bits overflow.
        const FURTHEST: i64 = 3_155_760_000;
        if !(-FURTHEST..=FURTHEST).contains(&self.skew_seconds) {
            return Err(format!("skew_seconds is {}; at most {FURTHEST} are allowed", self.skew_seconds));
        }
        Ok(Clock { function: wildcard("function", &self.function)?, skew_seconds: self.skew_seconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(function: &str, operation: Option<&str>, attempt: u32, call: u32) -> Site {
        let operation = operation.map(str::to_owned);
        Site { function: function.to_owned(), operation, delivery: "d".to_owned(), attempt, call }
    }

    fn mistakes(text: &str) -> Vec<(usize, String)> {
        FaultPlan::parse(text).unwrap_err().into_iter().map(|mistake| (mistake.line, mistake.what)).collect()
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
        let plan = FaultPlan::parse(&format!("seed = 3\n{rule}reason = \"TransactionConflict\"\n")).unwrap();
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
    fn the_rate_is_the_share_of_sites() {
        let plan = FaultPlan::parse("[[fault]]\nfault = \"throttle\"\nrate = 0.2\n").unwrap();
        let hits = (1..=2000).filter(|attempt| !plan.at(&site("f", None, *attempt, 0)).is_empty()).count();
        assert!((330..470).contains(&hits), "{hits} of 2000");
    }

    #[test]
    fn a_kill_during_the_work_comes_at_a_moment_of_its_own_each_time() {
        let plan =
            FaultPlan::parse("[[fault]]\nfault = \"kill\"\nwhen = \"during\"\nmilliseconds = 80\nrate = 1\n");
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
            (3, "rate is 2; allowed are 0 to 1"),
            (3, "stall needs milliseconds"),
            (7, "fail is a fault of an AWS call: it needs an operation, such as \"DynamoDB.*\""),
            (11, "reorder is a fault of an invocation: it has no operation"),
            (16, "when is before; deliver-twice allows after, during"),
            (20, "skew_seconds is 9999999999; at most 3155760000 are allowed"),
        ];
        let expected: Vec<_> = expected.iter().map(|(line, what)| (*line, (*what).to_owned())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_no_plan_is_said_with_its_line() {
        assert_eq!(mistakes("seed = 1\nsed = 2\n").first().unwrap().0, 2);
        let (line, what) = mistakes("[[fault]]\nfault = \"explode\"\nrate = 1\n").remove(0);
        assert!(line == 2 && what.contains("explode") && what.contains("lose-response"), "{line}: {what}");
    }

    #[test]
    fn the_first_clock_that_names_a_function_counts() {
        let plan =
            FaultPlan::parse("[[clock]]\nfunction = \"a\"\nskew_seconds = -5\n[[clock]]\nskew_seconds = 7\n");
        let plan = plan.unwrap();
        assert_eq!((plan.skew("a"), plan.skew("b")), (Some(-5), Some(7)));
        assert_eq!(FaultPlan::default().skew("a"), None);
    }
}
