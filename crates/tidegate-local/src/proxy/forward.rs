//! Forwards a call to the endpoint, as a stream of unchanged bytes.

use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, Uri, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::body::{Body, BoxError};
use super::hook::{Call, Reply};

/// Headers that belong to one connection, not to the message. `Expect` is among them: the server of
/// this proxy tells the caller to continue when it reads the body.
const HOP_BY_HOP: [HeaderName; 6] = [
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
];

/// A keep-alive client of the endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    client: Client<HttpConnector, Body>,
    authority: Authority,
}

impl Upstream {
    /// Creates a client of the service at `http://{authority}`.
    pub(crate) fn new(authority: Authority) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, authority }
    }

    /// Forwards the call. If there is no answer, returns a 502, as a load balancer does.
    pub(super) async fn send(&self, call: &Call, body: Body) -> Reply {
        match self.try_send(call, body).await {
            Ok(reply) => reply,
            Err(why) => {
                unavailable(&format!("{} did not answer {}: {why}", self.authority, call.operation))
            }
        }
    }

    async fn try_send(&self, call: &Call, body: Body) -> Result<Reply, BoxError> {
        let mut uri = Uri::builder().scheme(Scheme::HTTP).authority(self.authority.clone());
        if let Some(path) = call.head.uri.path_and_query() {
            uri = uri.path_and_query(path.clone());
        }
        let mut request = request(call, body);
        *request.uri_mut() = uri.build()?;
        let (head, body) = self.client.request(request).await?.into_parts();
        let mut reply = Response::new(Body::passing(body));
        *reply.status_mut() = head.status;
        *reply.headers_mut() = end_to_end(&head.headers);
        Ok(reply)
    }
}

/// Returns the call as a request. `Host` stays unchanged: it is part of the signature.
pub(super) fn request(call: &Call, body: Body) -> Request<Body> {
    let mut request = Request::new(body);
    *request.method_mut() = call.head.method.clone();
    *request.uri_mut() = call.head.uri.clone();
    *request.headers_mut() = end_to_end(&call.head.headers);
    request
}

fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for name in &HOP_BY_HOP {
        kept.remove(name);
    }
    kept
}

/// Returns an error of the proxy itself.
pub(super) fn unavailable(message: &str) -> Reply {
    error(StatusCode::BAD_GATEWAY, "ServiceUnavailable", message)
}

/// Returns an error in the shape of the JSON services.
pub(crate) fn error(status: StatusCode, code: &str, message: &str) -> Reply {
    let body = serde_json::json!({ "__type": code, "message": message }).to_string();
    let mut reply = Response::new(Body::from(Bytes::from(body)));
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/x-amz-json-1.0"));
    reply
}
