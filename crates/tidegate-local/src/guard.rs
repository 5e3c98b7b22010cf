//! Keeps web pages away from every listener of the engine.
//!
//! A browser on this machine lets any page send requests to 127.0.0.1, and lets the owner of a name
//! point it there (DNS rebinding). The guard distinguishes programs from pages by headers that
//! browsers add and pages cannot remove.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Header with the site of a request, which current browsers add to every request to this machine.
/// `none` is a person who used the address bar.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The intended clients of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Programs, and the pages that the listener itself serves. Other pages may send reads: the
    /// browser does not give them the answer, and reads change nothing.
    ItsPages,
    /// Programs, and a person who enters an address such as a presigned URL. No page at all: a
    /// `GET` may take an event from its queue.
    Programs,
}

/// Answers requests of foreign pages with 403.
pub(crate) async fn guarded(request: Request, next: Next) -> Response {
    match refused(Audience::ItsPages, request.method(), request.headers()) {
        Some(why) => (StatusCode::FORBIDDEN, why).into_response(),
        None => next.run(request).await,
    }
}

/// Returns why a request is refused, if it is.
pub(crate) fn refused(
    audience: Audience,
    method: &Method,
    headers: &HeaderMap,
) -> Option<&'static str> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(host) = text(header::HOST).filter(|host| is_local(host)) else {
        return Some(
            "the local system answers only at 127.0.0.1, localhost and host.docker.internal\n",
        );
    };
    // A browser names the page's origin in every request that may change something. Programs do
    // not.
    let from_page = match audience {
        Audience::ItsPages => {
            let changes = method != Method::GET && method != Method::HEAD;
            let foreign = |origin| authority(origin).as_deref() != Some(host);
            changes && headers.get(header::ORIGIN).is_some_and(foreign)
        }
        Audience::Programs => {
            headers.contains_key(header::ORIGIN)
                || headers.get(SITE).is_some_and(|site| site != "none")
        }
    };
    from_page.then_some("the local system refuses requests from other web pages\n")
}

/// Returns the host and port of an origin.
fn authority(origin: &axum::http::HeaderValue) -> Option<String> {
    let origin = origin.to_str().ok()?.parse::<Uri>().ok()?;
    origin.authority().map(ToString::to_string)
}

/// Names of this machine in a container of Docker. No owner of a domain can point them elsewhere:
/// ICANN reserved `.internal` for private use in 2024.
const IN_CONTAINERS: [&str; 2] = ["host.docker.internal", "gateway.docker.internal"];

/// Returns whether a host, with or without a port, is this machine by a name that cannot belong to
/// others.
///
/// `localhost` and names below it, such as `bucket.localhost`, never leave the machine (RFC 6761).
fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.to_ascii_lowercase();
    matches!(name.as_str(), "127.0.0.1" | "localhost" | "[::1]")
        || name.ends_with(".localhost")
        || IN_CONTAINERS.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const HOST: (HeaderName, &str) = (header::HOST, "127.0.0.1:4000");

    fn refuses(audience: Audience, method: &Method, given: &[(HeaderName, &str)]) -> bool {
        let given =
            given.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        refused(audience, method, &given.collect()).is_some()
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for audience in [Audience::ItsPages, Audience::Programs] {
            let refuses = |given: &[_]| refuses(audience, &Method::GET, given);
            for host in [
                "127.0.0.1:4000",
                "localhost",
                "LOCALHOST:80",
                "[::1]:4000",
                "lambda.localhost:1",
                "b.s3.localhost:1",
                "host.docker.internal:4000",
                "Gateway.Docker.Internal",
            ] {
                assert!(!refuses(&[(header::HOST, host)]), "{host}");
            }
            for host in [
                "example.com",
                "127.0.0.1.example.com:80",
                "localhost.example.com",
                "evil:4000",
                "",
                "evil.host.docker.internal",
                "host.docker.internal.example.com",
                "docker.internal",
            ] {
                assert!(refuses(&[(header::HOST, host)]), "{host}");
            }
            assert!(refuses(&[]));
        }
    }

    #[test]
    fn a_page_of_another_origin_changes_nothing() {
        let refuses = |given: &[_]| refuses(Audience::ItsPages, &Method::POST, given);
        for origin in
            ["http://example.com", "null", "http://127.0.0.1:4001", "http://localhost:4000"]
        {
            assert!(refuses(&[HOST, (header::ORIGIN, origin)]), "{origin}");
        }
        assert!(!refuses(&[HOST, (header::ORIGIN, "http://127.0.0.1:4000")]));
        assert!(!refuses(&[HOST]), "programs name no origin");
    }

    #[test]
    fn what_is_for_programs_takes_nothing_from_a_page_not_even_a_look() {
        for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::OPTIONS] {
            let refuses = |given: &[_]| refuses(Audience::Programs, &method, given);
            for origin in ["http://example.com", "null", "http://127.0.0.1:4000"] {
                assert!(refuses(&[HOST, (header::ORIGIN, origin)]), "{origin}");
            }
            // An image or a link has no origin.
            for site in ["cross-site", "same-site", "same-origin"] {
                assert!(refuses(&[HOST, (SITE, site)]), "{site}");
            }
            assert!(!refuses(&[HOST, (SITE, "none")]), "the address bar");
            // Node.js sends this header too, though it is not a browser.
            assert!(!refuses(&[HOST, (HeaderName::from_static("sec-fetch-mode"), "cors")]));
        }
    }
}
