//! Finds the dead-letter queues of a topology.

use terminal::name_prefix::{NamePrefix, PhysicalName};
use terminal::problem::Problem;
use topology::Topology;

use crate::queue::physical;

/// A dead-letter queue, with its name in the topology and its physical name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeadLetterQueue {
    pub(crate) name: String,
    pub(crate) physical: PhysicalName,
    pub(crate) fifo: bool,
}

/// Returns the named queues, or all dead-letter queues if none is named.
///
/// # Errors
/// A name is not that of a dead-letter queue.
pub(crate) fn chosen(
    topology: &Topology,
    prefix: &NamePrefix,
    names: &[String],
) -> Result<Vec<DeadLetterQueue>, Problem> {
    let all = topology.dead_letter_queues();
    for name in names {
        if !all.contains(name.as_str()) {
            let known: Vec<&str> = all.into_iter().collect();
            return Err(Problem::misuse(format!(
                "`{name}` is not a dead-letter queue of the topology; those are {}",
                known.join(", ")
            )));
        }
    }
    let picked =
        all.into_iter().filter(|name| names.is_empty() || names.iter().any(|other| other == name));
    let queue = |name: &str| DeadLetterQueue {
        physical: physical(topology, prefix, name),
        name: name.to_owned(),
        fifo: topology.queues.get(name).is_some_and(|queue| queue.fifo),
    };
    Ok(picked.map(queue).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use topology::{Queue, Redrive};

    use super::*;

    #[test]
    fn every_way_of_dead_letters_has_its_queue_and_other_names_are_misuse() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/topology.auto.tfvars");
        let topology = topology::load(&file).unwrap();
        let none = NamePrefix::default();
        let names: Vec<String> =
            chosen(&topology, &none, &[]).unwrap().into_iter().map(|queue| queue.name).collect();
        let declared = [
            "async-failures",
            "dead-letters",
            "queue-failures",
            "rule-failures",
            "stream-failures",
        ];
        assert_eq!(names, declared);
        assert!(matches!(
            chosen(&topology, &none, &["orders".to_owned()]),
            Err(Problem::Misuse(_))
        ));
    }

    #[test]
    fn a_queue_that_another_redrives_to_is_a_dead_letter_queue() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/topology.auto.tfvars");
        let mut topology = topology::load(&file).unwrap();
        let letters = topology.queues["dead-letters"].clone();
        topology.queues.insert("work-letters".to_owned(), letters.clone());
        let named = ["work-letters".to_owned()];
        assert!(chosen(&topology, &NamePrefix::default(), &named).is_err());
        let redrive = Redrive { queue: "work-letters".to_owned(), maximum_receives: 5 };
        topology.queues.insert("work".to_owned(), Queue { redrive: Some(redrive), ..letters });
        assert_eq!(chosen(&topology, &NamePrefix::default(), &named).unwrap().len(), 1);
    }

    #[test]
    fn a_queue_is_chosen_by_its_declared_name_and_has_prefix_and_ending_at_sqs() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/topology.auto.tfvars");
        let mut topology = topology::load(&file).unwrap();
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
