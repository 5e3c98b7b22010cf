//! The ids that connect a request with what follows from it, if the client sends them.

use super::headers::Headers;

/// Name of the header with the correlation id, in requests and answers.
pub(super) const HEADER: &str = "x-correlation-id";
/// Longest correlation id of a client, in bytes.
const LONGEST: usize = 128;

/// Returns the client's correlation id: letters, digits and `-_.:/+=`, 128 at most.
///
/// It is written to logs and events, so any other text is ignored.
pub(super) fn correlation_id(headers: &Headers) -> Option<&str> {
    headers.get(HEADER).filter(|id| is_safe(id))
}

/// Returns whether an id is safe in logs, headers and events.
pub(super) fn is_safe(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= LONGEST
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte))
}

/// Returns the client's trace context, if it is one of W3C Trace Context.
pub(super) fn traceparent(headers: &Headers) -> Option<&str> {
    let fits = |text: &&str| {
        let parts: Vec<&str> = text.split('-').collect();
        let hexadecimal =
            |text: &&str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        lengths == [2, 32, 16, 2] && parts.iter().all(hexadecimal) && !text.starts_with("ff")
    };
    headers.get("traceparent").filter(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Headers {
        [(name.to_owned(), value.to_owned())].into_iter().collect()
    }

    #[test]
    fn only_ids_that_are_safe_in_logs_and_events_are_taken() {
        assert_eq!(correlation_id(&with("X-Correlation-Id", "order-7")), Some("order-7"));
        for bad in ["", "a b", "a\nb", "\u{e4}", "{}", &"x".repeat(129)] {
            assert_eq!(correlation_id(&with(HEADER, bad)), None, "{bad}");
        }
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(traceparent(&with("traceparent", trace)), Some(trace));
        for bad in ["", "00-1-2-01", &trace.to_uppercase(), &format!("{trace}-1"), "ff-0-0-0"] {
            assert_eq!(traceparent(&with("traceparent", bad)), None, "{bad}");
        }
    }
}
