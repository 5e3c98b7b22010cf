//! Forwards a call to the endpoint, bytes unchanged.

use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::BODY_LIMIT;
use super::hook::{Call, Reply};

/// Headers that belong to one connection, not to the message. `Expect` is among them: the proxy has the whole body already.
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
    client: Client<HttpConnector, Full<Bytes>>,
    authority: Authority,
}

impl Upstream {
    /// A client of the service at `http://{authority}`.
    pub(crate) fn new(authority: Authority) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, authority }
    }

    /// Forwards the call and reads the whole answer. One that cannot be had is an answer too (502), as a load balancer gives it.
    pub(crate) async fn send(&self, call: &Call) -> Reply {
        match self.try_send(call).await {
            Ok(reply) => reply,
            Err(why) => unavailable(&format!("{} did not answer {}: {why}", self.authority, call.operation)),
        }
    }

    async fn try_send(&self, call: &Call) -> Result<Reply, Box<dyn std::error::Error + Send + Sync>> {
        let mut uri = Uri::builder().scheme(Scheme::HTTP).authority(self.authority.clone());
        if let Some(path) = call.head.uri.path_and_query() {
            uri = uri.path_and_query(path.clone());
        }
        let mut request = Request::new(Full::new(call.body.clone()));
        *request.method_mut() = call.head.method.clone();
        *request.uri_mut() = uri.build()?;
        // `Host` goes as it came: it is part of the signature.
        *request.headers_mut() = end_to_end(&call.head.headers);

        let (head, body) = self.client.request(request).await?.into_parts();
        let body = Limited::new(body, BODY_LIMIT).collect().await?.to_bytes();
        let mut reply = Response::new(body);
        *reply.status_mut() = head.status;
        *reply.headers_mut() = end_to_end(&head.headers);
        Ok(reply)
    }
}

fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for name in &HOP_BY_HOP {
        kept.remove(name);
    }
    kept
}

/// An answer of the proxy itself.
pub(super) fn unavailable(message: &str) -> Reply {
    error(StatusCode::BAD_GATEWAY, "ServiceUnavailable", message)
}

/// An error in the JSON services' shape.
pub(crate) fn error(status: StatusCode, code: &str, message: &str) -> Reply {
    let body = serde_json::json!({ "__type": code, "message": message }).to_string();
    let mut reply = Response::new(Bytes::from(body));
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/x-amz-json-1.0"));
    reply
}
