//! The two services that answer HTTP.

use serde::Serialize;

/// A service of AWS that takes requests for functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// API Gateway, with an HTTP API.
    Api,
    /// Lambda, with a function URL.
    FunctionUrl,
}

impl Service {
    /// Returns the service's name in a signature.
    pub(super) fn signing_name(self) -> &'static str {
        match self {
            Self::Api => "execute-api",
            Self::FunctionUrl => "lambda",
        }
    }

    /// Returns the header of an answer that has the request's id.
    pub(super) fn request_id_header(self) -> &'static str {
        match self {
            Self::Api => "apigw-requestid",
            Self::FunctionUrl => "x-amzn-requestid",
        }
    }
}
