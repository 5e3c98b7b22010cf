//! Who may ask: programs of this machine, and the console's own page. A page of another site must not, though a browser here would send its requests:
//! its own name may have been made to resolve to 127.0.0.1, and a form needs no permission to be posted.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Answers requests that come from elsewhere with 403.
pub(super) async fn guarded(request: Request, next: Next) -> Response {
    match refused(request.method(), request.headers()) {
        Some(why) => (StatusCode::FORBIDDEN, why).into_response(),
        None => next.run(request).await,
    }
}

/// Why a request is refused, if it is.
fn refused(method: &Method, headers: &HeaderMap) -> Option<&'static str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(host) = text(header::HOST).filter(|host| is_local(host)) else {
        return Some("the local system answers only at 127.0.0.1 and localhost\n");
    };
    let changes = method != Method::GET && method != Method::HEAD;
    // A browser names the page's origin in every request that may change something; programs do not.
    let foreign = headers.get(header::ORIGIN).is_some_and(|origin| {
        let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
        origin.as_ref().and_then(Uri::authority).map(axum::http::uri::Authority::as_str) != Some(host)
    });
    (changes && foreign).then_some("the local system takes no requests from pages of others\n")
}

/// Whether a host, with or without a port, is this machine by a name that nobody else can give.
fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.to_ascii_lowercase();
    matches!(name.as_str(), "127.0.0.1" | "localhost" | "[::1]") || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn refuses(method: &Method, given: &[(HeaderName, &str)]) -> bool {
        let given = given.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        refused(method, &given.collect()).is_some()
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for host in ["127.0.0.1:4000", "localhost", "LOCALHOST:80", "[::1]:4000", "lambda.localhost:1"] {
            assert!(!refuses(&Method::GET, &[(header::HOST, host)]), "{host}");
        }
        for host in ["example.com", "127.0.0.1.example.com:80", "localhost.example.com", "evil:4000", ""] {
            assert!(refuses(&Method::GET, &[(header::HOST, host)]), "{host}");
        }
        assert!(refuses(&Method::GET, &[]));
    }

    #[test]
    fn a_page_of_another_origin_changes_nothing() {
        let host = (header::HOST, "127.0.0.1:4000");
        let from = |origin| [host.clone(), (header::ORIGIN, origin)];
        for origin in ["http://example.com", "null", "http://127.0.0.1:4001", "http://localhost:4000"] {
            assert!(refuses(&Method::POST, &from(origin)), "{origin}");
        }
        assert!(!refuses(&Method::POST, &from("http://127.0.0.1:4000")));
        assert!(!refuses(&Method::POST, &[host]), "programs name no origin");
    }
}
