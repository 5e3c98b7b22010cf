//! Names of fields in a pattern.

/// EventBridge's operator for alternatives, allowed at every level.
pub(super) const OR: &str = "$or";

/// Returns the dotted name of a field inside another.
pub(super) fn extended(name: &str, field: &str) -> String {
    if name.is_empty() { field.to_owned() } else { format!("{name}.{field}") }
}
