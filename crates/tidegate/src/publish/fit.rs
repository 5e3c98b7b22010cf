//! Makes an entry that fits its target, by value or by reference.

use super::{Action, Entry, Target};
use crate::envelope::{Data, DataRef, Envelope};
use crate::failure::Failure;

/// Creates the entry of a message for a target.
///
/// Data that would make the entry too large for the target stays in the event store, and the entry
/// has a reference instead. Only the data of an event is there: `stored` says where. A command has
/// none.
///
/// # Errors
/// - `event_too_large`, `message_too_large` (permanent): it does not fit, nor does the reference.
/// - `unencodable` (permanent): the message cannot be written as JSON.
pub(super) fn fitting(
    envelope: &Envelope,
    action: &Action,
    stored: Option<DataRef>,
    target: &dyn Target,
) -> Result<Entry, Failure> {
    let entry = Entry::new(envelope, action.clone())?;
    let (size, limit) = (target.size(&entry), target.limits().entry_bytes);
    if size <= limit {
        return Ok(entry);
    }
    let too_large = |code: &'static str, also: String| {
        let reason = format!("{entry}: {size} bytes{also}; {} takes {limit}", target.name());
        Err(Failure::permanent(code, reason))
    };
    let Some(stored) = stored else { return too_large("message_too_large", String::new()) };
    let referring = Envelope { data: Data::Reference(stored), ..envelope.clone() };
    let referring = Entry::new(&referring, action.clone())?;
    let least = target.size(&referring);
    if least <= limit {
        return Ok(referring);
    }
    too_large("event_too_large", format!(", {least} without its data"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Class;
    use crate::ids::Version;
    use crate::publish::Limits;
    use crate::publish::tests::commit;
    use crate::test::MemoryTarget;

    fn event(limit: usize, stored: bool) -> Result<Entry, Failure> {
        let commit = commit("order#536365", 1, &[("e1", &format!("\"{}\"", "x".repeat(5000)))]);
        let envelope = commit.envelope(&commit.events[0]).unwrap();
        let at = DataRef { stream: commit.stream, version: Version::new(1) };
        let target = MemoryTarget::new("bus shop").limits(Limits::new(10, 1_000_000, limit));
        fitting(&envelope, &Action::Send, stored.then_some(at), &target)
    }

    fn data(entry: &Entry) -> Data {
        Envelope::parse(entry.body.as_bytes()).unwrap().data
    }

    #[test]
    fn a_byte_over_the_limit_travels_as_a_reference() {
        let exact = event(1_000_000, true).unwrap().body.len();
        assert!(matches!(data(&event(exact, true).unwrap()), Data::Inline(_)));
        let Data::Reference(reference) = data(&event(exact - 1, true).unwrap()) else {
            panic!("the data is inline")
        };
        assert_eq!((reference.stream.as_str(), reference.version.number()), ("order#536365", 1));
    }

    #[test]
    fn an_event_too_large_even_without_its_data_names_sizes_limit_and_target() {
        let failure = event(100, true).unwrap_err();
        assert_eq!((failure.class(), failure.code()), (Class::Permanent, "event_too_large"));
        let sizes = failure.reason().split_once(" bytes, ").unwrap();
        assert!(sizes.0.starts_with("OrderPlaced e1: 5"), "{failure}");
        assert!(sizes.1.contains(" without its data; "), "{failure}");
        assert!(failure.reason().ends_with("bus shop takes 100"), "{failure}");
    }

    #[test]
    fn data_that_is_not_in_the_store_has_no_way_out_above_the_limit() {
        let failure = event(1000, false).unwrap_err();
        assert_eq!((failure.class(), failure.code()), (Class::Permanent, "message_too_large"));
        assert!(event(1000, true).is_ok());
    }
}
