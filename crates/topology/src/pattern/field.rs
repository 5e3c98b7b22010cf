//! Names of fields in a pattern.

/// EventBridge's "one of these patterns", possible at every level.
pub(super) const OR: &str = "$or";

/// The name of a field inside another.
pub(super) fn extended(name: &str, field: &str) -> String {
    if name.is_empty() { field.to_owned() } else { format!("{name}.{field}") }
}
