//! Numbers of the command line.

/// Parses a number above 0.
///
/// # Errors
/// It is another text, 0 or below, or not finite.
pub(super) fn above_zero(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|number| number.is_finite() && *number > 0.0)
        .ok_or_else(|| "it must be a number above 0".to_owned())
}
