//! Checks the caller of a request.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::check::Check;
use super::keys::KeySet;
use super::refusal::Refusal;
use super::request::Incoming;
use super::service::Service;
use super::signature;
use super::token::Claims;
use crate::credentials::KEY;
use engine_client::local::ACCOUNT;

/// A caller that was let through.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Caller {
    /// Nobody was asked for.
    Anyone,
    /// The account's root, by the local credentials.
    Root,
    /// The owner of a token: its claims, and its scopes if the route asks for some.
    Token { claims: Value, scopes: Option<Vec<String>> },
}

impl Caller {
    /// Checks the caller of a request.
    ///
    /// # Errors
    /// The caller may not send the request.
    pub(super) fn check(
        request: &Incoming,
        service: Service,
        check: &Check,
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        match check {
            Check::Open => Ok(Self::Anyone),
            Check::Iam => signature::verify(request, service, now)
                .map(|()| Self::Root)
                .map_err(Refusal::BadSignature),
            Check::Token { authorizer, scopes } => {
                let header = request.values("authorization").next().ok_or(Refusal::NoToken)?;
                // The header may also contain the token alone.
                let token = header.strip_prefix("Bearer ").unwrap_or(header).trim();
                if token.is_empty() {
                    return Err(Refusal::NoToken);
                }
                let claims = Claims::verify(token, keys, authorizer, now.as_second())
                    .map_err(Refusal::BadToken)?;
                let own = claims.scopes();
                if !scopes.is_empty() && !scopes.iter().any(|scope| own.contains(scope)) {
                    return Err(Refusal::NoScope(scopes.clone()));
                }
                let scopes = (!scopes.is_empty()).then_some(own);
                Ok(Self::Token { claims: claims.texts(), scopes })
            }
        }
    }

    /// Returns the event's `requestContext.authorizer`.
    pub(super) fn context(&self) -> Option<Value> {
        match self {
            Self::Anyone => None,
            Self::Root => Some(json!({ "iam": {
                "accessKey": KEY,
                "accountId": ACCOUNT,
                "callerId": ACCOUNT,
                "cognitoIdentity": null,
                "principalOrgId": null,
                "userArn": format!("arn:aws:iam::{ACCOUNT}:root"),
                "userId": ACCOUNT,
            } })),
            Self::Token { claims, scopes } => {
                Some(json!({ "jwt": { "claims": claims, "scopes": scopes } }))
            }
        }
    }
}
