//! The stream that a message is for, and the subject of its envelope.

use tidegate::failure::Failure;
use tidegate::ids::StreamId;

/// Returns the stream of this kind with this key.
///
/// # Errors
/// `invalid_id` (permanent): no stream can have this key.
pub fn stream_of(kind: &str, key: &str) -> Result<StreamId, Failure> {
    StreamId::new(kind, key).map_err(|error| Failure::permanent("invalid_id", error.to_string()))
}

/// Returns the stream of this kind with this key, which must be the subject of the envelope.
///
/// The kind and the key come from the content. An envelope about another stream is a mistake of its
/// sender, and would break the order of messages, which transports keep by subject.
///
/// # Errors
/// - `invalid_id` (permanent): no stream can have this key.
/// - `subject_mismatch` (permanent): the envelope is about another stream.
pub fn subject_of(subject: &StreamId, kind: &str, key: &str) -> Result<StreamId, Failure> {
    let stream = stream_of(kind, key)?;
    if *subject == stream {
        return Ok(stream);
    }
    let reason = format!("the envelope's subject is {subject}, its content is for {stream}");
    Err(Failure::permanent("subject_mismatch", reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_of_another_kind_or_key_is_refused_with_both_streams() {
        let subject = "payment#7".parse().unwrap();
        assert_eq!(subject_of(&subject, "payment", "7"), Ok(subject.clone()));
        for (kind, key) in [("payment", "8"), ("shipment", "7")] {
            let failure = subject_of(&subject, kind, key).unwrap_err();
            assert_eq!(failure.code(), "subject_mismatch");
            let both = format!("subject is payment#7, its content is for {kind}#{key}");
            assert!(failure.reason().contains(&both), "{failure}");
        }
        assert_eq!(subject_of(&subject, "payment", "").unwrap_err().code(), "invalid_id");
    }
}
