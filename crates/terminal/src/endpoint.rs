//! An AWS-compatible endpoint.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use clap::Args;

use crate::account_id::AccountId;
use crate::name_prefix::NamePrefix;
use crate::problem::Problem;

/// What to do where no system is found.
pub const HOW_TO_START: &str = "start the local system with `tidegate local up`";

/// How long an endpoint may take to accept a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest wait for the first byte of a response.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(5);

/// Endings of the names of AWS's own endpoints: in all partitions, for both kinds of addresses, and
/// for VPC endpoints (`….vpce.amazonaws.com`).
const AWS_DOMAINS: [&str; 10] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "api.aws",
    "api.amazonwebservices.com.cn",
    "api.amazonwebservices.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
];

/// The options that say where a system is.
#[derive(Debug, Args)]
pub struct EndpointOption {
    /// AWS-compatible endpoint; by default that of the local system, else the AWS account of the
    /// environment.
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL", hide_env_values = true)]
    pub endpoint_url: Option<String>,
    /// What the names of a deployed system begin with, such as shop-dev-; a local system has no
    /// prefix.
    #[arg(
        long,
        env = "TIDEGATE_NAME_PREFIX",
        value_name = "PREFIX",
        default_value = "",
        hide_default_value = true,
        hide_env_values = true
    )]
    pub name_prefix: NamePrefix,
    /// The AWS account that is meant, compared with that of the credentials. Without a name prefix,
    /// a command that changes something in an account needs it.
    #[arg(long, value_name = "ID")]
    pub account: Option<AccountId>,
}

impl EndpointOption {
    /// Returns the endpoint that the command line or the environment names. An empty name counts as
    /// none.
    pub fn endpoint(&self) -> Option<Endpoint> {
        let url = self.endpoint_url.as_deref().filter(|url| !url.is_empty())?;
        Some(Endpoint { url: url.to_owned(), named_by: "AWS_ENDPOINT_URL".to_owned() })
    }

    /// Refuses a prefix or an account for the local system, whose names are those of the topology.
    ///
    /// # Errors
    /// Misuse: one of them is given.
    pub fn fit_local(&self) -> Result<(), Problem> {
        if let Some(account) = &self.account {
            return Err(Problem::misuse(format!(
                "a local system runs, and --account is {account}; leave it out, or end the local \
                 system with `tidegate local down` to reach the account"
            )));
        }
        if self.name_prefix.is_empty() {
            return Ok(());
        }
        Err(Problem::misuse(format!(
            "the local system has no name prefix, and --name-prefix (TIDEGATE_NAME_PREFIX) is `{}`; leave it out, or end the local system with \
             `tidegate local down` to reach another one",
            self.name_prefix
        )))
    }
}

/// An endpoint, and where it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its URL.
    pub url: String,
    /// The file, variable or system that names it, as text.
    pub named_by: String,
}

impl Endpoint {
    /// Returns whether a URL leads to this endpoint.
    pub fn is_at(&self, url: &str) -> bool {
        self.url.trim_end_matches('/') == url.trim_end_matches('/')
    }

    /// Returns whether the endpoint is AWS itself. There the credentials decide which account is
    /// reached, as without an endpoint.
    pub fn is_aws(&self) -> bool {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host =
            host.split(':').next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
        AWS_DOMAINS.iter().any(|domain| {
            host.strip_suffix(domain)
                .is_some_and(|before| before.is_empty() || before.ends_with('.'))
        })
    }

    /// Connects once and waits for a first byte.
    ///
    /// The SDK would retry for long before it gives up on a missing endpoint.
    ///
    /// # Errors
    /// The URL is not one of an endpoint, or nothing responds.
    pub fn reach(&self) -> Result<(), Problem> {
        let Self { url, named_by } = self;
        let no_url = || {
            Problem::new(format!(
                "`{url}` (from {named_by}) is not an endpoint; expected something like http://127.0.0.1:4566"
            ))
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(no_url)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let default_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(no_url()),
        };
        let has_port =
            authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let address =
            if has_port { authority.to_owned() } else { format!("{authority}:{default_port}") };
        let silent = |error: String| {
            Problem::new(format!(
                "nothing answers at {url} (from {named_by}): {error}; {HOW_TO_START}"
            ))
        };
        let mut last = "it has no address".to_owned();
        for address in address.to_socket_addrs().map_err(|error| silent(error.to_string()))? {
            let answer =
                TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).and_then(
                    |stream| match scheme {
                        "http" => first_byte(stream, authority),
                        _ => Ok(()),
                    },
                );
            match answer {
                Ok(()) => return Ok(()),
                Err(error) => last = error.to_string(),
            }
        }
        Err(silent(last))
    }
}

/// Waits for any response to a plain request, even an error.
fn first_byte(mut stream: TcpStream, authority: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(FIRST_BYTE_TIMEOUT))?;
    write!(stream, "GET / HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n")?;
    match stream.read(&mut [0]) {
        Ok(0) => Err(io::Error::new(
            ErrorKind::UnexpectedEof,
            "it closed the connection without an answer",
        )),
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Err(io::Error::new(
                ErrorKind::TimedOut,
                format!("no answer in {} s", FIRST_BYTE_TIMEOUT.as_secs()),
            ))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_itself_is_known_by_its_name() {
        let is_aws =
            |url: &str| Endpoint { url: url.to_owned(), named_by: "X".to_owned() }.is_aws();
        for url in [
            "https://dynamodb.eu-west-1.amazonaws.com",
            "https://DynamoDB.eu-west-1.AmazonAWS.com.:443/",
            "http://sqs.eu-west-1.amazonaws.com?x",
            "https://vpce-0a1b-2c3d.dynamodb.eu-west-1.vpce.amazonaws.com",
            "https://bucket.vpce-0a1b-2c3d.s3.eu-west-1.vpce.amazonaws.com/path",
            "https://sqs.cn-north-1.amazonaws.com.cn",
            "https://dynamodb.eu-west-1.api.aws",
            "https://lambda.cn-north-1.api.amazonwebservices.com.cn",
            "https://sqs.eusc-de-east-1.amazonaws.eu",
            "https://sqs.us-iso-east-1.c2s.ic.gov",
            "https://user:word@dynamodb.eu-west-1.amazonaws.com",
        ] {
            assert!(is_aws(url), "{url}");
        }
        for url in [
            "http://127.0.0.1:4566",
            "http://[::1]:4566",
            "http://localhost.localstack.cloud:4566",
            "http://amazonaws.com.example.org",
            "http://notamazonaws.com",
            "http://127.0.0.1:4566/dynamodb.eu-west-1.amazonaws.com",
            "http://amazonaws.com@127.0.0.1:4566",
            "",
        ] {
            assert!(!is_aws(url), "{url}");
        }
    }

    #[test]
    fn an_endpoint_that_is_none_or_does_not_answer_is_said() {
        for (url, part) in [
            ("127.0.0.1:4566", "is not an endpoint"),
            ("ftp://127.0.0.1", "is not an endpoint"),
            ("http://127.0.0.1:1", "nothing answers at http://127.0.0.1:1 (from X)"),
        ] {
            let endpoint = Endpoint { url: url.to_owned(), named_by: "X".to_owned() };
            let said = endpoint.reach().unwrap_err().to_string();
            assert!(said.contains(part), "{said}");
        }
    }
}
