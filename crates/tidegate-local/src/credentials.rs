//! The credentials of everything that runs locally.
//!
//! They are never the operator's: nothing local needs those, and a function may send to others
//! anything that it finds.

/// Key id and secret. MiniStack and LocalStack accept these for the account's root.
pub(crate) const KEY: &str = "test";

/// Variables with which an AWS SDK finds only these credentials: no profile below `HOME`, no
/// metadata service.
pub(crate) const VARIABLES: [(&str, &str); 5] = [
    ("AWS_ACCESS_KEY_ID", KEY),
    ("AWS_SECRET_ACCESS_KEY", KEY),
    ("AWS_CONFIG_FILE", "/dev/null"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

/// Returns whether an endpoint is AWS itself.
///
/// The engine cannot run on AWS, where every service has a host of its own. It would still create
/// what the topology declares.
pub(crate) fn is_aws(endpoint: &str) -> bool {
    let url = endpoint.parse::<http::Uri>().ok();
    let host = url.as_ref().and_then(http::Uri::host).unwrap_or_default().to_ascii_lowercase();
    ["amazonaws.com", "amazonaws.com.cn", "api.aws"].iter().any(|domain| {
        host.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_is_known_by_its_domains() {
        for aws in [
            "https://dynamodb.us-east-1.amazonaws.com",
            "http://SQS.cn-north-1.amazonaws.com.cn:80/",
            "https://lambda.eu-west-1.api.aws",
        ] {
            assert!(is_aws(aws), "{aws}");
        }
        for other in [
            "http://127.0.0.1:4566",
            "http://localhost.localstack.cloud",
            "http://notamazonaws.com",
            "x",
        ] {
            assert!(!is_aws(other), "{other}");
        }
    }
}
