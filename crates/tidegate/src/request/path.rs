//! Checks and decodes the path of a request, before it is routed.

use http::StatusCode;
use percent_encoding::percent_decode_str;

use super::problem::Problem;

/// Longest path, in bytes.
const LONGEST: usize = 2048;
/// Stands for a `/` that the client encoded as `%2F`, so that it does not separate segments. No
/// path has it otherwise: control characters are refused.
const SLASH: &str = "\u{1}";

/// Decodes a path for routing, segment by segment.
///
/// `encoded` says whether it still is percent-encoded.
///
/// # Errors
/// A 414 above 2,048 bytes. A 400 for control characters, segments `.` and `..`, and bytes that are
/// not UTF-8.
pub(super) fn decode(path: &str, encoded: bool) -> Result<String, Problem> {
    if path.len() > LONGEST {
        return Err(Problem::new(
            StatusCode::URI_TOO_LONG,
            "path_too_long",
            format!("the path has {} bytes; it may have {LONGEST}", path.len()),
        ));
    }
    let invalid = |what: &str| {
        Problem::new(StatusCode::BAD_REQUEST, "invalid_path", format!("the path has {what}"))
    };
    let mut decoded = String::with_capacity(path.len());
    for (place, segment) in path.split('/').enumerate() {
        if place > 0 {
            decoded.push('/');
        }
        let segment = if encoded {
            let text = percent_decode_str(segment).decode_utf8();
            text.map_err(|_| invalid("bytes that are not UTF-8"))?
        } else {
            segment.into()
        };
        if segment.chars().any(char::is_control) {
            return Err(invalid("a control character"));
        }
        if segment == "." || segment == ".." {
            return Err(invalid("a segment `.` or `..`"));
        }
        decoded.push_str(&segment.replace('/', SLASH));
    }
    Ok(if decoded.starts_with('/') { decoded } else { format!("/{decoded}") })
}

/// Returns a parameter as the client meant it.
pub(super) fn parameter(text: &str) -> String {
    text.replace(SLASH, "/")
}

/// Checks that a query is UTF-8 and not too long.
///
/// # Errors
/// A 414 above 8 KiB, a 400 for bytes that are not UTF-8.
pub(super) fn check_query(query: &str) -> Result<(), Problem> {
    const LONGEST_QUERY: usize = 8192;
    if query.len() > LONGEST_QUERY {
        let detail = format!("the query has {} bytes; it may have {LONGEST_QUERY}", query.len());
        return Err(Problem::new(StatusCode::URI_TOO_LONG, "query_too_long", detail));
    }
    if percent_decode_str(query).decode_utf8().is_err() {
        let detail = "the query has bytes that are not UTF-8";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_query", detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_slash_stays_in_its_segment_and_is_a_slash_in_the_parameter() {
        let path = decode("/orders/a%2Fb%20c", true).unwrap();
        assert_eq!(path.split('/').count(), 3);
        assert_eq!(parameter(path.rsplit('/').next().unwrap()), "a/b c");
        assert_eq!(decode("/orders/100%25", true).unwrap(), "/orders/100%");
        assert_eq!(decode("/orders/100%", false).unwrap(), "/orders/100%", "it is decoded already");
        assert_eq!(decode("", false).unwrap(), "/");
    }

    #[test]
    fn hostile_paths_are_refused() {
        for (path, encoded, code) in [
            ("/a/../b", false, "invalid_path"),
            ("/a/%2e%2e/b", true, "invalid_path"),
            ("/a/%00", true, "invalid_path"),
            ("/a/\u{0}", false, "invalid_path"),
            ("/a/\u{1}b", false, "invalid_path"),
            ("/a/%ff", true, "invalid_path"),
            (&"/a".repeat(1025), false, "path_too_long"),
        ] {
            assert_eq!(decode(path, encoded).unwrap_err().code(), code, "{path}");
        }
        assert_eq!(check_query("q=%ff").unwrap_err().code(), "invalid_query");
        assert_eq!(check_query(&"a".repeat(8193)).unwrap_err().code(), "query_too_long");
        assert_eq!(check_query("q=%C3%A4&x=\u{e4}"), Ok(()));
    }
}
