//! Tokens: JSON Web Tokens as API Gateway's JWT authorizers check them.
//!
//! AWS docs: Control access to HTTP APIs with JWT authorizers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};
use topology::Authorizer;

use super::keys::KeySet;

/// The one description of an error that AWS documents.
const WRONG_AUDIENCE: &str = "the token does not have a valid audience";

/// Claims of a token that an authorizer accepts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Claims(Map<String, Value>);

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

impl Claims {
    /// Verifies a token. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// Why the token is not accepted, in words for its sender.
    pub(super) fn verify(
        token: &str,
        keys: &KeySet,
        authorizer: &Authorizer,
        now: i64,
    ) -> Result<Self, String> {
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let (message, signature) = token.rsplit_once('.').unwrap_or_default();
        let (header, claims) = message.split_once('.').unwrap_or_default();
        let header: Option<Header> =
            decode(header).and_then(|header| serde_json::from_slice(&header).ok());
        let malformed = || "the token is malformed".to_owned();
        let (header, signature) = header.zip(decode(signature)).ok_or_else(malformed)?;
        let key = header.kid.as_deref().and_then(|kid| keys.get(kid));
        let key = key.ok_or("no key of the issuer has the kid of the token")?;
        if !key.verifies(&header.alg, message.as_bytes(), &signature) {
            return Err("the signature of the token is wrong".to_owned());
        }
        let claims: Option<Map<String, Value>> =
            decode(claims).and_then(|claims| serde_json::from_slice(&claims).ok());
        let claims = Self(claims.ok_or_else(malformed)?);
        claims.check(authorizer, now)?;
        Ok(claims)
    }

    /// Checks issuer, audience and times.
    fn check(&self, authorizer: &Authorizer, now: i64) -> Result<(), String> {
        if self.0.get("iss").and_then(Value::as_str) != Some(&authorizer.issuer) {
            return Err("the token does not have a valid issuer".to_owned());
        }
        // The client id counts only if there is no audience.
        let audience = self.0.get("aud").or_else(|| self.0.get("client_id"));
        let accepted = |value: &Value| {
            value.as_str().is_some_and(|text| authorizer.audience.iter().any(|own| own == text))
        };
        if !match audience {
            Some(Value::Array(several)) => several.iter().any(accepted),
            Some(one) => accepted(one),
            None => false,
        } {
            return Err(WRONG_AUDIENCE.to_owned());
        }
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 stay below 2^52")]
        let now = now as f64;
        match self.time("exp")? {
            None => return Err("the token has no exp, so it would never expire".to_owned()),
            Some(expires) if now >= expires => return Err("the token has expired".to_owned()),
            Some(_) => {}
        }
        for claim in ["nbf", "iat"] {
            if self.time(claim)?.is_some_and(|begins| now < begins) {
                return Err(format!("the token is not valid yet: its {claim} is in the future"));
            }
        }
        Ok(())
    }

    /// Returns a time. A claim that is not a number must not count as absent.
    fn time(&self, claim: &str) -> Result<Option<f64>, String> {
        match self.0.get(claim) {
            None => Ok(None),
            Some(value) => match value.as_f64() {
                Some(seconds) => Ok(Some(seconds)),
                None => Err(format!("the {claim} of the token is not a number")),
            },
        }
    }

    /// Returns the scopes: the claim `scope`, or else `scp`, as a text or a list.
    pub(super) fn scopes(&self) -> Vec<String> {
        match self.0.get("scope").or_else(|| self.0.get("scp")) {
            Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
            Some(Value::Array(list)) => {
                list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Returns the claims as the function sees them: every value is a text.
    ///
    /// A list becomes `[a b]` and an object JSON, and null is left out. This was observed at API
    /// Gateway; AWS does not document it.
    pub(super) fn texts(&self) -> Value {
        fn plain(value: &Value) -> String {
            match value {
                Value::String(text) => text.clone(),
                Value::Array(list) => {
                    format!("[{}]", list.iter().map(plain).collect::<Vec<_>>().join(" "))
                }
                other => other.to_string(),
            }
        }
        let claims = self.0.iter().filter(|(_, value)| !value.is_null());
        Value::Object(claims.map(|(name, value)| (name.clone(), plain(value).into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::issuer::Issuer;
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn authorizer() -> Authorizer {
        let issuer = "https://login.example.com".to_owned();
        Authorizer { issuer, audience: vec!["shop".to_owned(), "office".to_owned()] }
    }

    fn claims(changes: &Value) -> Map<String, Value> {
        let base = json!({
            "iss": "https://login.example.com", "aud": "shop", "sub": "alice",
            "exp": NOW + 1, "nbf": NOW, "iat": NOW,
        });
        let mut claims = base.as_object().unwrap().clone();
        for (name, value) in changes.as_object().unwrap() {
            if value == "absent" {
                claims.remove(name);
            } else {
                claims.insert(name.clone(), value.clone());
            }
        }
        claims
    }

    /// Verifies a token with these changes to good claims.
    fn verify(changes: &Value) -> Result<Claims, String> {
        let dir = tempfile::tempdir().unwrap();
        let issuer = Issuer::open(dir.path()).unwrap();
        let token = issuer.sign(&claims(changes)).unwrap();
        Claims::verify(&token, &issuer.keys(), &authorizer(), NOW)
    }

    #[test]
    fn issuer_audience_and_times_are_checked() {
        for good in [
            json!({}),
            json!({"aud": ["other", "office"]}),
            json!({"aud": "absent", "client_id": "shop"}),
            json!({"nbf": "absent", "iat": "absent"}),
            json!({"exp": 1_800_000_000.5}),
        ] {
            verify(&good).unwrap_or_else(|why| panic!("{good}: {why}"));
        }
        for (bad, says) in [
            (json!({"iss": "https://login.example.com/"}), "valid issuer"),
            (json!({"iss": "absent"}), "valid issuer"),
            (json!({"iss": ["https://login.example.com"]}), "valid issuer"),
            (json!({"aud": "other"}), "valid audience"),
            (json!({"aud": "other", "client_id": "shop"}), "valid audience"),
            (json!({"aud": [], "client_id": "shop"}), "valid audience"),
            (json!({"aud": "absent"}), "valid audience"),
            (json!({"exp": NOW}), "has expired"),
            (json!({"exp": "absent"}), "has no exp"),
            (json!({"exp": (NOW + 1).to_string()}), "exp of the token is not a number"),
            (json!({"nbf": NOW + 1}), "its nbf is in the future"),
            (json!({"iat": NOW + 1}), "its iat is in the future"),
            (json!({"nbf": "soon"}), "nbf of the token is not a number"),
        ] {
            let why = verify(&bad).unwrap_err();
            assert!(why.contains(says), "{bad}: {why}");
        }
    }

    #[test]
    fn a_forged_token_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (own, other) = (dir.path().join("own"), dir.path().join("other"));
        let (own, other) = (Issuer::open(&own).unwrap(), Issuer::open(&other).unwrap());
        let token = own.sign(&claims(&json!({}))).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let of = |header: &Value, claims: &str, signature: &str| {
            format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode(header.to_string()))
        };
        let more = claims(&json!({"sub": "mallory"}));
        let more = URL_SAFE_NO_PAD.encode(Value::Object(more).to_string());
        let header = URL_SAFE_NO_PAD.decode(parts[0]).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        let with = |algorithm: &str| json!({"alg": algorithm, "kid": header["kid"]});
        for (forged, says) in [
            (format!("{}.{more}.{}", parts[0], parts[2]), "signature"),
            (of(&with("none"), &more, ""), "signature"),
            (of(&with("HS256"), parts[1], parts[2]), "signature"),
            (of(&with("RS256"), parts[1], parts[2]), "signature"),
            (of(&json!({"alg": "ES256"}), parts[1], parts[2]), "kid"),
            (of(&json!({"alg": "ES256", "kid": "x"}), parts[1], parts[2]), "kid"),
            (other.sign(&claims(&json!({}))).unwrap(), "kid"),
            (format!("{}.{}", parts[0], parts[1]), "malformed"),
            (format!("{token}.x"), "malformed"),
            (format!("{token}="), "malformed"),
            (String::new(), "malformed"),
            ("a.b.c".to_owned(), "malformed"),
        ] {
            let why = Claims::verify(&forged, &own.keys(), &authorizer(), NOW).unwrap_err();
            assert!(why.contains(says), "{forged}: {why}");
        }
    }

    #[test]
    fn scopes_are_a_text_or_a_list() {
        for (given, expected) in [
            (json!({"scope": "a b"}), vec!["a", "b"]),
            (json!({"scp": ["a", "b", 1]}), vec!["a", "b"]),
            (json!({"scope": "a", "scp": ["b"]}), vec!["a"]),
            (json!({"scope": 1}), vec![]),
            (json!({}), vec![]),
        ] {
            assert_eq!(verify(&given).unwrap().scopes(), expected, "{given}");
        }
    }

    #[test]
    fn the_function_sees_every_claim_as_a_text() {
        let claims = verify(&json!({
            "aud": ["shop", "x"], "admin": true, "nothing": null, "deep": {"a": [1]},
        }));
        let texts = claims.unwrap().texts();
        assert_eq!(texts["aud"], "[shop x]");
        assert_eq!(texts["exp"], "1800000001");
        assert_eq!(texts["admin"], "true");
        assert_eq!(texts["deep"], r#"{"a":[1]}"#);
        assert!(texts.get("nothing").is_none());
    }
}
