//! Decodes the body, the path and the query of a request into the types of its route.

use std::any::TypeId;

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::problem::{Place, Problem};

/// Decodes a JSON body. A route without a body (`()`) ignores what comes.
///
/// # Errors
/// A 400 with line and column if the body is not JSON, or is nested deeper than 128 levels. A 422
/// with the JSON pointer of a value that does not fit.
pub(super) fn body<B: DeserializeOwned + 'static>(bytes: &[u8]) -> Result<B, Problem> {
    if TypeId::of::<B>() == TypeId::of::<()>() {
        return serde_json::from_str("null").map_err(Problem::from);
    }
    let malformed =
        |detail: String| Problem::new(StatusCode::BAD_REQUEST, "malformed_body", detail);
    if bytes.is_empty() {
        return Err(malformed("the request has no body; send JSON".to_owned()));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        malformed(format!("the body is not UTF-8 from byte {} on", error.valid_up_to() + 1))
    })?;
    let mut json = serde_json::Deserializer::from_str(text);
    let decoded = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (place, error) = (pointer(error.path()), error.into_inner());
        if error.classify() != Category::Data {
            return malformed(format!("the body is not JSON: {error}"));
        }
        let detail = format!("the body does not fit: {error}");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_body", detail)
            .mistake_at(Place::Pointer(place), error.to_string())
    })?;
    json.end().map_err(|error| malformed(format!("the body is not one JSON value: {error}")))?;
    Ok(decoded)
}

/// Decodes the parameters of the path.
///
/// # Errors
/// A 400 that names the parameter.
pub(super) fn path<P: DeserializeOwned + 'static>(
    parameters: &[(String, String)],
) -> Result<P, Problem> {
    let mut query = String::new();
    for (name, value) in parameters {
        for (text, end) in [(name, '='), (value, '&')] {
            let encoded = percent_encoding::percent_encode(
                text.as_bytes(),
                percent_encoding::NON_ALPHANUMERIC,
            );
            query.extend(encoded);
            query.push(end);
        }
    }
    form(query.trim_end_matches('&'), "invalid_path", Place::Path)
}

/// Decodes the query.
///
/// # Errors
/// A 400 that names the parameter.
pub(super) fn query<Q: DeserializeOwned + 'static>(query: &str) -> Result<Q, Problem> {
    form(query, "invalid_query", Place::Query)
}

fn form<T: DeserializeOwned + 'static>(
    text: &str,
    code: &'static str,
    place: fn(String) -> Place,
) -> Result<T, Problem> {
    if TypeId::of::<T>() == TypeId::of::<()>() {
        return serde_json::from_str("null").map_err(Problem::from);
    }
    let form = serde_html_form::Deserializer::from_bytes(text.as_bytes());
    serde_path_to_error::deserialize(form).map_err(|error| {
        let (at, error) = (error.path().to_string(), error.into_inner());
        let detail = if at == "." { error.to_string() } else { format!("`{at}`: {error}") };
        Problem::new(StatusCode::BAD_REQUEST, code, &*detail)
            .mistake_at(place(if at == "." { String::new() } else { at }), error.to_string())
    })
}

/// Returns the JSON pointer (RFC 6901) of a place.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let name = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { variant } => variant.replace('~', "~0").replace('/', "~1"),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&name);
    }
    pointer
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Order {
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Line {
        #[serde(rename = "a/b~c")]
        quantity: u32,
    }

    fn refused(text: impl AsRef<[u8]>) -> (u16, String) {
        let problem = body::<Order>(text.as_ref()).unwrap_err();
        (problem.status().as_u16(), problem.document(None, "").to_string())
    }

    #[test]
    fn malformed_json_names_line_and_column() {
        for (text, place) in [
            ("{\n \"lines\": [,] }", "line 2 column 12"),
            ("{\"lines\":[]} x", "line 1 column 14"),
            ("{", "line 1 column 1"),
        ] {
            let (status, text) = refused(text);
            assert!(status == 400 && text.contains(place), "{status} {text}");
        }
        let (status, text) = refused(b"{\"lines\":\"\xff\"}");
        assert!(status == 400 && text.contains("byte 11"), "{text}");
        assert_eq!(refused("").0, 400);
        let deep = format!("{{\"lines\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
        assert!([400, 422].contains(&refused(&deep).0));
        assert_eq!(body::<serde_json::Value>(deep.as_bytes()).unwrap_err().status(), 400);
    }

    #[test]
    fn a_value_that_does_not_fit_is_named_by_its_pointer() {
        let (status, text) = refused(r#"{"lines":[{"a/b~c":1},{"a/b~c":-1}]}"#);
        assert!(status == 422 && text.contains(r#""pointer":"/lines/1/a~1b~0c""#), "{text}");
        let (status, text) = refused(r#"{"lines":[{}]}"#);
        assert!(status == 422 && text.contains(r#""pointer":"/lines/0""#), "{text}");
    }

    #[test]
    fn parameters_are_typed_and_named_where_they_are_wrong() {
        #[derive(Debug, Deserialize, PartialEq)]
        struct Page {
            limit: u8,
            #[serde(default)]
            tag: Vec<String>,
        }
        let page: Page = query("limit=7&tag=a%20b&tag=c+d").unwrap();
        assert_eq!(page, Page { limit: 7, tag: vec!["a b".to_owned(), "c d".to_owned()] });
        let text = query::<Page>("limit=900").unwrap_err().document(None, "").to_string();
        assert!(text.contains(r#""query":"limit""#) && text.contains("400"), "{text}");
        let missing = query::<Page>("").unwrap_err().document(None, "").to_string();
        assert!(missing.contains("limit"), "{missing}");
        let odd = [("order".to_owned(), "a&b=c/\u{e4}%".to_owned())];
        let read: BTreeMap<String, String> = path(&odd).unwrap();
        assert_eq!(read["order"], odd[0].1);
        assert_eq!(path::<()>(&odd), Ok(()));
        assert_eq!(body::<()>(b"not JSON"), Ok(()));
    }
}
