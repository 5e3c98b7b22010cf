//! The caller of a request, as the authorizer in front of the function established it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::ids::content_id;

/// Longest identity that is part of a key as it is, in bytes. A longer one is hashed.
const LONGEST: usize = 512;

/// Who sent a request, as API Gateway or Lambda established it before the function ran.
///
/// Only the authorizer's part of the event counts, never a header: a client can send any header.
///
/// A route refuses [`Caller::None`] with a 401, unless it is declared
/// [`anonymous`](super::Route::anonymous).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller {
    /// Nobody checked who the caller is.
    None,
    /// A JWT authorizer of API Gateway checked a token.
    Jwt(Jwt),
    /// AWS checked the signature of an IAM principal.
    Iam(Iam),
}

/// The checked claims of a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Jwt {
    /// Claims. API Gateway writes every value as text.
    pub claims: BTreeMap<String, String>,
    /// Scopes of the token, from its claims `scope` and `scp`.
    pub scopes: Vec<String>,
}

/// An IAM principal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Iam {
    /// ARN of the user or of the session of a role.
    pub arn: String,
    /// AWS account.
    pub account: String,
    /// Unique id of the user, or of the role with the name of the session.
    pub user_id: String,
}

impl Jwt {
    /// Returns the value of a claim.
    pub fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns the subject, or the client if the token is a program's own.
    pub fn subject(&self) -> Option<&str> {
        self.claim("sub").or_else(|| self.claim("client_id"))
    }
}

impl Caller {
    /// Returns whether nobody checked who the caller is.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Returns the token's claims.
    pub fn jwt(&self) -> Option<&Jwt> {
        if let Self::Jwt(jwt) = self { Some(jwt) } else { None }
    }

    /// Returns the IAM principal.
    pub fn iam(&self) -> Option<&Iam> {
        if let Self::Iam(iam) = self { Some(iam) } else { None }
    }

    /// Returns whether the token has this scope. An IAM principal has none: its policies decide.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.jwt().is_some_and(|jwt| jwt.scopes.iter().any(|known| known == scope))
    }

    /// Returns a name that no other caller has: issuer and subject of the token, or the ARN of the
    /// IAM principal.
    ///
    /// `None` if there is no caller, or the token has no subject.
    ///
    /// The ARN of a role's session ends with the session's name. So a program that repeats a
    /// request in another session is another caller, unless it gives its sessions one name.
    pub fn identity(&self) -> Option<String> {
        let identity = match self {
            Self::None => return None,
            Self::Jwt(jwt) => {
                let (issuer, subject) = (jwt.claim("iss").unwrap_or_default(), jwt.subject()?);
                // A list, because both are texts that another party chooses.
                format!("jwt:{}", Value::from(vec![issuer, subject]))
            }
            Self::Iam(iam) => format!("iam:{}", iam.arn),
        };
        if identity.len() > LONGEST {
            return Some(format!("hash:{}", content_id(&["caller", &identity])));
        }
        Some(identity)
    }
}

/// The part of an event that an authorizer wrote.
#[derive(Default, Deserialize)]
pub(super) struct Authorizer {
    jwt: Option<JwtPart>,
    iam: Option<IamPart>,
}

#[derive(Deserialize)]
struct JwtPart {
    #[serde(default)]
    claims: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IamPart {
    account_id: Option<String>,
    user_arn: Option<String>,
    user_id: Option<String>,
}

impl Authorizer {
    pub(super) fn caller(self) -> Caller {
        match self {
            Self { jwt: Some(part), .. } => {
                let text = |value: Value| match value {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                let claims: BTreeMap<_, _> =
                    part.claims.into_iter().map(|(name, value)| (name, text(value))).collect();
                let granted = ["scope", "scp"].into_iter().filter_map(|name| claims.get(name));
                // API Gateway writes a list as `[a b]`.
                let split = |text: &String| -> Vec<String> {
                    let scopes = text.split(|letter| " ,[]\"".contains(letter));
                    scopes.filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
                };
                let scopes = granted.flat_map(split).collect();
                Caller::Jwt(Jwt { claims, scopes })
            }
            Self { iam: Some(part), .. } => match part.user_arn.filter(|arn| !arn.is_empty()) {
                Some(arn) => Caller::Iam(Iam {
                    arn,
                    account: part.account_id.unwrap_or_default(),
                    user_id: part.user_id.unwrap_or_default(),
                }),
                None => Caller::None,
            },
            Self { jwt: None, iam: None } => Caller::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn caller(authorizer: Value) -> Caller {
        serde_json::from_value::<Authorizer>(authorizer).unwrap().caller()
    }

    #[test]
    fn a_token_without_a_subject_and_a_principal_without_an_arn_are_nobody() {
        assert_eq!(caller(json!({})), Caller::None);
        assert_eq!(caller(json!({ "iam": { "accountId": "1", "userArn": null } })), Caller::None);
        let token = caller(json!({ "jwt": { "claims": { "iss": "i" } } }));
        assert_eq!((token.identity(), token.is_none()), (None, false));
        assert_eq!(Caller::None.identity(), None);
        assert!(caller(json!({ "lambda": { "sub": "anna" } })).is_none(), "an unknown authorizer");
    }

    #[test]
    fn callers_with_different_issuers_or_subjects_have_different_identities() {
        let of = |iss: &str, sub: &str| {
            caller(json!({ "jwt": { "claims": { "iss": iss, "sub": sub } } })).identity().unwrap()
        };
        assert_ne!(of("a", "b\",\"c"), of("a\",\"b", "c"));
        assert_ne!(of("a", "b"), of("b", "a"));
        let long = "x".repeat(4000);
        assert!(of("a", &long).len() <= LONGEST && of("a", &long) != of("b", &long));
        let arn = caller(json!({ "iam": { "userArn": "arn:aws:iam::1:user/anna" } }));
        assert_eq!(arn.identity().as_deref(), Some("iam:arn:aws:iam::1:user/anna"));
    }

    #[test]
    fn scopes_are_read_in_every_form_that_api_gateway_writes() {
        for (claim, value) in [
            ("scope", json!("read write")),
            ("scp", json!("[read write]")),
            ("scp", json!(["read", "write"])),
        ] {
            let caller = caller(json!({ "jwt": { "claims": { claim: value } } }));
            let has = |scope| caller.has_scope(scope);
            assert!(has("read") && has("write") && !has("rea"), "{caller:?}");
        }
    }
}
