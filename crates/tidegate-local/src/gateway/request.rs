//! A request as it came: method, path, query, headers and body.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use bytes::Bytes;

use super::refusal::Refusal;
use super::service::Service;

/// A request that is within the limits of its service.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    pub(super) method: String,
    /// The path, still percent-encoded.
    pub(super) path: String,
    /// The query without its question mark; empty if there is none.
    pub(super) query: String,
    /// Headers in the order of the request, with lower-case names.
    pub(super) headers: Vec<(String, String)>,
    pub(super) source: IpAddr,
    pub(super) body: Bytes,
}

impl Incoming {
    /// Reads the head of a request. Its body comes later.
    ///
    /// # Errors
    /// The head is longer than the service takes.
    pub(super) fn from_head(parts: &Parts, service: Service) -> Result<Self, Refusal> {
        let headers = parts.headers.iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let headers: Vec<(String, String)> = headers.collect();
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        // `GET /orders HTTP/1.1`
        let line = parts.method.as_str().len() + 1 + target.len() + " HTTP/1.1".len();
        let size = line + headers.iter().map(|(_, value)| value.len()).sum::<usize>();
        if service.head_bytes().is_some_and(|limit| size > limit) {
            return Err(Refusal::HeadTooLarge);
        }
        let peer = parts.extensions.get::<ConnectInfo<std::net::SocketAddr>>();
        Ok(Self {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers,
            source: peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip()),
            body: Bytes::new(),
        })
    }

    /// Returns the values of a header.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Returns the only value of a header. `None` if there are several.
    pub(super) fn value<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let mut values = self.values(name);
        values.next().filter(|_| values.next().is_none())
    }
}
