//! Bodies that a function's process sends, and the errors in streamed ones.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::environment::error_object::error_object;

/// Lambda's limit of a response, in bytes.
pub(super) const RESPONSE_LIMIT: usize = 6_291_556;
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const ERROR_BODY: &str = "lambda-runtime-function-error-body";

/// Result of reading a body.
pub(super) enum Body {
    Whole(Bytes),
    TooLarge(usize),
    /// The stream ends with an error, which is this object.
    Failed(Bytes),
    /// The connection ended first.
    BrokenOff,
}

/// How a response is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Buffered,
    Streaming,
}

impl Mode {
    /// Reads `Lambda-Runtime-Function-Response-Mode`.
    pub(super) fn from_headers(headers: &HeaderMap) -> Self {
        let mode = headers.get("lambda-runtime-function-response-mode").map(|mode| mode.as_bytes());
        if mode.is_some_and(|mode| mode.eq_ignore_ascii_case(b"streaming")) {
            Self::Streaming
        } else {
            Self::Buffered
        }
    }
}

/// Reads a body to its end, and keeps at most the limit.
///
/// It reads on beyond the limit, because a process that is cut off while it writes never sees the
/// refusal.
pub(super) async fn read(mut body: Incoming, mode: Mode) -> Body {
    let (mut kept, mut size) = (BytesMut::new(), 0_usize);
    let mut first: Option<Bytes> = None;
    let mut error = None;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Body::BrokenOff };
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                error = frame.trailers_ref().and_then(in_trailers).or(error);
                continue;
            }
        };
        size = size.saturating_add(data.len());
        if size > RESPONSE_LIMIT {
            (kept, first) = (BytesMut::new(), None);
        } else if size == data.len() {
            first = Some(data);
        } else {
            kept.extend_from_slice(&first.take().unwrap_or_default());
            kept.extend_from_slice(&data);
        }
    }
    let whole = first.unwrap_or_else(|| kept.freeze());
    let error = error.or_else(|| at_the_end(&whole)).filter(|_| mode == Mode::Streaming);
    match error {
        Some(error) => Body::Failed(error),
        None if size > RESPONSE_LIMIT => Body::TooLarge(size),
        None => Body::Whole(whole),
    }
}

/// Returns the error of a stream in trailing headers, as Lambda's documentation of custom runtimes
/// describes it.
fn in_trailers(trailers: &HeaderMap) -> Option<Bytes> {
    let text = |name: &str| {
        trailers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let (error_type, body) = (text(ERROR_TYPE), text(ERROR_BODY));
    (error_type.is_some() || body.is_some()).then(|| {
        error(
            error_type.as_deref().unwrap_or("Runtime.StreamError"),
            body.as_deref().unwrap_or_default(),
        )
    })
}

/// Returns the error of a stream as `lambda_runtime` writes it up to version 1.5: the same headers
/// as the last part of the body.
fn at_the_end(body: &[u8]) -> Option<Bytes> {
    const NAME: &[u8] = b"Lambda-Runtime-Function-Error-Type: ";
    let begin = memchr::memmem::rfind(body, NAME)?;
    let text = std::str::from_utf8(body.get(begin + NAME.len()..)?).ok()?;
    let (error_type, rest) = text.split_once("\r\n")?;
    let body = rest.strip_prefix("Lambda-Runtime-Function-Error-Body: ")?.strip_suffix("\r\n")?;
    (!body.contains('\r')).then(|| error(error_type, body))
}

/// Decodes an error object in base64. If it is not an object, returns one with its text.
fn error(error_type: &str, body: &str) -> Bytes {
    let decoded = STANDARD.decode(body).unwrap_or_else(|_| body.as_bytes().to_vec());
    let is_object = serde_json::from_slice::<serde_json::Map<_, _>>(&decoded).is_ok();
    if is_object {
        Bytes::from(decoded)
    } else {
        error_object(error_type, &String::from_utf8_lossy(&decoded))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parsed(error: Option<Bytes>) -> Option<Value> {
        error.map(|error| serde_json::from_slice(&error).unwrap())
    }

    #[test]
    fn trailers_name_the_error_as_an_object_or_as_text() {
        let trailers = |pairs: &[(&'static str, String)]| {
            in_trailers(
                &pairs
                    .iter()
                    .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                    .collect(),
            )
        };
        let object = json!({"errorType": "Own", "errorMessage": "no luck", "stackTrace": []});
        let given =
            [(ERROR_TYPE, "Own".to_owned()), (ERROR_BODY, STANDARD.encode(object.to_string()))];
        assert_eq!(parsed(trailers(&given)), Some(object));
        let text = [
            (ERROR_TYPE, "Runtime.StreamError".to_owned()),
            (ERROR_BODY, STANDARD.encode("no luck")),
        ];
        let made = json!({"errorType": "Runtime.StreamError", "errorMessage": "no luck"});
        assert_eq!(parsed(trailers(&text)), Some(made));
        assert_eq!(parsed(trailers(&[("x-checksum", "1".to_owned())])), None);
    }

    #[test]
    fn rusts_runtime_writes_the_error_at_the_end_of_the_body() {
        let written = format!(
            "half an ans\r\nLambda-Runtime-Function-Error-Type: Runtime.StreamError\r\nLambda-Runtime-Function-Error-Body: {}\r\n",
            STANDARD.encode("no luck")
        );
        let made = json!({"errorType": "Runtime.StreamError", "errorMessage": "no luck"});
        assert_eq!(parsed(at_the_end(written.as_bytes())), Some(made));
        for quoted in
            [format!("{written}and so on"), written.replace("-Body", "-Text"), "whole".to_owned()]
        {
            assert_eq!(at_the_end(quoted.as_bytes()), None, "{quoted}");
        }
    }
}
