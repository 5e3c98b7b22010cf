//! Refuses calls to the endpoint that nothing in the local system answers.

use http::{HeaderMap, Method, StatusCode, header};

use super::forward;
use super::hook::{Call, Reply};
use super::operation::is_of_own_lambda;

/// Returns the refusal of a call that neither the engine nor an emulator answers usefully.
///
/// An emulator has a Lambda of its own. A function or a mapping that is created there would run
/// beside the engine, or never.
pub(super) fn refusal(call: &Call) -> Option<Reply> {
    let operation = call.operation.as_str();
    let message = if operation.starts_with("Lambda.") && !is_of_own_lambda(operation) {
        let (method, path) = (&call.head.method, call.head.uri.path());
        format!(
            "the local system does not answer {method} {path}: it finds and invokes functions; \
             declare functions and their sources in the topology"
        )
    } else if names_no_service(call) {
        let method = &call.head.method;
        format!(
            "{method} / names no AWS service: it has neither a signature nor X-Amz-Target nor \
             Action; this is the endpoint of the local system for AWS calls"
        )
    } else {
        return None;
    };
    let code = "UnknownOperationException";
    let mut reply = forward::error(StatusCode::NOT_FOUND, code, &message);
    // Lambda's clients read the code from this header.
    reply.headers_mut().insert("x-amzn-errortype", http::HeaderValue::from_static(code));
    Some(reply)
}

fn names_no_service(call: &Call) -> bool {
    let (head, operation) = (&call.head, call.operation.as_str());
    let has = |headers: &HeaderMap, name| headers.contains_key(name);
    let reads = matches!(head.method, Method::GET | Method::HEAD);
    operation.starts_with("S3.")
        && head.uri.path() == "/"
        && !reads
        && head.uri.query().is_none()
        && !has(&head.headers, header::AUTHORIZATION)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::operation::operation;
    use super::*;

    fn refused(method: &str, uri: &str, headers: &[(&str, &str)]) -> Option<String> {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let head = request.body(()).unwrap().into_parts().0;
        let operation = operation(&head, b"");
        let call = Call { number: 0, caller: String::new(), operation, head, body: Bytes::new() };
        let reply = refusal(&call)?;
        assert_eq!(
            (reply.status(), reply.headers()["x-amzn-errortype"].to_str().unwrap()),
            (StatusCode::NOT_FOUND, "UnknownOperationException")
        );
        Some(String::from_utf8(reply.body().whole().unwrap().to_vec()).unwrap())
    }

    #[test]
    fn lambda_offers_only_what_finds_and_invokes_functions() {
        let signed = (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/lambda/aws4_request",
        );
        let says = refused("POST", "/2015-03-31/functions", &[signed]).unwrap();
        assert!(says.contains("POST /2015-03-31/functions: it finds and invokes"), "{says}");
        assert!(refused("POST", "/2015-03-31/event-source-mappings/", &[signed]).is_some());
        assert!(refused("GET", "/2015-03-31/functions", &[signed]).is_none());
        assert!(refused("POST", "/2015-03-31/functions/f/invocations", &[]).is_none());
    }

    #[test]
    fn a_request_that_names_no_service_is_refused_and_those_of_services_are_not() {
        assert!(refused("POST", "/", &[]).unwrap().contains("POST / names no AWS service"));
        let signed = (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/sts/aws4_request",
        );
        for (method, uri, headers) in [
            ("GET", "/", &[][..]),
            ("HEAD", "/", &[]),
            ("POST", "/", &[("x-amz-target", "Kinesis_20131202.PutRecord")]),
            ("POST", "/", &[signed]),
            ("PUT", "/bucket/key", &[]),
            ("POST", "/?X-Amz-Signature=a", &[]),
        ] {
            assert_eq!(refused(method, uri, headers), None, "{method} {uri}");
        }
    }
}
