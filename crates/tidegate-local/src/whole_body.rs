//! Reads the whole body of a request, within a limit.

use axum::body::{Body, Bytes};
use bytes::BytesMut;
use http_body_util::BodyExt as _;

/// Why a body was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It has more bytes than allowed.
    TooLarge,
    /// The connection failed.
    Unread(String),
}

/// Reads a body to its end. Fails if it is larger than the limit, and keeps no more than that in
/// memory.
///
/// The rest is read, too: a caller that is cut off while it writes never sees the reason.
pub(crate) async fn read(mut body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let (mut kept, mut size) = (BytesMut::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BodyError::Unread(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        size = size.saturating_add(data.len());
        if size <= limit {
            kept.extend_from_slice(&data);
        }
    }
    if size > limit { Err(BodyError::TooLarge) } else { Ok(kept.freeze()) }
}
