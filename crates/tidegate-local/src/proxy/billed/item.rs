//! The size of a DynamoDB item, by DynamoDB's rules.

use serde_json::{Map, Value};

/// Bytes that DynamoDB adds for each list and map, at any depth.
const NESTING: usize = 3;
/// Bytes that DynamoDB adds for each element of a list or a map.
const ELEMENT: usize = 1;

/// Returns the bytes of an item in DynamoDB's JSON: names and values of its attributes.
pub fn item_bytes(item: &Map<String, Value>) -> usize {
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

/// Returns the bytes of one typed value, such as `{"S": "text"}`.
pub(super) fn value_bytes(typed: &Value) -> usize {
    let Some((kind, value)) = typed.as_object().and_then(|typed| typed.iter().next()) else {
        return 0;
    };
    let text = |value: &Value| value.as_str().map_or(0, str::len);
    let each = |of: fn(&str) -> usize| {
        let values = value.as_array().into_iter().flatten();
        values.filter_map(Value::as_str).map(of).sum::<usize>()
    };
    match kind.as_str() {
        "S" => text(value),
        "N" => value.as_str().map_or(0, number_bytes),
        "B" => value.as_str().map_or(0, binary_bytes),
        "SS" => each(str::len),
        "NS" => each(number_bytes),
        "BS" => each(binary_bytes),
        "BOOL" | "NULL" => 1,
        "L" => {
            let values = value.as_array().into_iter().flatten();
            NESTING + values.map(|value| ELEMENT + value_bytes(value)).sum::<usize>()
        }
        "M" => {
            let values = value.as_object().into_iter().flatten();
            NESTING
                + values
                    .map(|(name, value)| ELEMENT + name.len() + value_bytes(value))
                    .sum::<usize>()
        }
        _ => 0,
    }
}

/// Returns the bytes of a number: about one per two significant digits, plus one, plus one below
/// zero.
fn number_bytes(text: &str) -> usize {
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let negative = usize::from(mantissa.starts_with('-'));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0').trim_end_matches('0');
    digits.len().div_ceil(2) + 1 + negative
}

/// Returns the number of bytes that a base64 text encodes.
pub(super) fn binary_bytes(base64: &str) -> usize {
    let padding = base64.bytes().rev().take_while(|byte| *byte == b'=').count();
    (base64.len() / 4 * 3).saturating_sub(padding)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn size(item: Value) -> usize {
        item_bytes(item.as_object().unwrap())
    }

    #[test]
    fn names_and_values_are_counted_by_type() {
        for (item, bytes) in [
            (json!({"stream": {"S": "order#1"}}), 6 + 7),
            (json!({"ü": {"S": "é"}}), 2 + 2),
            (json!({"n": {"N": "0"}}), 1 + 1),
            (json!({"n": {"N": "1795132800"}}), 1 + 5),
            (json!({"n": {"N": "-12.50"}}), 1 + 2 + 1 + 1),
            (json!({"b": {"B": "AAECAw=="}}), 1 + 4),
            (json!({"t": {"BOOL": true}, "z": {"NULL": true}}), 2 + 2),
            (json!({"s": {"SS": ["ab", "c"]}}), 1 + 3),
            (json!({"l": {"L": []}}), 1 + 3),
            (
                json!({"l": {"L": [{"S": "ab"}, {"M": {"k": {"S": "v"}}}]}}),
                1 + 3 + (1 + 2) + (1 + 3 + (1 + 1 + 1)),
            ),
        ] {
            assert_eq!(size(item.clone()), bytes, "{item}");
        }
    }

    proptest! {
        #[test]
        fn an_item_is_the_sum_of_its_attributes(first in "[a-m]{1,9}", second in "[n-z]{1,9}", text in ".{0,40}", number in any::<i64>()) {
            let one = json!({ &first: {"S": text} });
            let two = json!({ &second: {"N": number.to_string()} });
            let both = json!({ &first: {"S": text}, &second: {"N": number.to_string()} });
            prop_assert_eq!(size(both), size(one) + size(two));
        }

        #[test]
        fn binary_is_as_long_as_what_was_encoded(data in proptest::collection::vec(any::<u8>(), 0..100)) {
            use base64::Engine as _;
            let encoded = base64::engine::general_purpose::STANDARD.encode(&data);
            prop_assert_eq!(binary_bytes(&encoded), data.len());
        }
    }
}
