//! Messages cut to a length that a status or a record can carry.

/// Returns a message as it is, or its first 500 characters and an ellipsis.
///
/// The limit is this project's own: AWS documents none for the messages of failed invocations.
#[must_use]
pub fn shortened(message: &str) -> String {
    const LONGEST: usize = 500;
    if message.chars().count() <= LONGEST {
        return message.to_owned();
    }
    message.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn a_message_of_more_than_500_characters_is_cut_between_characters() {
        for whole in [String::new(), "a".repeat(500), "ä".repeat(500)] {
            assert_eq!(shortened(&whole), whole);
        }
        assert_eq!(shortened(&"ä".repeat(501)), format!("{}…", "ä".repeat(500)));
    }
}
