//! The event of a request: payload format 2.0.
//!
//! AWS docs: Create AWS Lambda proxy integrations for HTTP APIs; Invoking Lambda function URLs.
//! Members that would be empty are left out, as AWS does.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use topology::route::{PathParameters, decoded};

use super::authorizer::Caller;
use super::request::Incoming;
use super::service::Service;
use engine_client::local::ACCOUNT;

/// Headers about the connection, which end at the service.
const OF_THE_CONNECTION: [&str; 6] =
    ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];

/// What an event says besides the request itself.
#[derive(Clone, Debug)]
pub(super) struct Context<'a> {
    pub(super) service: Service,
    /// Declared name of the API, or of the function with the URL.
    pub(super) name: &'a str,
    pub(super) route: &'a str,
    pub(super) parameters: &'a PathParameters,
    pub(super) caller: &'a Caller,
    pub(super) request_id: &'a str,
    pub(super) at: Timestamp,
}

/// Returns the event of a request.
pub(super) fn event(request: &Incoming, context: &Context<'_>) -> Value {
    // API Gateway decodes the path, and Lambda hands it on as it came. Both were observed.
    let path = match context.service {
        Service::Api => decoded(&request.path),
        Service::FunctionUrl => request.path.clone(),
    };
    let text = text(request);
    let mut event = Map::new();
    let mut insert = |name: &str, value: Value| _ = event.insert(name.to_owned(), value);
    insert("version", "2.0".into());
    insert("routeKey", context.route.into());
    insert("rawPath", path.as_str().into());
    insert("rawQueryString", request.query.as_str().into());
    let cookies = cookies(request);
    if !cookies.is_empty() {
        insert("cookies", cookies.into());
    }
    insert("headers", json!(headers(request, context)));
    let query = joined(form_urlencoded::parse(request.query.as_bytes()));
    if !query.is_empty() {
        insert("queryStringParameters", json!(query));
    }
    if !context.parameters.is_empty() {
        insert("pathParameters", json!(context.parameters));
    }
    insert("requestContext", request_context(request, context, &path));
    match text {
        _ if request.body.is_empty() => {}
        Some(text) => insert("body", text.into()),
        None => insert("body", STANDARD.encode(&request.body).into()),
    }
    insert("isBase64Encoded", (!request.body.is_empty() && text.is_none()).into());
    Value::Object(event)
}

fn request_context(request: &Incoming, context: &Context<'_>, path: &str) -> Value {
    let domain = request.values("host").next().unwrap_or_default();
    // A function URL without authorization knows no account.
    let account = match (context.service, context.caller) {
        (Service::FunctionUrl, Caller::Anyone) => "anonymous",
        _ => ACCOUNT,
    };
    let at = context.at.to_zoned(TimeZone::UTC);
    let mut value = json!({
        "accountId": account,
        "apiId": context.name,
        "domainName": domain,
        "domainPrefix": domain.split('.').next().unwrap_or_default(),
        "http": {
            "method": request.method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.source.to_string(),
            "userAgent": request.values("user-agent").next().unwrap_or_default(),
        },
        "requestId": context.request_id,
        "routeKey": context.route,
        "stage": "$default",
        "time": at.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
        "timeEpoch": context.at.as_millisecond(),
    });
    if let (Some(authorizer), Some(object)) = (context.caller.context(), value.as_object_mut()) {
        object.insert("authorizer".to_owned(), authorizer);
    }
    value
}

/// Returns the headers: names in lower case, several values joined by commas, and those that AWS
/// adds. Cookies have a member of their own.
fn headers(request: &Incoming, context: &Context<'_>) -> BTreeMap<String, String> {
    let own = request
        .headers
        .iter()
        .filter(|(name, _)| name != "cookie" && !OF_THE_CONNECTION.contains(&name.as_str()));
    let mut headers = joined(own.map(|(name, value)| (name.into(), value.into())));
    let host = request.values("host").next().unwrap_or_default();
    let port = host.rsplit_once(':').map_or("80", |(_, port)| port);
    let source = request.source.to_string();
    let before = headers.get("x-forwarded-for").map(|before| format!("{before}, {source}"));
    let trace = context.request_id.replace('-', "");
    let trace =
        format!("Root=1-{:08x}-{}", context.at.as_second(), trace.get(..24).unwrap_or_default());
    for (name, value) in [
        ("x-amzn-trace-id", trace),
        ("x-forwarded-for", before.unwrap_or(source)),
        ("x-forwarded-port", port.to_owned()),
        ("x-forwarded-proto", "http".to_owned()),
    ] {
        headers.insert(name.to_owned(), value);
    }
    headers
}

/// Joins the values of each name by commas.
fn joined<'a>(
    pairs: impl Iterator<Item = (std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>)>,
) -> BTreeMap<String, String> {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        values
            .entry(name.into_owned())
            .and_modify(|before| {
                before.push(',');
                before.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    values
}

fn cookies(request: &Incoming) -> Vec<&str> {
    let cookies = request.values("cookie").flat_map(|header| header.split(';'));
    cookies.map(str::trim).filter(|cookie| !cookie.is_empty()).collect()
}

/// Returns the body if it travels as text.
///
/// A text has a content type of text, JSON, XML or JavaScript. Everything else, forms too, is
/// encoded; so is a text that is not UTF-8, which JSON could not carry.
fn text(request: &Incoming) -> Option<&str> {
    let kind = request.values("content-type").next()?;
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let known = ["application/json", "application/javascript", "application/xml"];
    let is_text = kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || known.contains(&kind.as_str());
    if is_text { std::str::from_utf8(&request.body).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn request(headers: &[(&str, &str)], body: &'static [u8]) -> Incoming {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Incoming {
            method: "POST".to_owned(),
            path: "/my/p%2Fath".to_owned(),
            query: "a=1&a=2&b=x%20y+z&c".to_owned(),
            headers: headers.collect(),
            source: IpAddr::V4(Ipv4Addr::LOCALHOST),
            body: body.into(),
        }
    }

    fn of(request: &Incoming, service: Service, caller: &Caller) -> Value {
        let parameters = [("id".to_owned(), "p/ath".to_owned())].into();
        let empty = PathParameters::new();
        let parameters = if service == Service::Api { &parameters } else { &empty };
        event(
            request,
            &Context {
                service,
                name: "shop",
                route: if service == Service::Api { "POST /my/{id}" } else { "$default" },
                parameters,
                caller,
                request_id: "00112233-4455-6677-8899-aabbccddeeff",
                at: "2020-03-12T19:03:58.390Z".parse().unwrap(),
            },
        )
    }

    #[test]
    fn an_api_gets_payload_format_2_0() {
        let headers = [
            ("host", "127.0.0.1:4000"),
            ("content-type", "text/plain"),
            ("x-many", "value1"),
            ("x-many", "value2"),
            ("cookie", "a=1; b=2"),
            ("cookie", "c=3"),
            ("connection", "keep-alive"),
            ("x-forwarded-for", "10.0.0.1"),
            ("user-agent", "agent"),
        ];
        let event = of(&request(&headers, b"Hello"), Service::Api, &Caller::Anyone);
        let expected = json!({
            "version": "2.0",
            "routeKey": "POST /my/{id}",
            "rawPath": "/my/p/ath",
            "rawQueryString": "a=1&a=2&b=x%20y+z&c",
            "cookies": ["a=1", "b=2", "c=3"],
            "headers": {
                "host": "127.0.0.1:4000",
                "content-type": "text/plain",
                "user-agent": "agent",
                "x-many": "value1,value2",
                "x-amzn-trace-id": "Root=1-5e6a879e-00112233445566778899aabb",
                "x-forwarded-for": "10.0.0.1, 127.0.0.1",
                "x-forwarded-port": "4000",
                "x-forwarded-proto": "http",
            },
            "queryStringParameters": { "a": "1,2", "b": "x y z", "c": "" },
            "pathParameters": { "id": "p/ath" },
            "requestContext": {
                "accountId": ACCOUNT,
                "apiId": "shop",
                "domainName": "127.0.0.1:4000",
                "domainPrefix": "127",
                "http": {
                    "method": "POST", "path": "/my/p/ath", "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1", "userAgent": "agent",
                },
                "requestId": "00112233-4455-6677-8899-aabbccddeeff",
                "routeKey": "POST /my/{id}",
                "stage": "$default",
                "time": "12/Mar/2020:19:03:58 +0000",
                "timeEpoch": 1_584_039_838_390_u64,
            },
            "body": "Hello",
            "isBase64Encoded": false,
        });
        assert_eq!(event, expected);
    }

    #[test]
    fn a_function_url_keeps_the_path_encoded_and_knows_no_account_without_iam() {
        let plain = Incoming { query: String::new(), ..request(&[], b"") };
        let event = of(&plain, Service::FunctionUrl, &Caller::Anyone);
        assert_eq!(event["rawPath"], "/my/p%2Fath");
        assert_eq!(event["requestContext"]["accountId"], "anonymous");
        for absent in ["cookies", "queryStringParameters", "pathParameters", "body"] {
            assert!(event.get(absent).is_none(), "{absent}");
        }
        assert_eq!(
            (&event["rawQueryString"], &event["isBase64Encoded"]),
            (&"".into(), &false.into())
        );
        assert!(event["requestContext"].get("authorizer").is_none());
        let event = of(&plain, Service::FunctionUrl, &Caller::Root);
        assert_eq!(event["requestContext"]["accountId"], ACCOUNT);
        let arn = &event["requestContext"]["authorizer"]["iam"]["userArn"];
        assert_eq!(*arn, format!("arn:aws:iam::{ACCOUNT}:root"));
    }

    #[test]
    fn the_claims_of_a_token_reach_the_function() {
        let caller =
            Caller::Token { claims: json!({"sub": "alice"}), scopes: Some(vec!["a".to_owned()]) };
        let event = of(&request(&[], b""), Service::Api, &caller);
        let expected = json!({"jwt": {"claims": {"sub": "alice"}, "scopes": ["a"]}});
        assert_eq!(event["requestContext"]["authorizer"], expected);
        let caller = Caller::Token { claims: json!({}), scopes: None };
        let event = of(&request(&[], b""), Service::Api, &caller);
        assert_eq!(event["requestContext"]["authorizer"]["jwt"]["scopes"], Value::Null);
    }

    #[test]
    fn a_body_that_is_not_text_is_encoded() {
        for (kind, body, encoded) in [
            ("application/json; charset=utf-8", &b"{}"[..], false),
            ("Text/HTML", b"<p>", false),
            ("application/problem+json", b"{}", false),
            ("image/svg+xml", b"<svg/>", false),
            ("application/x-www-form-urlencoded", b"a=1", true),
            ("application/octet-stream", b"abc", true),
            ("image/png", b"\x89PNG", true),
            ("text/plain", b"\xff", true),
            ("", b"abc", true),
        ] {
            let event =
                of(&request(&[("content-type", kind)], body), Service::Api, &Caller::Anyone);
            assert_eq!(event["isBase64Encoded"], encoded, "{kind}");
            let expected = if encoded {
                STANDARD.encode(body)
            } else {
                String::from_utf8(body.to_vec()).unwrap()
            };
            assert_eq!(event["body"], expected, "{kind}");
        }
        let event = of(&request(&[], b"abc"), Service::Api, &Caller::Anyone);
        assert_eq!(event["isBase64Encoded"], true, "without a content type");
    }
}
