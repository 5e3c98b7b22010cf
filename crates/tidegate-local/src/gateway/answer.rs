//! Reads a function's answer as a response.
//!
//! AWS docs: Create AWS Lambda proxy integrations for HTTP APIs; Invoking Lambda function URLs. An
//! answer without a `statusCode` is itself the body.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::service::Service;

/// Headers that the service writes itself.
const OF_THE_SERVICE: [&str; 5] =
    ["connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"];

/// Reads an answer.
///
/// # Errors
/// What is malformed. AWS counts it as a failure of the function.
pub(super) fn response(answer: &Bytes, service: Service) -> Result<Response, String> {
    // As AWS reads it: half of a surrogate pair must not cost the response.
    let value =
        aws_json::value(answer).map_err(|error| format!("the answer is not JSON: {error}"))?;
    let Some(object) = value.as_object().filter(|object| object.contains_key("statusCode")) else {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return Ok(built(StatusCode::OK, headers, answer.clone()));
    };
    let status = status(object)?;
    let body = body(object, service)?;
    Ok(built(status, headers(object, service)?, body))
}

fn built(status: StatusCode, headers: HeaderMap, body: Bytes) -> Response {
    let empty = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let mut response = Response::new(if empty { Body::empty() } else { Body::from(body) });
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn status(object: &Map<String, Value>) -> Result<StatusCode, String> {
    let given = object.get("statusCode").unwrap_or(&Value::Null);
    // A status below 200 announces another response, and there is none.
    let number = given.as_u64().filter(|number| (200..600).contains(number));
    let status = number.and_then(|number| StatusCode::from_u16(u16::try_from(number).ok()?).ok());
    status.ok_or_else(|| format!("the answer's statusCode is {given}; use a number, 200 to 599"))
}

fn headers(object: &Map<String, Value>, service: Service) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let given = match object.get("headers") {
        None | Some(Value::Null) => None,
        Some(Value::Object(given)) => Some(given),
        Some(_) => return Err("the answer's headers are not an object".to_owned()),
    };
    for (name, value) in given.into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(format!("the answer's header {name} is not a text"));
            }
        };
        let pair = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(text).ok());
        let (name, value) =
            pair.ok_or_else(|| format!("the answer's header {name:?} is not valid in HTTP"))?;
        if !OF_THE_SERVICE.contains(&name.as_str()) {
            // Names that differ in their case alone are one header.
            headers.append(name, value);
        }
    }
    let cookies = match object.get("cookies") {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(cookies)) => cookies,
        Some(_) => return Err("the answer's cookies are not a list".to_owned()),
    };
    for cookie in cookies {
        let value = cookie.as_str().and_then(|text| HeaderValue::try_from(text).ok());
        let value = value.ok_or_else(|| format!("the answer's cookie {cookie} is not a text"))?;
        headers.append(header::SET_COOKIE, value);
    }
    if !headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(match service {
                Service::Api => "text/plain; charset=utf-8",
                Service::FunctionUrl => "application/json",
            }),
        );
    }
    Ok(headers)
}

fn body(object: &Map<String, Value>, service: Service) -> Result<Bytes, String> {
    let encoded = match object.get("isBase64Encoded") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(encoded)) => *encoded,
        Some(_) => return Err("the answer's isBase64Encoded is not true or false".to_owned()),
    };
    match (object.get("body"), service) {
        (None | Some(Value::Null), _) => Ok(Bytes::new()),
        (Some(Value::String(text)), _) if encoded => STANDARD
            .decode(text)
            .map(Bytes::from)
            .map_err(|error| format!("the answer's body is not base64: {error}")),
        (Some(Value::String(text)), _) => Ok(text.clone().into()),
        // A function URL takes an object as JSON.
        (Some(object @ Value::Object(_)), Service::FunctionUrl) if !encoded => {
            Ok(object.to_string().into())
        }
        (Some(_), _) => Err("the answer's body is not a text".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use serde_json::json;

    use super::*;

    async fn read(answer: &str, service: Service) -> (u16, HeaderMap, Bytes) {
        let response = response(&answer.to_owned().into(), service);
        let (parts, body) = response.unwrap_or_else(|why| panic!("{answer}: {why}")).into_parts();
        (parts.status.as_u16(), parts.headers, body.collect().await.unwrap().to_bytes())
    }

    #[tokio::test]
    async fn an_answer_without_a_status_code_is_the_body() {
        for answer in [r#""Hello, world!""#, r#"{ "message": "x" }"#, "[1]", "null", "12", "true"] {
            for service in [Service::Api, Service::FunctionUrl] {
                let (status, headers, body) = read(answer, service).await;
                assert_eq!((status, &body[..]), (200, answer.as_bytes()));
                assert_eq!(headers["content-type"], "application/json");
            }
        }
        let (_, _, body) = read(r#"{"body":"x","headers":{"a":"b"}}"#, Service::Api).await;
        assert_eq!(&body[..], br#"{"body":"x","headers":{"a":"b"}}"#);
    }

    #[tokio::test]
    async fn status_headers_cookies_and_body_are_those_of_the_answer() {
        let answer = json!({
            "statusCode": 201,
            "headers": {"My-Header": "a", "X-Number": 1, "X-True": true, "Connection": "close", "Content-Length": "99"},
            "cookies": ["a=1; HttpOnly", "b=2"],
            "body": "text",
        });
        let (status, headers, body) = read(&answer.to_string(), Service::Api).await;
        assert_eq!((status, &body[..]), (201, &b"text"[..]));
        assert_eq!(
            (&headers["my-header"], &headers["x-number"], &headers["x-true"]),
            (&"a".parse().unwrap(), &"1".parse().unwrap(), &"true".parse().unwrap())
        );
        let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1; HttpOnly", "b=2"]);
        assert!(!headers.contains_key("connection") && !headers.contains_key("content-length"));
        assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
        let (status, _, _) = read(r#"{"statusCode":200,"body":"\ud83d"}"#, Service::Api).await;
        assert_eq!(status, 200, "half of a surrogate pair");
        let (_, headers, _) = read(&answer.to_string(), Service::FunctionUrl).await;
        assert_eq!(headers["content-type"], "application/json");
        let (_, headers, body) =
            read(r#"{"statusCode":200,"isBase64Encoded":true,"body":"/wA=","headers":{"content-type":"image/png"}}"#, Service::Api).await;
        assert_eq!(
            (&body[..], &headers["content-type"]),
            (&[255, 0][..], &"image/png".parse().unwrap())
        );
        let (status, _, body) = read(r#"{"statusCode":204,"body":"x"}"#, Service::Api).await;
        assert_eq!((status, body.len()), (204, 0));
        let (_, _, body) = read(r#"{"statusCode":200,"body":{"a":1}}"#, Service::FunctionUrl).await;
        assert_eq!(&body[..], br#"{"a":1}"#);
    }

    #[test]
    fn a_malformed_answer_is_refused_with_what_is_wrong() {
        for (answer, says) in [
            ("", "not JSON"),
            ("{", "not JSON"),
            (r#"{"statusCode":"200"}"#, "statusCode is \"200\""),
            (r#"{"statusCode":99}"#, "statusCode is 99"),
            (r#"{"statusCode":101}"#, "statusCode is 101"),
            (r#"{"statusCode":600}"#, "statusCode is 600"),
            (r#"{"statusCode":200.5}"#, "statusCode is 200.5"),
            (r#"{"statusCode":null}"#, "statusCode is null"),
            (r#"{"statusCode":200,"body":1}"#, "body is not a text"),
            (r#"{"statusCode":200,"body":{}}"#, "body is not a text"),
            (r#"{"statusCode":200,"body":"!","isBase64Encoded":true}"#, "not base64"),
            (r#"{"statusCode":200,"isBase64Encoded":"yes"}"#, "isBase64Encoded"),
            (r#"{"statusCode":200,"headers":[]}"#, "headers are not an object"),
            (r#"{"statusCode":200,"headers":{"a":["b"]}}"#, "header a is not a text"),
            (r#"{"statusCode":200,"headers":{"a b":"c"}}"#, "not valid in HTTP"),
            (r#"{"statusCode":200,"headers":{"a":"b\r\nset-cookie: c"}}"#, "not valid in HTTP"),
            (r#"{"statusCode":200,"cookies":"a=1"}"#, "cookies are not a list"),
            (r#"{"statusCode":200,"cookies":["a\n"]}"#, "cookie"),
        ] {
            let why = response(&answer.to_owned().into(), Service::Api).unwrap_err();
            assert!(why.contains(says), "{answer}: {why}");
        }
    }
}
