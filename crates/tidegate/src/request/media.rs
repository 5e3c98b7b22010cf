//! What a client sends and what it accepts: `Content-Type` and `Accept`.

use http::StatusCode;

use super::headers::Headers;
use super::problem::{Place, Problem};

/// Media type of JSON.
pub(super) const JSON: &str = "application/json";

/// Refuses a body that is not JSON in UTF-8: `application/json`, or a type that ends in `+json`.
pub(super) fn check_content_type(headers: &Headers) -> Result<(), Problem> {
    let refused = |detail: String| {
        let place = Place::Header("Content-Type".to_owned());
        let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", &*detail);
        Err(problem.mistake_at(place, detail))
    };
    let Some(value) = headers.get("content-type") else {
        return refused(format!("the body has no Content-Type; send {JSON}"));
    };
    let mut parts = value.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    if kind != JSON && !(kind.starts_with("application/") && kind.ends_with("+json")) {
        return refused(format!("the Content-Type is `{kind}`; send {JSON}"));
    }
    let charset = parts.filter_map(|part| part.split_once('=')).find_map(|(name, value)| {
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    match charset {
        Some(charset) if !charset.eq_ignore_ascii_case("utf-8") => {
            refused(format!("the charset is `{charset}`; send JSON in UTF-8"))
        }
        _ => Ok(()),
    }
}

/// Refuses a request whose client does not accept what the route produces.
///
/// A client without `Accept` accepts everything (RFC 9110, section 12.5.1).
pub(super) fn check_accept(headers: &Headers, produces: &str) -> Result<(), Problem> {
    let Some(accept) = headers.get("accept").filter(|accept| !accept.trim().is_empty()) else {
        return Ok(());
    };
    let (group, _) = produces.split_once('/').unwrap_or((produces, ""));
    // The most specific range decides, so `*/*, application/json;q=0` refuses JSON.
    let mut best: Option<(u8, bool)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let rank = match kind.as_str() {
            kind if kind == produces => 3,
            kind if kind.strip_suffix("/*") == Some(group) => 2,
            "*/*" => 1,
            _ => continue,
        };
        let weight = parts.filter_map(|part| part.split_once('=')).find_map(|(name, value)| {
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().ok())
        });
        let wanted = weight.flatten().is_none_or(|weight| weight > 0.0);
        if best.is_none_or(|(known, _)| rank > known) {
            best = Some((rank, wanted));
        }
    }
    if best.is_some_and(|(_, wanted)| wanted) {
        return Ok(());
    }
    let detail = format!("the answer is {produces}, which the request does not accept");
    let place = Place::Header("Accept".to_owned());
    Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", &*detail)
        .mistake_at(place, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Headers {
        [(name.to_owned(), value.to_owned())].into_iter().collect()
    }

    #[test]
    fn a_body_is_json_in_utf_8() {
        for fits in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "application/merge-patch+json",
        ] {
            assert_eq!(check_content_type(&with("Content-Type", fits)), Ok(()), "{fits}");
        }
        for other in
            ["", "text/plain", "application/jsonp", "+json", "application/json; charset=latin1"]
        {
            let problem = check_content_type(&with("content-type", other)).unwrap_err();
            assert_eq!(problem.status(), 415, "{other}");
        }
        assert_eq!(check_content_type(&Headers::default()).unwrap_err().status(), 415);
    }

    #[test]
    fn the_most_specific_range_decides_what_is_accepted() {
        for fits in ["", "*/*", "application/*", "text/html, application/json;q=0.1", "*/*;q=x"] {
            assert_eq!(check_accept(&with("accept", fits), JSON), Ok(()), "{fits}");
        }
        for other in ["text/html", "application/json;q=0", "*/*, application/json; q=0", "a", ","] {
            let problem = check_accept(&with("accept", other), JSON).unwrap_err();
            assert_eq!(problem.status(), 406, "{other}");
        }
        assert_eq!(check_accept(&Headers::default(), JSON), Ok(()));
    }
}
