//! Which events of the store are published again.

use jiff::Timestamp;
use terminal::problem::Problem;
use tidegate::ids::StreamId;
use tidegate::publish::Events;
use tidegate::store::{RecordedCommit, RecordedEvent};

use crate::arguments::EventsRepublish;

/// The events that a command line asks for.
pub(super) struct Selection {
    pub(super) stream: Option<StreamId>,
    types: Events,
    /// Whether the content of a commit decides: a type or a time was named.
    pub(super) looks_inside: bool,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Selection {
    /// Reads the options.
    ///
    /// # Errors
    /// The time ends before it begins, or the place to go on is in another stream.
    pub(super) fn new(options: &EventsRepublish) -> Result<Self, Problem> {
        if let (Some(from), Some(to)) = (options.from, options.to)
            && from >= to
        {
            return Err(Problem::new(format!(
                "--from {from} is not before --to {to}; name an earlier time"
            )));
        }
        if let (Some(stream), Some(after)) = (&options.stream, &options.after)
            && *stream != after.stream
        {
            return Err(Problem::new(format!(
                "--after {after} is not in the stream {stream}; use what the ended command said"
            )));
        }
        Ok(Self {
            stream: options.stream.clone(),
            types: options.types.iter().fold(Events::all(), |types, one| types.of_type(one)),
            looks_inside: !options.types.is_empty()
                || options.from.is_some()
                || options.to.is_some(),
            from: options.from,
            to: options.to,
        })
    }

    /// Returns the events of a commit that are asked for.
    pub(super) fn events<'a>(
        &'a self,
        commit: &'a RecordedCommit,
    ) -> impl Iterator<Item = &'a RecordedEvent> {
        let stored = commit.written_at;
        let in_time =
            self.from.is_none_or(|from| stored >= from) && self.to.is_none_or(|to| stored < to);
        let asked =
            move |event: &&RecordedEvent| in_time && self.types.have(&event.kind, &commit.source);
        commit.events.iter().filter(asked)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use tidegate::envelope::DataSchema;
    use tidegate::ids::{Cause, Version};

    use super::*;
    use crate::arguments::{Arguments, Command, EventsCommand};

    fn options(line: &str) -> EventsRepublish {
        let line = format!("tidegate events republish {line}");
        let parsed = Arguments::try_parse_from(line.split(' ')).unwrap();
        match parsed.command {
            Command::Events(EventsCommand::Republish(options)) => options,
            other => panic!("{other:?}"),
        }
    }

    fn commit() -> RecordedCommit {
        let time = "2026-11-21T22:30:00Z".parse().unwrap();
        let events = ["OrderPlaced", "OrderPaid", "StockCounted"].into_iter().zip(1..);
        let events = events.map(|(kind, version)| {
            let id = format!("e{version}");
            RecordedEvent::new(id, Version::new(version), DataSchema::new(kind, 1), time, "{}")
        });
        let (stream, cause) = ("order#1".parse().unwrap(), Cause::new("import", "c1"));
        RecordedCommit::new(stream, "shop.orders", cause, time, events.collect())
    }

    #[test]
    fn events_are_chosen_by_type_and_by_the_time_at_which_they_were_stored() {
        for (line, expected) in [
            ("--all", vec!["OrderPlaced", "OrderPaid", "StockCounted"]),
            ("--type Order*", vec!["OrderPlaced", "OrderPaid"]),
            ("--type OrderPaid --type Stock*", vec!["OrderPaid", "StockCounted"]),
            ("--type Orders", vec![]),
            ("--from 2026-11-21T22:30:00Z --type OrderPaid", vec!["OrderPaid"]),
            ("--from 2026-11-21T22:30:00.001Z", vec![]),
            ("--to 2026-11-21T22:30:00Z", vec![]),
            ("--to 2026-11-21T22:30:01Z --type OrderPaid", vec!["OrderPaid"]),
        ] {
            let (commit, selection) = (commit(), Selection::new(&options(line)).unwrap());
            let kinds: Vec<&str> =
                selection.events(&commit).map(|event| event.kind.as_str()).collect();
            assert_eq!(kinds, expected, "{line}");
            assert_eq!(selection.looks_inside, line != "--all", "{line}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (line, says) in [
            ("--from 2026-11-21T22:30:00Z --to 2026-11-21T22:30:00Z", "is not before --to"),
            ("--stream order#1 --after order#2@1", "is not in the stream order#1"),
        ] {
            let said = Selection::new(&options(line)).err().unwrap().to_string();
            assert!(said.contains(says), "{line}: {said}");
        }
    }
}
