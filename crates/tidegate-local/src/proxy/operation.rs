//! Names the AWS operation of a request, such as `DynamoDB.PutItem` or `S3.PutObject`.

use http::request::Parts;
use http::{HeaderMap, Method, Uri};

/// Returns the name of the operation, service first. A request of an unknown protocol is named by
/// its service and method.
pub(crate) fn operation(request: &Parts, body: &[u8]) -> String {
    if let Some(target) = header(&request.headers, "x-amz-target") {
        return by_target(target);
    }
    let signed_for = signing_service(&request.headers);
    if let Some(name) = by_action(&request.headers, body) {
        return format!("{}.{name}", display_name(signed_for.unwrap_or("Query")));
    }
    if let Some(name) = by_smithy_path(request.uri.path()) {
        return name;
    }
    if let Some(name) = by_lambda_path(&request.method, request.uri.path())
        && signed_for != Some("s3")
    {
        return name.to_owned();
    }
    match signed_for {
        // Sent by a function while it starts, to open a connection:
        // `tidegate::aws::AwsClients::warm`.
        None if request.method == Method::GET && request.uri == "/" => "HealthCheck".to_owned(),
        Some("scheduler") => by_scheduler_path(&request.method, request.uri.path()).to_owned(),
        Some("s3") | None => format!("S3.{}", s3(&request.method, &request.uri, &request.headers)),
        Some(service) => format!("{}.{}", display_name(service), request.method),
    }
}

/// Returns whether name and cost of the call depend on its body. They do in AWS's RPC protocols,
/// whose bodies are small. Other bodies may have any size.
pub(super) fn is_in_body(request: &Parts) -> bool {
    request.headers.contains_key("x-amz-target")
        || is_form(&request.headers)
        || by_smithy_path(request.uri.path()).is_some()
}

/// Returns whether the engine's own Lambda API answers this operation.
pub(super) fn is_of_own_lambda(operation: &str) -> bool {
    let operation = operation.strip_prefix("Lambda.").unwrap_or_default();
    matches!(
        operation,
        "Invoke"
            | "InvokeWithResponseStream"
            | "InvokeAsync"
            | "ListFunctions"
            | "GetFunction"
            | "GetFunctionConfiguration"
    )
}

/// Returns whether the engine's own Scheduler answers this operation.
pub(super) fn is_of_scheduler(operation: &str) -> bool {
    operation.starts_with("Scheduler.")
}

/// Names Scheduler's calls by method and path.
fn by_scheduler_path(method: &Method, path: &str) -> &'static str {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("POST", ["schedules", _]) => "Scheduler.CreateSchedule",
        ("PUT", ["schedules", _]) => "Scheduler.UpdateSchedule",
        ("GET", ["schedules", _]) => "Scheduler.GetSchedule",
        ("DELETE", ["schedules", _]) => "Scheduler.DeleteSchedule",
        ("GET", ["schedules"]) => "Scheduler.ListSchedules",
        ("POST", ["schedule-groups", _]) => "Scheduler.CreateScheduleGroup",
        ("GET", ["schedule-groups", _]) => "Scheduler.GetScheduleGroup",
        ("DELETE", ["schedule-groups", _]) => "Scheduler.DeleteScheduleGroup",
        ("GET", ["schedule-groups"]) => "Scheduler.ListScheduleGroups",
        _ => "Scheduler.Unknown",
    }
}

/// Names Lambda's calls that find and invoke functions, by method and path.
fn by_lambda_path(method: &Method, path: &str) -> Option<&'static str> {
    let mut parts = path.strip_prefix('/')?.split('/');
    let version = parts.next().filter(|_| parts.next() == Some("functions"))?;
    let parts: Vec<&str> = parts.collect();
    Some(match (version, method.as_str(), parts.as_slice()) {
        ("2015-03-31", "POST", [_, "invocations"]) => "Lambda.Invoke",
        ("2021-11-15", "POST", [_, "response-streaming-invocations"]) => {
            "Lambda.InvokeWithResponseStream"
        }
        ("2014-11-13", "POST", [_, "invoke-async"] | [_, "invoke-async", ""]) => {
            "Lambda.InvokeAsync"
        }
        ("2015-03-31", "GET", [] | [""]) => "Lambda.ListFunctions",
        ("2015-03-31", "GET", [_]) => "Lambda.GetFunction",
        ("2015-03-31", "GET", [_, "configuration"]) => "Lambda.GetFunctionConfiguration",
        _ => return None,
    })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// AWS JSON: `X-Amz-Target: DynamoDB_20120810.PutItem`.
fn by_target(target: &str) -> String {
    let (prefix, name) = target.rsplit_once('.').unwrap_or(("", target));
    let service = prefix.split('_').next().unwrap_or(prefix);
    let service = match service {
        "AmazonSQS" => "SQS",
        "AWSEvents" => "EventBridge",
        "AWSScheduler" => "Scheduler",
        other => other,
    };
    format!("{service}.{name}")
}

fn is_form(headers: &HeaderMap) -> bool {
    header(headers, "content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}

/// AWS query: `Action=SendEmail` in a form.
fn by_action<'a>(headers: &HeaderMap, body: &'a [u8]) -> Option<&'a str> {
    if !is_form(headers) {
        return None;
    }
    let pairs = std::str::from_utf8(body).ok()?.split('&');
    pairs
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| *name == "Action")
        .map(|(_, value)| value)
}

/// Smithy RPC: `/service/Kinesis_20131202/operation/PutRecords`.
fn by_smithy_path(path: &str) -> Option<String> {
    let (service, name) = path.strip_prefix("/service/")?.split_once("/operation/")?;
    Some(by_target(&format!("{service}.{name}")))
}

/// Returns the service in the credential scope:
/// `Credential=AKID/20261121/us-east-1/ses/aws4_request`.
fn signing_service(headers: &HeaderMap) -> Option<&str> {
    let (_, credential) = header(headers, "authorization")?.split_once("Credential=")?;
    credential.split('/').nth(3)
}

fn display_name(service: &str) -> &str {
    match service {
        "ses" | "email" => "SES",
        "sns" => "SNS",
        "sqs" => "SQS",
        "sts" => "STS",
        "lambda" => "Lambda",
        "scheduler" => "Scheduler",
        other => other,
    }
}

/// Names an operation of S3, whose requests carry no operation name. SDKs add `x-id` to some
/// requests; the rest follows from method, path and query.
fn s3(method: &Method, uri: &Uri, headers: &HeaderMap) -> String {
    let query: Vec<&str> = uri.query().unwrap_or_default().split('&').collect();
    if let Some(id) = query.iter().find_map(|part| part.strip_prefix("x-id=")) {
        return id.to_owned();
    }
    let has = |name: &str| query.iter().any(|part| part.split('=').next() == Some(name));
    let path = uri.path().trim_start_matches('/');
    let key = path.split_once('/').is_some_and(|(_, key)| !key.is_empty());
    let name = match (method.as_str(), path.is_empty(), key) {
        ("GET", true, _) => "ListBuckets",
        ("GET", false, false) if query.contains(&"list-type=2") => "ListObjectsV2",
        ("GET", false, false) => "ListObjects",
        ("PUT", false, false) => "CreateBucket",
        ("HEAD", false, false) => "HeadBucket",
        ("DELETE", false, false) => "DeleteBucket",
        ("POST", false, false) if has("delete") => "DeleteObjects",
        ("PUT", false, true) if has("partNumber") => "UploadPart",
        ("PUT", false, true) if headers.contains_key("x-amz-copy-source") => "CopyObject",
        ("PUT", false, true) => "PutObject",
        ("GET", false, true) => "GetObject",
        ("HEAD", false, true) => "HeadObject",
        ("DELETE", false, true) if has("uploadId") => "AbortMultipartUpload",
        ("DELETE", false, true) => "DeleteObject",
        ("POST", false, true) if has("uploads") => "CreateMultipartUpload",
        ("POST", false, true) if has("uploadId") => "CompleteMultipartUpload",
        (method, _, _) => return method.to_owned(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> String {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        operation(&request.body(()).unwrap().into_parts().0, body.as_bytes())
    }

    #[test]
    fn json_services_are_named_by_their_target() {
        for (target, name) in [
            ("DynamoDB_20120810.PutItem", "DynamoDB.PutItem"),
            ("DynamoDBStreams_20120810.GetRecords", "DynamoDBStreams.GetRecords"),
            ("Kinesis_20131202.PutRecords", "Kinesis.PutRecords"),
            ("AmazonSQS.SendMessage", "SQS.SendMessage"),
            ("AWSEvents.PutEvents", "EventBridge.PutEvents"),
        ] {
            assert_eq!(named("POST", "/", &[("x-amz-target", target)], "{}"), name);
        }
    }

    #[test]
    fn query_services_are_named_by_action_and_credential_scope() {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/ses/aws4_request, SignedHeaders=host",
            ),
        ];
        assert_eq!(
            named("POST", "/", &headers, "Version=2010-12-01&Action=SendEmail&Source=a"),
            "SES.SendEmail"
        );
    }

    #[test]
    fn a_request_for_nothing_that_nobody_signed_is_a_health_check() {
        assert_eq!(named("GET", "/", &[], ""), "HealthCheck");
    }

    #[test]
    fn s3_is_named_by_method_path_and_query() {
        for (method, uri, name) in [
            ("PUT", "/bucket/a/b?x-id=PutObject", "S3.PutObject"),
            ("PUT", "/bucket/key", "S3.PutObject"),
            ("GET", "/bucket/key", "S3.GetObject"),
            ("GET", "/bucket/?list-type=2&prefix=a", "S3.ListObjectsV2"),
            ("PUT", "/bucket", "S3.CreateBucket"),
            ("HEAD", "/bucket/", "S3.HeadBucket"),
            ("POST", "/bucket?delete", "S3.DeleteObjects"),
            ("GET", "/?x-id=ListBuckets", "S3.ListBuckets"),
        ] {
            assert_eq!(named(method, uri, &[], ""), name, "{method} {uri}");
        }
    }

    #[test]
    fn lambda_is_named_by_its_path_unless_a_bucket_has_that_name() {
        for (method, path, name) in [
            ("POST", "/2015-03-31/functions/orders/invocations?Qualifier=live", "Lambda.Invoke"),
            (
                "POST",
                "/2021-11-15/functions/orders/response-streaming-invocations",
                "Lambda.InvokeWithResponseStream",
            ),
            ("POST", "/2014-11-13/functions/orders/invoke-async/", "Lambda.InvokeAsync"),
            ("POST", "/2014-11-13/functions/orders/invoke-async", "Lambda.InvokeAsync"),
            ("GET", "/2015-03-31/functions", "Lambda.ListFunctions"),
            ("GET", "/2015-03-31/functions/?MaxItems=5", "Lambda.ListFunctions"),
            ("GET", "/2015-03-31/functions/orders", "Lambda.GetFunction"),
            (
                "GET",
                "/2015-03-31/functions/orders/configuration",
                "Lambda.GetFunctionConfiguration",
            ),
        ] {
            assert_eq!(named(method, path, &[], ""), name, "{method} {path}");
            assert!(is_of_own_lambda(name));
        }
        let signed = |service: &str| {
            format!("AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/{service}/aws4_request")
        };
        let path = "/2015-03-31/functions/orders";
        assert_eq!(named("GET", path, &[("authorization", &signed("s3"))], ""), "S3.GetObject");
        let created =
            named("POST", "/2015-03-31/functions", &[("authorization", &signed("lambda"))], "");
        assert!(created == "Lambda.POST" && !is_of_own_lambda(&created), "the emulator answers it");
    }

    #[test]
    fn scheduler_is_named_by_its_path_if_it_was_signed_for() {
        let credential =
            "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/scheduler/aws4_request";
        let signed = [("authorization", credential)];
        for (method, path, name) in [
            ("POST", "/schedules/nightly", "Scheduler.CreateSchedule"),
            ("PUT", "/schedules/nightly", "Scheduler.UpdateSchedule"),
            ("GET", "/schedules/nightly?groupName=g", "Scheduler.GetSchedule"),
            ("DELETE", "/schedules/nightly", "Scheduler.DeleteSchedule"),
            ("GET", "/schedules?NamePrefix=n", "Scheduler.ListSchedules"),
            ("POST", "/schedule-groups/g", "Scheduler.CreateScheduleGroup"),
            ("GET", "/schedule-groups", "Scheduler.ListScheduleGroups"),
            ("GET", "/tags/arn", "Scheduler.Unknown"),
        ] {
            assert_eq!(named(method, path, &signed, ""), name, "{method} {path}");
            assert!(is_of_scheduler(name));
        }
        assert_eq!(named("GET", "/schedules/nightly", &[], ""), "S3.GetObject", "a bucket's");
    }

    #[test]
    fn only_bodies_of_the_rpc_protocols_are_looked_into() {
        let in_body = |path: &str, name: &str, value: &str| {
            let request = http::Request::post(path).header(name, value).body(()).unwrap();
            is_in_body(&request.into_parts().0)
        };
        assert!(in_body("/", "x-amz-target", "DynamoDB_20120810.PutItem"));
        assert!(in_body("/", "content-type", "application/x-www-form-urlencoded; charset=utf-8"));
        assert!(in_body("/service/Kinesis_20131202/operation/PutRecord", "accept", "*/*"));
        assert!(!in_body("/bucket/key", "content-type", "application/octet-stream"));
        assert!(!in_body(
            "/2015-03-31/functions/f/invocations",
            "content-type",
            "application/json"
        ));
    }

    #[test]
    fn smithy_rpc_is_named_by_its_path() {
        let name = named("POST", "/service/Kinesis_20131202/operation/PutRecord", &[], "");
        assert_eq!(name, "Kinesis.PutRecord");
    }
}
