//! Reports failures that go to a destination other than a queue, where no command reads them.

use topology::{Destination, DestinationKind, Topology};

/// Returns one line for each on-failure destination that is not a queue.
pub(crate) fn elsewhere(topology: &Topology) -> Vec<String> {
    let streams = topology.sources().filter_map(|(function, source, declared)| {
        Some((
            format!("records that source {source} of {function} discards"),
            declared.on_failure.as_ref()?,
        ))
    });
    let events = topology.functions.iter().filter_map(|(function, declared)| {
        Some((format!("failed asynchronous invocations of {function}"), declared.on_failure()?))
    });
    streams
        .chain(events)
        .filter_map(|(what, to)| Some(format!("not listed: {what} {}", place(to)?)))
        .collect()
}

fn place(to: &Destination) -> Option<String> {
    Some(match to.kind()? {
        DestinationKind::Queue(_) => return None,
        DestinationKind::Topic(name) => format!("go to topic {name}, whose subscribers have them"),
        DestinationKind::Bucket(name) => {
            format!("are in bucket {name}, one object each, with keys that begin with aws/lambda/")
        }
        DestinationKind::Function(name) => format!("go to function {name}"),
        DestinationKind::Bus(name) => format!("are events from source lambda on bus {name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_given_up_to_no_queue_is_named_with_its_place() {
        let topology = r#"
streams = { orders = {}, items = {} }
topics  = { alarms = {} }
buckets = { letters = {} }
buses   = { shop = {} }
queues  = { dead = {} }
functions = {
  a = {
    sources = {
      one = { stream = "orders", starting_position = "LATEST", on_failure = { topic = "alarms" } }
      two = { stream = "items", starting_position = "LATEST", on_failure = { queue = "dead" } }
    }
    asynchronous = { on_failure = { bucket = "letters" } }
  }
  b = { asynchronous = { on_failure = { function = "a" } } }
  c = { asynchronous = { on_failure = { bus = "shop" } } }
  d = { asynchronous = { on_failure = { queue = "dead" }, on_success = { bus = "shop" } } }
}
"#;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("topology.hcl");
        std::fs::write(&file, topology).unwrap();
        let topology = topology::load(&file).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            elsewhere(&topology),
            [
                "not listed: records that source one of a discards go to topic alarms, whose \
                 subscribers have them",
                "not listed: failed asynchronous invocations of a are in bucket letters, one \
                 object each, with keys that begin with aws/lambda/",
                "not listed: failed asynchronous invocations of b go to function a",
                "not listed: failed asynchronous invocations of c are events from source lambda \
                 on bus shop",
            ]
        );
    }
}
