//! Reads the pages that emulators serve beside AWS's APIs.

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Returns a page. `None` if the emulator does not have it.
pub(super) async fn get(url: &str) -> Result<Option<Bytes>, String> {
    if !url.starts_with("http://") {
        return Ok(None);
    }
    let client: Client<HttpConnector, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let url = url.parse().map_err(|error: http::uri::InvalidUri| error.to_string())?;
    let response = client.get(url).await.map_err(|error| error.to_string())?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    Ok((status == StatusCode::OK).then_some(body))
}
