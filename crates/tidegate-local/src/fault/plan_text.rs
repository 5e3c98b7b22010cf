//! A fault plan as it is written, in TOML.

use serde::Deserialize;
use toml::Spanned;

use super::kind::{Kind, Reason, When};
use super::rule::{Clock, Rule};
use topology::pattern::Wildcard;

/// A plan as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    #[serde(default)]
    pub(super) seed: u64,
    #[serde(default)]
    pub(super) fault: Vec<Spanned<RuleText>>,
    #[serde(default)]
    pub(super) clock: Vec<Spanned<ClockText>>,
}

/// A `[[fault]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleText {
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

/// A `[[clock]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockText {
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
    /// Returns the rule, or every mistake in it.
    pub(super) fn rule(self) -> Result<Rule, Vec<String>> {
        let mut mistakes = Vec::new();
        if !(0.0..=1.0).contains(&self.rate) {
            mistakes.push(format!("rate is {}; it must be between 0 and 1", self.rate));
        }
        let moments = self.moments(&mut mistakes);
        let when = self.moment(moments, &mut mistakes);
        self.check_milliseconds(when, &mut mistakes);
        self.check_reason(&mut mistakes);
        self.check_counts(&mut mistakes);
        let function =
            wildcard("function", &self.function).map_err(|mistake| mistakes.push(mistake)).ok();
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

    /// Returns the moments at which this kind of fault can occur, with the default first.
    ///
    /// They are moments of an AWS call if the fault names an operation, otherwise moments of an
    /// invocation.
    fn moments(&self, mistakes: &mut Vec<String>) -> &'static [When] {
        match (self.fault, self.operation.is_some()) {
            (Kind::Kill, false) => &[When::Before, When::During, When::After],
            (Kind::DeliverTwice, false) => &[When::After, When::During],
            (
                Kind::Kill
                | Kind::Throttle
                | Kind::Fail
                | Kind::Delay
                | Kind::Hang
                | Kind::Cancel
                | Kind::FailStatements,
                true,
            ) => &[When::Before, When::After],
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
            (
                Kind::Fail
                | Kind::Deny
                | Kind::Delay
                | Kind::Hang
                | Kind::Cancel
                | Kind::FailStatements,
                false,
            ) => {
                mistakes.push(format!(
                    "{} is a fault of an AWS call: add an operation, such as \"DynamoDB.*\"",
                    self.fault
                ));
                &[When::Before, When::After]
            }
            (kind, true) => {
                mistakes.push(format!("{kind} is a fault of an invocation: remove the operation"));
                &[When::Before, When::During, When::After]
            }
        }
    }

    /// Returns the moment of the fault, which must be one of `moments`.
    fn moment(&self, moments: &[When], mistakes: &mut Vec<String>) -> Option<When> {
        match (self.when, moments) {
            (None, []) => None,
            (None, [first, ..]) => Some(*first),
            (Some(when), _) if moments.contains(&when) => Some(when),
            (Some(_), []) => {
                mistakes.push(format!("{} allows no `when`: remove it", self.fault));
                None
            }
            (Some(when), _) => {
                let allowed: Vec<String> = moments.iter().map(ToString::to_string).collect();
                mistakes.push(format!(
                    "when is {when}; {} allows {}",
                    self.fault,
                    allowed.join(", ")
                ));
                None
            }
        }
    }

    fn check_milliseconds(&self, when: Option<When>, mistakes: &mut Vec<String>) {
        match (self.fault, self.milliseconds) {
            (Kind::Stall | Kind::Pause | Kind::Age | Kind::TimeOut | Kind::Delay, None) => {
                mistakes.push(format!("{} needs milliseconds", self.fault));
            }
            (Kind::Stall | Kind::Pause | Kind::Age | Kind::TimeOut | Kind::Delay, Some(_))
            | (_, None) => {}
            (Kind::Kill, Some(_)) if when == Some(When::During) => {}
            (kind, Some(_)) => {
                mistakes.push(format!("{kind} allows no milliseconds here: remove them"))
            }
        }
    }

    fn check_reason(&self, mistakes: &mut Vec<String>) {
        let reasons = match self.fault {
            Kind::Cancel => &Reason::OF_TRANSACTIONS[..],
            Kind::FailStatements => &Reason::ALL[..],
            kind => {
                if self.reason.is_some() {
                    mistakes.push(format!("{kind} allows no reason: remove it"));
                }
                return;
            }
        };
        if !self.reason.is_some_and(|reason| reasons.contains(&reason)) {
            let names: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            let (last, first) = names.split_last().map_or(("", &[][..]), |(l, f)| (l.as_str(), f));
            let first = first.join(", ");
            mistakes.push(format!("{} needs a reason: {first} or {last}", self.fault));
        }
    }

    fn check_counts(&self, mistakes: &mut Vec<String>) {
        if self.call.is_some() && self.operation.is_none() {
            mistakes.push("call counts the calls of an operation: add an operation".to_owned());
        }
        if self.attempts == Some(0) || self.call == Some(0) {
            mistakes.push("attempts and call must be at least 1".to_owned());
        }
    }
}

impl ClockText {
    /// Returns the clock, or what is wrong with it.
    pub(super) fn clock(self) -> Result<Clock, String> {
        /// A hundred years. Clocks of 32 bits overflow beyond that.
        const FURTHEST: i64 = 3_155_760_000;
        if !(-FURTHEST..=FURTHEST).contains(&self.skew_seconds) {
            return Err(format!(
                "skew_seconds is {}; it must be between -{FURTHEST} and {FURTHEST}",
                self.skew_seconds
            ));
        }
        Ok(Clock {
            function: wildcard("function", &self.function)?,
            skew_seconds: self.skew_seconds,
        })
    }
}
