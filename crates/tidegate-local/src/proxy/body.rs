//! Bodies on their way through the proxy: read whole if their content is needed, otherwise
//! streamed.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

/// Why a body ended early.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Largest body, in bytes, that is kept in memory if its content is needed. AWS's largest are
/// requests and answers of DynamoDB: 16 MB of data, which is more as JSON. Larger bodies are
/// streamed without being read.
const KEPT: usize = 64 << 20;

/// The body of a request or an answer.
#[derive(Debug)]
pub struct Body(Content);

#[derive(Debug)]
enum Content {
    Whole(Bytes),
    /// The part that was read already, and the rest.
    Passing(Bytes, UnsyncBoxBody<Bytes, BoxError>),
}

impl Body {
    /// Returns the whole body.
    ///
    /// `None` if it is streamed.
    pub fn whole(&self) -> Option<&Bytes> {
        match &self.0 {
            Content::Whole(bytes) => Some(bytes),
            Content::Passing(..) => None,
        }
    }

    /// Wraps a body that is streamed.
    pub(crate) fn passing<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() {
            return Self::from(Bytes::new());
        }
        Self(Content::Passing(Bytes::new(), body.map_err(Into::into).boxed_unsync()))
    }

    /// Reads the body to its end, unless it is larger than the limit.
    pub(crate) async fn read(self) -> Result<Self, BoxError> {
        self.read_up_to(KEPT).await
    }

    async fn read_up_to(self, limit: usize) -> Result<Self, BoxError> {
        let Content::Passing(begun, mut rest) = self.0 else { return Ok(self) };
        let (mut size, mut parts) = (begun.len(), vec![begun]);
        while size <= limit {
            let Some(frame) = rest.frame().await else { return Ok(Self::from(joined(parts))) };
            // Trailers belong to the connection's framing: AWS's protocols have none.
            if let Ok(data) = frame?.into_data() {
                size = size.saturating_add(data.len());
                parts.push(data);
            }
        }
        Ok(Self(Content::Passing(joined(parts), rest)))
    }

    /// Reads the body to its end and discards it, so that its writer gets the answer.
    pub(crate) async fn drain(mut self) {
        while let Some(Ok(_)) = self.frame().await {}
    }
}

/// Joins the parts. Copies nothing if only one has content.
fn joined(mut parts: Vec<Bytes>) -> Bytes {
    parts.retain(|part| !part.is_empty());
    match parts.as_slice() {
        [] => Bytes::new(),
        [only] => only.clone(),
        parts => parts.concat().into(),
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Content::Whole(bytes))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Content::Whole(bytes) | Content::Passing(bytes, _) if !bytes.is_empty() => {
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes)))))
            }
            Content::Whole(_) => Poll::Ready(None),
            Content::Passing(_, rest) => Pin::new(rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Passing(begun, rest) => begun.is_empty() && rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Passing(begun, rest) => {
                let (begun, rest) = (begun.len() as u64, rest.size_hint());
                let mut hint = SizeHint::new();
                hint.set_lower(rest.lower().saturating_add(begun));
                if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(begun)) {
                    hint.set_upper(upper);
                }
                hint
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use http_body_util::{Full, StreamBody};

    use super::*;

    fn in_parts(parts: &[&'static str]) -> Body {
        let frames: Vec<Result<Frame<Bytes>, BoxError>> =
            parts.iter().map(|part| Ok(Frame::data(Bytes::from_static(part.as_bytes())))).collect();
        Body::passing(StreamBody::new(futures::stream::iter(frames)))
    }

    fn collected(body: Body) -> Bytes {
        body.collect().now_or_never().unwrap().unwrap().to_bytes()
    }

    #[test]
    fn a_body_within_the_limit_is_read_whole_and_a_larger_one_loses_nothing() {
        let small = in_parts(&["ab", "cd"]).read_up_to(4).now_or_never().unwrap().unwrap();
        assert_eq!(small.whole().unwrap(), "abcd");
        assert_eq!(small.size_hint().exact(), Some(4));
        assert_eq!(collected(small), "abcd");
        let large =
            in_parts(&["ab", "cd", "ef", "gh"]).read_up_to(3).now_or_never().unwrap().unwrap();
        assert!(large.whole().is_none() && !large.is_end_stream());
        assert_eq!(collected(large), "abcdefgh");
    }

    #[test]
    fn a_body_that_breaks_off_is_an_error_and_no_short_body() {
        let frames: Vec<Result<Frame<Bytes>, BoxError>> =
            vec![Ok(Frame::data(Bytes::from_static(b"ab"))), Err("gone".into())];
        let body = Body::passing(StreamBody::new(futures::stream::iter(frames)));
        assert_eq!(body.read().now_or_never().unwrap().unwrap_err().to_string(), "gone");
    }

    #[test]
    fn an_empty_body_is_whole_at_once() {
        assert_eq!(Body::passing(Full::new(Bytes::new())).whole().unwrap(), "");
    }
}
