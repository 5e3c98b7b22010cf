//! The queues in which dead letters lie.

use std::collections::BTreeSet;

use terminal::name_prefix::{NamePrefix, PhysicalName};
use terminal::problem::Problem;
use tidegate_local::topology::{Access, Topology};

/// A dead-letter queue: its name in the topology, and its name at SQS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeadLetterQueue {
    pub(crate) name: String,
    pub(crate) physical: PhysicalName,
}

/// The chosen queues, or all when none is chosen.
///
/// # Errors
/// A name that is none of a dead-letter queue.
pub(crate) fn chosen(
    topology: &Topology,
    prefix: &NamePrefix,
    names: &[String],
) -> Result<Vec<DeadLetterQueue>, Problem> {
    let all = of(topology);
    for name in names {
        if !all.contains(name) {
            let known: Vec<&str> = all.iter().map(String::as_str).collect();
            return Err(Problem::misuse(format!(
                "`{name}` is no dead-letter queue of the topology; there are {}",
                known.join(", ")
            )));
        }
    }
    let picked = all.into_iter().filter(|name| names.is_empty() || names.contains(name));
    let queue = |name: String| DeadLetterQueue { physical: physical(topology, prefix, &name), name };
    Ok(picked.map(queue).collect())
}

/// Where mappings, asynchronous invocations, rules and the functions themselves put what they give up.
fn of(topology: &Topology) -> BTreeSet<String> {
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
    on_failure.chain(rules).chain(own).cloned().collect()
}

/// The name at SQS of a queue of the topology.
pub(crate) fn physical(topology: &Topology, prefix: &NamePrefix, name: &str) -> PhysicalName {
    let declared = topology.queues.get(name);
    prefix.physical(&declared.map_or_else(|| name.to_owned(), |queue| queue.physical_name(name)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_way_of_dead_letters_has_its_queue_and_other_names_are_misuse() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/topology.auto.tfvars");
        let topology = tidegate_local::topology::load(&file).unwrap();
        let none = NamePrefix::default();
        let names: Vec<String> =
            chosen(&topology, &none, &[]).unwrap().into_iter().map(|queue| queue.name).collect();
        assert_eq!(names, ["async-failures", "dead-letters", "rule-failures", "stream-failures"]);
        assert!(matches!(chosen(&topology, &none, &["orders".to_owned()]), Err(Problem::Misuse(_))));
    }

    #[test]
    fn a_queue_is_chosen_by_its_declared_name_and_has_prefix_and_ending_at_sqs() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/topology.auto.tfvars");
        let mut topology = tidegate_local::topology::load(&file).unwrap();
        let prefix: NamePrefix = "shop-dev-".parse().unwrap();
        let one = |topology: &Topology, prefix: &NamePrefix| {
            let queues = chosen(topology, prefix, &["rule-failures".to_owned()]).unwrap();
            assert_eq!((queues.len(), queues[0].name.as_str()), (1, "rule-failures"));
            queues[0].physical.to_string()
        };
        assert_eq!(one(&topology, &NamePrefix::default()), "rule-failures");
        assert_eq!(one(&topology, &prefix), "shop-dev-rule-failures");
        topology.queues.get_mut("rule-failures").unwrap().fifo = true;
        assert_eq!(one(&topology, &prefix), "shop-dev-rule-failures.fifo");
    }
}
