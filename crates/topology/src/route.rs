//! Route keys of HTTP APIs, such as `GET /orders/{id}`: their language, and which route serves a
//! request.
//!
//! The precedence is API Gateway's (AWS docs: Create routes for HTTP APIs): a full match, then a
//! match by a greedy variable, then `$default`. Where it does not decide, an exact method comes
//! before `ANY`, and then the path decides segment by segment, a literal before a variable. That
//! part was observed; AWS does not document it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

/// Key of the route for requests that no other route serves.
pub const DEFAULT_ROUTE: &str = "$default";

/// Methods that a route key may have.
const METHODS: [&str; 8] = ["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// A parsed route key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteKey {
    /// `$default`.
    Default,
    /// A method, `None` for `ANY`, and the segments of a path.
    Path(Option<&'static str>, Vec<Segment>),
}

/// One segment of a route's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// The text itself.
    Literal(String),
    /// `{name}`: one segment.
    Variable(String),
    /// `{name+}`: one or more segments, to the end.
    Greedy(String),
}

/// Variables of a route and their values in a path.
pub type PathParameters = BTreeMap<String, String>;

/// Why a text is not a route key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteKeyError(&'static str);

impl fmt::Display for RouteKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for RouteKeyError {}

impl RouteKey {
    /// Parses a route key.
    ///
    /// # Errors
    /// It is neither `$default` nor a method and a path that API Gateway takes.
    pub fn parse(key: &str) -> Result<Self, RouteKeyError> {
        if key == DEFAULT_ROUTE {
            return Ok(Self::Default);
        }
        let form = "is not a route key; use a method and a path, such as GET /orders/{id}, or \
            $default";
        let (method, path) = key.split_once(' ').ok_or(RouteKeyError(form))?;
        let known = METHODS.into_iter().find(|known| *known == method);
        let method = known.ok_or(RouteKeyError(
            "has a method that API Gateway does not know; use ANY, DELETE, GET, HEAD, OPTIONS, \
             PATCH, POST or PUT",
        ))?;
        let path = path.strip_prefix('/').ok_or(RouteKeyError(form))?;
        let mut segments = Vec::new();
        if !path.is_empty() {
            for part in path.split('/') {
                if matches!(segments.last(), Some(Segment::Greedy(_))) {
                    let what = "has a greedy variable ({name+}) before its end; put it at the end";
                    return Err(RouteKeyError(what));
                }
                segments.push(Segment::parse(part)?);
            }
        }
        let names: Vec<&str> = segments.iter().filter_map(Segment::variable).collect();
        if names.iter().enumerate().any(|(n, name)| names.iter().skip(n + 1).any(|x| x == name)) {
            return Err(RouteKeyError("has two variables of one name; give each its own"));
        }
        Ok(Self::Path(Some(method).filter(|method| *method != "ANY"), segments))
    }

    /// Returns the variables' values if the route serves this method and path.
    ///
    /// The path is still percent-encoded; the values are decoded.
    pub fn serves(&self, method: &str, path: &str) -> Option<PathParameters> {
        let Self::Path(own, segments) = self else { return Some(PathParameters::new()) };
        if own.is_some_and(|own| own != method) {
            return None;
        }
        let path = path.strip_prefix('/')?;
        let mut rest = Some(path).filter(|path| !path.is_empty());
        let mut parameters = PathParameters::new();
        for segment in segments {
            let remaining = rest?;
            let (part, after) = match (segment, remaining.split_once('/')) {
                (Segment::Greedy(_), _) | (_, None) => (remaining, None),
                (_, Some((part, after))) => (part, Some(after)),
            };
            let part = decoded(part);
            match segment {
                Segment::Literal(text) if *text == part => {}
                Segment::Literal(_) => return None,
                Segment::Variable(_) | Segment::Greedy(_) if part.is_empty() => return None,
                Segment::Variable(name) | Segment::Greedy(name) => {
                    parameters.insert(name.clone(), part);
                }
            }
            rest = after;
        }
        rest.is_none().then_some(parameters)
    }

    /// Orders two routes that serve the same request. The smaller one answers.
    pub fn precedence(&self, other: &Self) -> Ordering {
        let (Self::Path(method, segments), Self::Path(other_method, other_segments)) =
            (self, other)
        else {
            return (*self == Self::Default).cmp(&(*other == Self::Default));
        };
        let greedy = |segments: &[Segment]| matches!(segments.last(), Some(Segment::Greedy(_)));
        let ranks = |segments: &[Segment]| segments.iter().map(Segment::rank).collect::<Vec<_>>();
        greedy(segments)
            .cmp(&greedy(other_segments))
            .then(method.is_none().cmp(&other_method.is_none()))
            .then_with(|| ranks(segments).cmp(&ranks(other_segments)))
    }

    /// Returns the key without the names of its variables.
    ///
    /// API Gateway takes two keys that differ only in those names for the same route.
    pub fn signature(&self) -> String {
        let Self::Path(method, segments) = self else { return DEFAULT_ROUTE.to_owned() };
        let path: String =
            segments.iter().map(|segment| format!("/{}", segment.anonymous())).collect();
        let path = if path.is_empty() { "/".to_owned() } else { path };
        format!("{} {path}", method.unwrap_or("ANY"))
    }
}

impl Segment {
    fn parse(part: &str) -> Result<Self, RouteKeyError> {
        let allowed =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '~');
        let named = |name: &str| !name.is_empty() && name.chars().all(allowed);
        let inside = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        match inside.map(|name| (name.strip_suffix('+'), name)) {
            Some((Some(name), _)) if named(name) => Ok(Self::Greedy(name.to_owned())),
            Some((None, name)) if named(name) => Ok(Self::Variable(name.to_owned())),
            None if named(part) => Ok(Self::Literal(part.to_owned())),
            _ => Err(RouteKeyError(
                "has a path with an invalid segment; each is a word of letters, digits and -_.:~, \
                 or {name}, or {name+} at the end",
            )),
        }
    }

    fn variable(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Variable(name) | Self::Greedy(name) => Some(name),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Literal(_) => 0,
            Self::Variable(_) => 1,
            Self::Greedy(_) => 2,
        }
    }

    fn anonymous(&self) -> &str {
        match self {
            Self::Literal(text) => text,
            Self::Variable(_) => "{}",
            Self::Greedy(_) => "{+}",
        }
    }
}

/// Decodes a percent-encoded text. What is not UTF-8 is replaced, and what is not encoded stays.
pub fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> RouteKey {
        RouteKey::parse(text).unwrap_or_else(|why| panic!("{text} {why}"))
    }

    /// Returns the route that serves a request, and its variables.
    fn chosen<'a>(
        routes: &[&'a str],
        method: &str,
        path: &str,
    ) -> Option<(&'a str, PathParameters)> {
        let parsed = routes.iter().map(|text| (*text, key(text)));
        let serving = parsed.filter_map(|(text, key)| Some((text, key.serves(method, path)?, key)));
        let best = serving.min_by(|a, b| a.2.precedence(&b.2))?;
        Some((best.0, best.1))
    }

    #[test]
    fn the_route_is_chosen_by_api_gateways_precedence() {
        // The first four rows are the example of AWS's page.
        let routes = [
            "GET /pets/dog/1",
            "GET /pets/dog/{id}",
            "GET /pets/{proxy+}",
            "ANY /{proxy+}",
            "ANY /pets/dog/{id}",
            "POST /{proxy+}",
            "ANY /pets",
            "GET /a/{b}/ccccc",
            "GET /a/b/{c}",
            "$default",
        ];
        for (method, path, expected) in [
            ("GET", "/pets/dog/1", "GET /pets/dog/1"),
            ("GET", "/pets/dog/2", "GET /pets/dog/{id}"),
            ("GET", "/pets/cat/1", "GET /pets/{proxy+}"),
            ("PUT", "/test/5", "ANY /{proxy+}"),
            ("DELETE", "/pets/dog/1", "ANY /pets/dog/{id}"),
            ("POST", "/test/5", "POST /{proxy+}"),
            ("GET", "/pets", "ANY /pets"),
            ("GET", "/a/b/ccccc", "GET /a/b/{c}"),
            ("GET", "/", "$default"),
        ] {
            assert_eq!(chosen(&routes, method, path).unwrap().0, expected, "{method} {path}");
        }
        assert_eq!(chosen(&["GET /pets", "GET /pets/{id}"], "GET", "/"), None);
        assert_eq!(chosen(&["GET /pets"], "POST", "/pets"), None);
        assert_eq!(chosen(&["GET /pets/{p+}"], "GET", "/pets"), None, "no segment is left");
        assert_eq!(chosen(&["GET /pets/{id}"], "GET", "/pets/"), None, "an empty segment");
        assert_eq!(chosen(&["GET /"], "GET", "/").unwrap().0, "GET /");
        assert_eq!(chosen(&["ANY /"], "OPTIONS", "*"), None);
    }

    #[test]
    fn variables_have_the_decoded_values_of_the_path() {
        let (_, parameters) =
            chosen(&["GET /a/{b}/{c+}"], "GET", "/a/x%20y%2Fz/1/%E2%82%AC").unwrap();
        let expected = [("b", "x y/z"), ("c", "1/€")];
        assert_eq!(parameters, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        assert_eq!(chosen(&["GET /o-1"], "GET", "/%6f%2D1").unwrap().0, "GET /o-1");
        for (text, plain) in [("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%ff", "\u{fffd}")] {
            assert_eq!(decoded(text), plain);
        }
    }

    #[test]
    fn what_api_gateway_refuses_is_not_a_route_key() {
        for (text, why) in [
            ("", "is not a route key"),
            ("/orders", "is not a route key"),
            ("GET orders", "is not a route key"),
            ("get /orders", "a method that API Gateway does not know"),
            ("TRACE /orders", "a method that API Gateway does not know"),
            ("GET /orders/", "an invalid segment"),
            ("GET //orders", "an invalid segment"),
            ("GET /o{id}", "an invalid segment"),
            ("GET /{}", "an invalid segment"),
            ("GET /{+}", "an invalid segment"),
            ("GET /a b", "an invalid segment"),
            ("GET /{a+}/b", "greedy variable"),
            ("GET /{a}/{a}", "two variables of one name"),
        ] {
            let found = RouteKey::parse(text).unwrap_err().to_string();
            assert!(found.contains(why), "{text}: {found}");
        }
    }

    #[test]
    fn keys_that_differ_in_names_of_variables_have_one_signature() {
        assert_eq!(key("GET /a/{b}/{c+}").signature(), key("GET /a/{x}/{y+}").signature());
        assert_ne!(key("GET /a/{b}").signature(), key("GET /a/{b+}").signature());
        assert_ne!(key("GET /a/{b}").signature(), key("ANY /a/{b}").signature());
        assert_eq!(
            (key("GET /").signature(), key("$default").signature()),
            ("GET /".into(), "$default".into())
        );
    }
}
