//! What the simulator is to do wrong.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What the simulator is to do wrong. By default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// References whose authorisation is declined.
    pub decline: BTreeSet<String>,
    /// Of the other references, one in this many is declined, by a hash. Zero: none.
    pub decline_one_in: u64,
    /// References whose capture is refused.
    pub refuse_capture: BTreeSet<String>,
    /// References whose refund is refused.
    pub refuse_refund: BTreeSet<String>,
    /// Percent of the operations that are carried out and whose answer is then dropped. If an
    /// operation is asked for again, its next answer has a chance of its own.
    pub drop_percent: u8,
    /// Time that an answer takes.
    pub delay_milliseconds: u64,
    /// Percent of the operations whose answer takes that long; 100 if only the time is given.
    pub delay_percent: Option<u8>,
    /// Calls that are answered with status 503.
    pub outages: Vec<Outage>,
    /// Seed of all chances.
    pub seed: u64,
}

/// Calls during which the simulator is down. Calls are counted from 1, with look-ups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// The first call.
    pub from_call: u64,
    /// The last call.
    pub to_call: u64,
}

impl Script {
    /// Reads a script, and checks it.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let script: Self =
            serde_json::from_str(text).map_err(|error| format!("not a script: {error}"))?;
        for (name, percent) in [
            ("drop_percent", script.drop_percent),
            ("delay_percent", script.delay_percent.unwrap_or_default()),
        ] {
            if percent > 100 {
                return Err(format!("`{name}` is {percent}, expected 0 to 100"));
            }
        }
        match script.outages.iter().find(|outage| outage.from_call > outage.to_call) {
            Some(outage) => {
                let Outage { from_call, to_call } = outage;
                Err(format!("an outage goes from call {from_call} to the earlier call {to_call}"))
            }
            None => Ok(script),
        }
    }

    /// Returns whether the simulator is down in this call.
    pub(crate) fn is_down(&self, call: u64) -> bool {
        self.outages.iter().any(|outage| (outage.from_call..=outage.to_call).contains(&call))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_checked() {
        let script = Script::parse(r#"{ "drop_percent": 5, "decline": ["7"] }"#).unwrap();
        assert_eq!((script.drop_percent, script.decline.contains("7")), (5, true));
        let problem = |text: &str| Script::parse(text).unwrap_err();
        assert!(problem(r#"{ "drop": 5 }"#).contains("unknown field `drop`"));
        assert!(problem(r#"{ "drop_percent": 101 }"#).contains("expected 0 to 100"));
        assert!(problem(r#"{ "delay_percent": 101 }"#).contains("`delay_percent` is 101"));
        let backwards = r#"{ "outages": [{ "from_call": 2, "to_call": 1 }] }"#;
        assert!(problem(backwards).contains("from call 2 to the earlier call 1"));
    }

    #[test]
    fn an_outage_has_a_first_and_a_last_call() {
        let outages = vec![Outage { from_call: 2, to_call: 3 }];
        let script = Script { outages, ..Script::default() };
        assert_eq!([1, 2, 3, 4].map(|call| script.is_down(call)), [false, true, true, false]);
    }
}
