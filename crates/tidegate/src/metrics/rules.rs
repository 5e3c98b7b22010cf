//! What CloudWatch accepts as a metric. It silently drops a line that breaks one of these rules.
//!
//! They are those of the embedded metric format and of `PutMetricData` (AWS docs).

use super::measured::Dimensions;

/// Most dimensions of a metric.
const DIMENSIONS: usize = 30;
/// Longest name of a metric or a dimension, in characters.
const NAME: usize = 250;
/// Longest value of a dimension, in characters.
const VALUE: usize = 1024;
/// The member of a line that says what the line means.
const METADATA: &str = "_aws";

/// Returns why CloudWatch would not accept a value.
pub(super) fn refusal(
    name: &str,
    value: f64,
    dimensions: &[(&'static str, &str)],
) -> Option<String> {
    if let Some(reason) = name_refusal(name) {
        return Some(format!("the name `{name}` of a metric {reason}"));
    }
    // CloudWatch's range is from -2^360 to 2^360.
    if !value.is_finite() || value.abs() > 2_f64.powi(360) {
        return Some(format!("{name}: the value {value} is not a number that CloudWatch accepts"));
    }
    if dimensions.len() > DIMENSIONS {
        let found = dimensions.len();
        return Some(format!("{name}: has {found} dimensions; {DIMENSIONS} are allowed"));
    }
    for (place, (dimension, _)) in dimensions.iter().enumerate() {
        if let Some(reason) = name_refusal(dimension) {
            return Some(format!("{name}: the name `{dimension}` of a dimension {reason}"));
        }
        if *dimension == name {
            return Some(format!("{name}: a dimension has the name of its metric"));
        }
        if dimensions.iter().take(place).any(|(earlier, _)| earlier == dimension) {
            return Some(format!("{name}: the dimension `{dimension}` is there twice"));
        }
    }
    None
}

fn name_refusal(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() || name.len() > NAME {
        return Some("must have 1 to 250 characters");
    }
    if !name.chars().all(is_printable) || name.starts_with(':') {
        return Some("must be printable ASCII and must not begin with `:`");
    }
    (name == METADATA).then_some("is reserved for the format itself")
}

/// Returns the dimensions in the order of their names, with values that CloudWatch accepts.
pub(super) fn dimensions_of(dimensions: &[(&'static str, &str)]) -> Dimensions {
    let mut accepted: Dimensions =
        dimensions.iter().map(|(name, value)| (*name, accepted_value(value))).collect();
    accepted.sort_unstable();
    accepted
}

fn accepted_value(value: &str) -> String {
    if value.trim().is_empty() {
        return "-".to_owned();
    }
    let accept = |character| if is_printable(character) { character } else { '?' };
    let value: String = value.trim().chars().take(VALUE).map(accept).collect();
    match value.strip_prefix(':') {
        Some(rest) => format!("?{rest}"),
        None => value,
    }
}

fn is_printable(character: char) -> bool {
    character == ' ' || character.is_ascii_graphic()
}
