//! Signatures of requests: AWS Signature Version 4, with the local credentials.
//!
//! The signature is computed again with AWS's own signer, and compared.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::request::Incoming;
use super::service::Service;
use crate::credentials::KEY;
use engine_client::local::REGION;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Largest difference between the time of a signature and now, in seconds (AWS docs: Signature
/// Version 4).
const SKEW_SECONDS: i64 = 300;

/// Parts of the header `Authorization`.
struct Parsed<'a> {
    key: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    headers: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Parsed<'a> {
    fn from_header(header: &'a str) -> Option<Self> {
        let fields = header.strip_prefix(ALGORITHM)?;
        let field = |name: &str| {
            fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let mut scope = field("Credential")?.split('/');
        let mut next = || scope.next();
        let (key, date, region, service) = (next()?, next()?, next()?, next()?);
        (next() == Some("aws4_request") && next().is_none()).then_some(())?;
        let headers = field("SignedHeaders")?.split(';').collect();
        Some(Self { key, date, region, service, headers, signature: field("Signature")? })
    }
}

/// Verifies that a request is signed with the local credentials.
///
/// # Errors
/// Why it is not.
pub(super) fn verify(request: &Incoming, service: Service, now: Timestamp) -> Result<(), String> {
    let header = request.value("authorization").ok_or("the request is not signed")?;
    let parsed = Parsed::from_header(header).ok_or_else(|| {
        format!("the header Authorization is not a signature of the form {ALGORITHM} Credential=…")
    })?;
    if parsed.key != KEY {
        return Err(format!("the key id is {}, and that of the local system is {KEY}", parsed.key));
    }
    let (own, wanted) = ((parsed.region, parsed.service), (REGION, service.signing_name()));
    if own != wanted {
        return Err(format!(
            "it is signed for {} in {}, and must be for {} in {}",
            own.1, own.0, wanted.1, wanted.0
        ));
    }
    let date = request.value("x-amz-date").ok_or("the header X-Amz-Date is missing")?;
    let signed = DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok();
    let signed = signed.and_then(|date| date.to_zoned(TimeZone::UTC).ok());
    let signed = signed.ok_or("the header X-Amz-Date is not a time")?.timestamp();
    if (signed.as_second() - now.as_second()).abs() > SKEW_SECONDS {
        return Err(format!("it was signed at {date}, more than five minutes from now"));
    }
    if !date.starts_with(parsed.date) {
        return Err("X-Amz-Date and the date of the credential differ".to_owned());
    }
    let is_signed = |name: &str| parsed.headers.contains(&name);
    let amazon = request.headers.iter().map(|(name, _)| name.as_str());
    let mut needed = amazon.filter(|name| name.starts_with("x-amz-")).chain(["host"]);
    if let Some(left_out) = needed.find(|name| !is_signed(name)) {
        return Err(format!("the header {left_out} is not signed"));
    }
    let expected = computed(request, service, &parsed, signed.into())?;
    if expected != parsed.signature {
        return Err("the signature does not match the request".to_owned());
    }
    Ok(())
}

/// Computes the signature that a request must have.
fn computed(
    request: &Incoming,
    service: Service,
    parsed: &Parsed<'_>,
    time: SystemTime,
) -> Result<String, String> {
    let failed = |error: &dyn std::fmt::Display| format!("it cannot be signed: {error}");
    let identity = Credentials::new(KEY, KEY, None, None, "local").into();
    let mut settings = SigningSettings::default();
    // Just those headers that the sender has signed.
    settings.excluded_headers = None;
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name(service.signing_name())
        .time(time)
        .settings(settings)
        .build()
        .map_err(|error| failed(&error))?;
    let host = request.value("host").unwrap_or_default();
    let query = if request.query.is_empty() { "" } else { "?" };
    let uri = format!("http://{host}{}{query}{}", request.path, request.query);
    let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let headers = headers.filter(|(name, _)| parsed.headers.contains(name));
    let body = SignableBody::Bytes(&request.body);
    let signable = SignableRequest::new(&request.method, uri, headers, body);
    let signable = signable.map_err(|error| failed(&error))?;
    let output = sign(signable, &parameters.into()).map_err(|error| failed(&error))?;
    Ok(output.signature().to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const NOW: &str = "2026-11-30T10:00:00Z";
    const DATE: &str = "20261130T100000Z";
    const SIGNED: &str = "content-type;host;x-amz-date";

    fn request() -> Incoming {
        let headers = [
            ("host", "127.0.0.1:4000"),
            ("content-type", "application/json"),
            ("user-agent", "test"),
            ("x-amz-date", DATE),
        ];
        Incoming {
            method: "POST".to_owned(),
            path: "/orders/a%20b".to_owned(),
            query: "b=2&a=1".to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            source: IpAddr::V4(Ipv4Addr::LOCALHOST),
            body: "{}".into(),
        }
    }

    fn authorized(mut request: Incoming, signature: &str) -> Incoming {
        let header = format!(
            "{ALGORITHM} Credential=test/20261130/{REGION}/execute-api/aws4_request, \
             SignedHeaders={SIGNED}, Signature={signature}"
        );
        request.headers.push(("authorization".to_owned(), header));
        request
    }

    /// The good request. Its signature was computed by botocore 1.44.5 (`SigV4Auth`), not here.
    fn good() -> Incoming {
        authorized(request(), "e9dcaf4c9dd41d05bb616532917ccfcedf3b2153737fc9b8860e1e38be23e05a")
    }

    fn verified(request: &Incoming, now: &str) -> Result<(), String> {
        verify(request, Service::Api, now.parse().unwrap())
    }

    fn set(mut request: Incoming, name: &str, value: &str) -> Incoming {
        request.headers.retain(|(own, _)| own != name);
        request.headers.push((name.to_owned(), value.to_owned()));
        request
    }

    #[test]
    fn a_signature_of_another_implementation_is_accepted() {
        assert_eq!(verified(&good(), NOW), Ok(()));
        for at in ["2026-11-30T10:05:00Z", "2026-11-30T09:55:00Z"] {
            assert_eq!(verified(&good(), at), Ok(()), "{at}");
        }
        let browser = set(good(), "user-agent", "not signed");
        assert_eq!(verified(&browser, NOW), Ok(()));
    }

    #[test]
    fn a_changed_request_is_refused() {
        let good = good();
        for changed in [
            Incoming { method: "PUT".to_owned(), ..good.clone() },
            Incoming { path: "/orders/a%20c".to_owned(), ..good.clone() },
            Incoming { query: "b=2&a=2".to_owned(), ..good.clone() },
            Incoming { body: "{ }".into(), ..good.clone() },
            set(good.clone(), "content-type", "text/plain"),
            set(good.clone(), "host", "127.0.0.1:4001"),
            set(good.clone(), "x-amz-date", "20261130T100001Z"),
            authorized(request(), ""),
        ] {
            let why = verified(&changed, NOW).unwrap_err();
            assert_eq!(why, "the signature does not match the request", "{changed:?}");
        }
    }

    #[test]
    fn what_is_not_signed_by_local_credentials_for_this_service_now_is_refused() {
        let header = good().value("authorization").unwrap().to_owned();
        let with = |from: &str, to: &str| set(good(), "authorization", &header.replace(from, to));
        for (changed, says) in [
            (request(), "is not signed"),
            (set(good(), "authorization", "Bearer x"), "not a signature of the form"),
            (with("/aws4_request", ""), "not a signature of the form"),
            (with("=test/", "=AKIA/"), "the key id is AKIA"),
            (with("/execute-api/", "/lambda/"), "signed for lambda"),
            (with(REGION, "eu-west-1"), "in eu-west-1"),
            (with("/20261130/", "/20261129/"), "date of the credential differ"),
            (with("host;", ""), "the header host is not signed"),
            (with(";x-amz-date", ""), "the header x-amz-date is not signed"),
            (set(good(), "x-amz-security-token", "t"), "x-amz-security-token is not signed"),
            (set(good(), "x-amz-date", "now"), "is not a time"),
        ] {
            let why = verified(&changed, NOW).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
        for at in ["2026-11-30T10:05:01Z", "2026-11-30T09:54:59Z"] {
            let why = verified(&good(), at).unwrap_err();
            assert!(why.contains("more than five minutes"), "{why}");
        }
        let mut twice = good();
        twice.headers.push(("authorization".to_owned(), header.clone()));
        assert!(verified(&twice, NOW).is_err());
        assert!(verify(&good(), Service::FunctionUrl, NOW.parse().unwrap()).is_err());
    }
}
