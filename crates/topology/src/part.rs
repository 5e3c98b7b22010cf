//! Parts of a topology: some of its functions, and what leads to them.

use std::collections::BTreeSet;

use super::lookup::SourceKind;
use super::model::{Rule, Target, Topology};
use super::scheduled::Scheduled;
use super::subscribers::Subscriber;
use super::targets::TargetKind;

/// Why a topology has no such part, or a function no such variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDeclared {
    /// The topology does not declare the function.
    #[error("{name} is not a function of the topology, which declares {}", declared.join(", "))]
    Function {
        /// What was named.
        name: String,
        /// The declared functions.
        declared: Vec<String>,
    },
    /// The function has no such variable in its `environment`.
    #[error(
        "{function} has no variable {name} in its environment, which declares {}",
        if declared.is_empty() { "none".to_owned() } else { declared.join(", ") }
    )]
    Variable {
        /// The function.
        function: String,
        /// What was named.
        name: String,
        /// The declared variables.
        declared: Vec<String>,
    },
}

impl Topology {
    /// Returns the part of the system in which only these functions run.
    ///
    /// - Functions that receive the asynchronous results of these functions belong to the part.
    /// - Streams, tables, queues, topics, buckets and buses stay, because programs beside the
    ///   functions read them.
    /// - Rules, subscriptions and schedules go if what they lead to is only for other functions:
    ///   such a function, or a queue or stream that only such functions read. Routes, processes,
    ///   breakers and projections of other functions go too.
    ///
    /// # Errors
    /// A name is not that of a declared function.
    pub fn part<S: AsRef<str>>(&self, names: &[S]) -> Result<Self, NotDeclared> {
        let names: BTreeSet<&str> = names.iter().map(AsRef::as_ref).collect();
        if let Some(name) = names.iter().find(|name| !self.functions.contains_key(**name)) {
            return Err(self.no_function(name));
        }
        let mut part = self.clone();
        let kept = self.with_destinations(names);
        part.functions.retain(|name, _| kept.contains(name.as_str()));
        let runs = |function: &str| kept.contains(function);
        let queue = |name: &str| self.serves(&runs, |kind| kind == SourceKind::Queue(name));
        let stream = |name: &str| self.serves(&runs, |kind| kind == SourceKind::Stream(name));
        let target = |target: &Target| match target.kind() {
            Some(TargetKind::Function(name)) => runs(name),
            Some(TargetKind::Queue(name)) => queue(name),
            Some(TargetKind::Stream(name)) => stream(name),
            Some(TargetKind::Topic(_) | TargetKind::Bus(_)) | None => true,
        };
        for rule in part.rules.values_mut() {
            rule.target.take_if(|only| !target(only));
            rule.targets.retain(|_, one| target(one));
        }
        part.rules.retain(|_, rule: &mut Rule| rule.targets().next().is_some());
        part.subscriptions.retain(|_, subscription| match subscription.subscriber() {
            Some(Subscriber::Function(name)) => runs(name),
            Some(Subscriber::Queue(name)) => queue(name),
            None => true,
        });
        part.schedules.retain(|_, schedule| match schedule.target.kind() {
            Some(Scheduled::Function(name)) => runs(name),
            Some(Scheduled::Queue(name)) => queue(name),
            Some(Scheduled::Stream(name)) => stream(name),
            Some(Scheduled::Topic(_) | Scheduled::Bus(_)) | None => true,
        });
        for api in part.apis.values_mut() {
            api.routes.retain(|_, route| runs(&route.function));
        }
        part.apis.retain(|_, api| !api.routes.is_empty());
        part.processes.retain(|_, process| runs(&process.function));
        part.breakers.retain(|_, breaker| runs(&breaker.function));
        let functions = &part.functions;
        part.projections
            .retain(|_, projection| functions.values().any(|one| projection.is_used_by(one)));
        Ok(part)
    }

    /// Replaces a variable that a function declares in its `environment`.
    ///
    /// # Errors
    /// There is no such function, or it declares no such variable.
    pub fn replace_variable(
        &mut self,
        function: &str,
        name: &str,
        value: &str,
    ) -> Result<(), NotDeclared> {
        let Some(declared) = self.functions.get_mut(function) else {
            return Err(self.no_function(function));
        };
        let Some(variable) = declared.environment.get_mut(name) else {
            return Err(NotDeclared::Variable {
                function: function.to_owned(),
                name: name.to_owned(),
                declared: declared.environment.keys().cloned().collect(),
            });
        };
        value.clone_into(variable);
        Ok(())
    }

    fn no_function(&self, name: &str) -> NotDeclared {
        let declared = self.functions.keys().cloned().collect();
        NotDeclared::Function { name: name.to_owned(), declared }
    }

    /// Adds the functions that Lambda invokes with the results of these functions, and so on.
    fn with_destinations<'a>(&'a self, mut names: BTreeSet<&'a str>) -> BTreeSet<&'a str> {
        loop {
            let declared = names.iter().filter_map(|name| self.functions.get(*name));
            let destinations =
                declared.flat_map(|function| [function.on_failure(), function.on_success()]);
            let further: BTreeSet<&str> = destinations
                .filter_map(|destination| destination?.function.as_deref())
                .filter(|name| !names.contains(name))
                .collect();
            if further.is_empty() {
                return names;
            }
            names.extend(further);
        }
    }

    /// Returns whether a function that runs reads this source, or no function at all does.
    fn serves(&self, runs: &dyn Fn(&str) -> bool, is_it: impl Fn(SourceKind<'_>) -> bool) -> bool {
        let mut readers = self
            .sources()
            .filter(|(_, _, source)| source.kind().is_some_and(&is_it))
            .map(|(function, ..)| function)
            .peekable();
        readers.peek().is_none() || readers.any(runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECLARED: &str = r#"
        streams = { orders = {}, audit = {} }
        tables  = { breakers = { partition_key = { name = "breaker", type = "S" } } }
        queues  = { letters = {}, mails = {}, outside = {} }
        buses   = { shop = {} }
        topics  = { news = {} }
        rules = {
          placed = {
            bus     = "shop"
            pattern = { source = ["shop"] }
            targets = {
              mailer = { function = "mailer", dead_letter_queue = "letters" }
              mails  = { queue = "mails", dead_letter_queue = "letters" }
              audit  = { stream = "audit", dead_letter_queue = "letters" }
              others = { queue = "outside", dead_letter_queue = "letters" }
            }
          }
          printed = {
            bus     = "shop"
            pattern = { source = ["shop"] }
            target  = { function = "printer", dead_letter_queue = "letters" }
          }
        }
        subscriptions = {
          to-printer = { topic = "news", function = "printer", dead_letter_queue = "letters" }
          to-mails   = { topic = "news", queue = "mails", dead_letter_queue = "letters" }
        }
        schedules = {
          nightly = { expression = "rate(1 day)", target = { function = "printer" }, dead_letter_queue = "letters" }
          hourly  = { expression = "rate(1 hour)", target = { function = "mailer" }, dead_letter_queue = "letters" }
        }
        apis = {
          shop = {
            routes = {
              "GET /mails"  = { function = "mailer", authorization = "none" }
              "GET /prints" = { function = "printer", authorization = "none" }
            }
          }
          prints = { routes = { "GET /" = { function = "printer", authorization = "none" } } }
        }
        functions = {
          mailer = {
            environment  = { SENDER = "a" }
            sources      = { mails = { queue = "mails", maximum_concurrency = 2 } }
            asynchronous = { on_failure = { function = "mourner" } }
          }
          mourner = {}
          auditor = {
            sources = { audit = { stream = "audit", starting_position = "LATEST" } }
          }
          printer = {}
        }
    "#;

    fn declared() -> Topology {
        super::super::parse(DECLARED).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
    }

    fn names<V>(of: &std::collections::BTreeMap<String, V>) -> Vec<&str> {
        of.keys().map(String::as_str).collect()
    }

    #[test]
    fn a_part_has_its_functions_what_leads_to_them_and_every_resource() {
        let whole = declared();
        let part = whole.part(&["mailer"]).unwrap();
        assert_eq!(names(&part.functions), ["mailer", "mourner"], "with its destination");
        assert_eq!(names(&part.rules), ["placed"]);
        // Nothing in this topology reads the queue `outside`: it is for somebody else.
        assert_eq!(names(&part.rules["placed"].targets), ["mailer", "mails", "others"]);
        assert_eq!(names(&part.subscriptions), ["to-mails"]);
        assert_eq!(names(&part.schedules), ["hourly"]);
        assert_eq!(names(&part.apis), ["shop"]);
        assert_eq!(names(&part.apis["shop"].routes), ["GET /mails"]);
        assert_eq!(
            (&part.streams, &part.tables, &part.queues, &part.topics, &part.buses),
            (&whole.streams, &whole.tables, &whole.queues, &whole.topics, &whole.buses),
        );
        let part = whole.part(&["auditor", "printer"]).unwrap();
        assert_eq!(names(&part.rules["placed"].targets), ["audit", "others"]);
        assert_eq!(names(&part.rules), ["placed", "printed"]);
        assert_eq!(names(&part.apis), ["prints", "shop"]);
        let all = names(&whole.functions);
        assert_eq!(whole.part(&all).unwrap(), whole, "all functions are the whole system");
    }

    #[test]
    fn processes_and_breakers_stay_with_their_functions() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../infra/topology.auto.tfvars");
        let shop = super::super::load(&path).unwrap();
        let path_of_orders = shop.part(&["order-processor", "notification"]).unwrap();
        assert!(path_of_orders.processes.is_empty() && path_of_orders.breakers.is_empty());
        assert_eq!(path_of_orders.rules.len(), 2, "both are for the notification");
        let money = shop.part(&["payment", "fulfilment"]).unwrap();
        assert_eq!(names(&money.processes), ["fulfilment"]);
        assert_eq!(names(&money.breakers), ["payment-provider"]);
    }

    #[test]
    fn unknown_names_are_answered_with_those_that_there_are() {
        let mut whole = declared();
        let wrong = whole.part(&["mailer", "maler"]).unwrap_err().to_string();
        assert_eq!(
            wrong,
            "maler is not a function of the topology, which declares auditor, mailer, mourner, \
             printer"
        );
        whole.replace_variable("mailer", "SENDER", "b").unwrap();
        assert_eq!(whole.functions["mailer"].environment["SENDER"], "b");
        let wrong = whole.replace_variable("maler", "SENDER", "b").unwrap_err().to_string();
        assert!(wrong.starts_with("maler is not a function"), "{wrong}");
        let wrong = whole.replace_variable("mailer", "SENDR", "b").unwrap_err().to_string();
        assert_eq!(wrong, "mailer has no variable SENDR in its environment, which declares SENDER");
        let wrong = whole.replace_variable("printer", "SENDER", "b").unwrap_err().to_string();
        assert!(wrong.ends_with("declares none"), "{wrong}");
    }
}
