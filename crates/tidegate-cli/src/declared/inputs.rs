//! What a function gets of an event by a rule.

use serde_json::Value;
use topology::input::{Context, Input};
use topology::{Rule, Target};

use super::{Declared, Function};

impl<'a> Declared<'a> {
    /// Returns the targets of a rule that are this function.
    pub(crate) fn targets(
        &self,
        rule: &'a Rule,
        function: &Function<'_>,
    ) -> impl Iterator<Item = &'a Target> {
        let targets = rule.targets().map(|(_, target)| target);
        targets.filter(|target| {
            let name = target.function.as_ref();
            name.is_some_and(|name| self.prefix.physical(name).as_str() == function.name)
        })
    }

    /// Returns what a function gets of an event that a rule or a schedule could not hand over.
    ///
    /// A dead letter holds the event, whatever the target's input.
    ///
    /// # Errors
    /// Two targets of the rule are this function, with different inputs: the letter does not say
    /// which of them it is from. Or no input can be made of the event.
    pub(crate) fn input(
        &self,
        rule_arn: &str,
        function: &Function<'_>,
        event: &str,
    ) -> Result<String, String> {
        let Some(rule) = self.rule(rule_arn)? else { return Ok(event.to_owned()) };
        let mut inputs: Vec<Input> = Vec::new();
        for target in self.targets(rule, function) {
            let input = Input::parse(target).map_err(|_| {
                format!("the input of {rule_arn} is not valid; see `tidegate topology check`")
            })?;
            if !inputs.contains(&input) {
                inputs.push(input);
            }
        }
        let input = match inputs.as_slice() {
            [] => return Ok(event.to_owned()),
            [input] => input,
            _ => {
                return Err(format!(
                    "{rule_arn} has several targets that are {}, with different inputs, and the \
                     letter does not say which; invoke the function by hand",
                    function.name
                ));
            }
        };
        let time = serde_json::from_str::<Value>(event).ok();
        let time = time.as_ref().and_then(|event| event.get("time")?.as_str());
        let context = Context {
            rule_arn,
            rule_name: rule_arn.rsplit('/').next().unwrap_or_default(),
            ingestion_time: time.unwrap_or_default(),
        };
        let input = input.build(event, &context).map_err(|unfit| unfit.to_string())?;
        Ok(input.into_owned())
    }
}
