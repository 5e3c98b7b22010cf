//! Ways in over HTTP: HTTP APIs of API Gateway, and function URLs.

use std::collections::BTreeMap;

use serde::Deserialize;

/// An HTTP API of API Gateway, with its one stage `$default`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// JWT authorizers by name.
    #[serde(default)]
    pub authorizers: BTreeMap<String, Authorizer>,
    /// Throttling of the stage. Without it the account's own limits hold.
    pub throttling: Option<Throttling>,
    /// Routes by route key: `POST /orders`, `ANY /files/{path+}` or `$default`.
    #[serde(default)]
    pub routes: BTreeMap<String, Route>,
}

/// A JWT authorizer: whose tokens it accepts, and for whom they must have been issued.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorizer {
    /// URL of the issuer, equal to the claim `iss`. AWS finds the public keys below it.
    pub issuer: String,
    /// Values of which the claim `aud` must contain one; without `aud`, the claim `client_id`.
    pub audience: Vec<String>,
}

/// Throttling of a stage by a token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throttling {
    /// Requests per second.
    pub rate: f64,
    /// Requests that may come at the same moment.
    pub burst: u32,
}

/// A route: the function that answers, and who may call it.
///
/// Exactly one of `authorizer` and `authorization` is set, so that an open route says so itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The function that is invoked with the request.
    pub function: String,
    /// JWT authorizer of the same API.
    pub authorizer: Option<String>,
    /// Check of the caller without an authorizer.
    pub authorization: Option<Authorization>,
    /// Scopes of which the token must have one. Only with an authorizer.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// Check of a caller that needs no authorizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authorization {
    /// The request is signed with credentials of AWS (Signature Version 4).
    Iam,
    /// Everyone may call.
    None,
}

/// A function URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionUrl {
    /// Check of the caller.
    pub authorization: Authorization,
}
