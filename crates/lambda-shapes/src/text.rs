//! Texts cut to a length that a status or a record can carry.

/// Cuts a message to at most 500 characters and an ellipsis.
#[must_use]
pub fn shortened(message: &str) -> String {
    const LONGEST: usize = 500;
    if message.chars().count() <= LONGEST {
        return message.to_owned();
    }
    message.chars().take(LONGEST).chain(['…']).collect()
}
