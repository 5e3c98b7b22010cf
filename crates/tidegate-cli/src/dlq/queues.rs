//! The queues in which dead letters lie.

use std::collections::BTreeMap;

use terminal::problem::Problem;
use tidegate_local::topology::{Access, Topology};

/// A dead-letter queue: its name in the topology, and its name at SQS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeadLetterQueue {
    pub(crate) name: String,
    pub(crate) physical: String,
}

/// The chosen queues, or all when none is chosen.
///
/// # Errors
/// A name that is none of a dead-letter queue.
pub(crate) fn chosen(topology: &Topology, names: &[String]) -> Result<Vec<DeadLetterQueue>, Problem> {
    let all = of(topology);
    for name in names {
        if !all.contains_key(name) {
            let known: Vec<&str> = all.keys().map(String::as_str).collect();
            return Err(Problem::misuse(format!(
                "`{name}` is no dead-letter queue of the topology; there are {}",
                known.join(", ")
            )));
        }
    }
    let picked = all.into_iter().filter(|(name, _)| names.is_empty() || names.contains(name));
    Ok(picked.map(|(name, physical)| DeadLetterQueue { name, physical }).collect())
}

/// Where mappings, asynchronous invocations, rules and the functions themselves put what they give up.
fn of(topology: &Topology) -> BTreeMap<String, String> {
    let functions = || topology.functions.values();
    let mappings = topology.sources().filter_map(|(_, _, source)| source.on_failure.as_ref());
    let asynchronous = functions()
        .filter_map(|function| function.asynchronous.as_ref())
        .map(|declared| &declared.on_failure);
    let on_failure = mappings.chain(asynchronous).map(|destination| &destination.queue);
    let rules = topology.rules.values().map(|rule| &rule.target.dead_letter_queue);
    // The toolkit's own name for the setting; other queues that a function writes to hold no letters.
    let own = functions().flat_map(|function| &function.uses);
    let own = own
        .filter(|(variable, used)| {
            variable.as_str() == "DEAD_LETTER_QUEUE_URL" && used.access != Access::Read
        })
        .filter_map(|(_, used)| used.queue.as_ref());
    let physical = |name: &String| {
        topology.queues.get(name).map_or_else(|| name.clone(), |queue| queue.physical_name(name))
    };
    on_failure.chain(rules).chain(own).map(|name| (name.clone(), physical(name))).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_way_of_dead_letters_has_its_queue_and_other_names_are_misuse() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/topology.auto.tfvars");
        let topology = tidegate_local::topology::load(&file).unwrap();
        let names: Vec<String> =
            chosen(&topology, &[]).unwrap().into_iter().map(|queue| queue.name).collect();
        assert_eq!(names, ["async-failures", "dead-letters", "rule-failures", "stream-failures"]);
        let one = chosen(&topology, &["rule-failures".to_owned()]).unwrap();
        assert_eq!(
            one,
            [DeadLetterQueue { name: "rule-failures".to_owned(), physical: "rule-failures".to_owned() }]
        );
        assert!(matches!(chosen(&topology, &["orders".to_owned()]), Err(Problem::Misuse(_))));
    }
}
