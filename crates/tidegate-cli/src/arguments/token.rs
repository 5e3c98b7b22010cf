//! Options of `tidegate local token`.

use std::path::PathBuf;

use clap::Args;
use jiff::SignedDuration;

use super::place::StateDir;

pub(super) const TOKEN: &str = "\
The token names the declared issuer and audience, and is signed with a key of the state directory. \
AWS does not accept it. Use it as curl -H \"Authorization: Bearer $(tidegate local token)\" URL.";

/// Options of `local token`.
#[derive(Debug, Args)]
pub(crate) struct Token {
    /// The API; by default the only one with an authorizer.
    #[arg(long, value_name = "NAME")]
    pub(crate) api: Option<String>,
    /// The authorizer of the API; by default its only one.
    #[arg(long, value_name = "NAME")]
    pub(crate) authorizer: Option<String>,
    /// Whom the token is about (the claim sub).
    #[arg(long, value_name = "NAME", default_value = "local")]
    pub(crate) subject: String,
    /// A scope of the token. May be given several times.
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Vec<String>,
    /// A further claim, or another value of one. JSON is taken as JSON, anything else as text.
    #[arg(long, value_name = "NAME=VALUE", value_parser = claim)]
    pub(crate) claim: Vec<(String, serde_json::Value)>,
    /// Time until the token expires, such as 90s, 10m or 1h. A negative time makes one that has
    /// expired.
    #[arg(long, value_name = "TIME", default_value = "1h", allow_hyphen_values = true)]
    pub(crate) expires: SignedDuration,
    /// The topology file; by default that of the local system, else infra/topology.auto.tfvars here
    /// or in a directory above.
    #[arg(long, value_name = "FILE")]
    pub(crate) topology: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) state: StateDir,
}

fn claim(text: &str) -> Result<(String, serde_json::Value), String> {
    let (name, value) = text.split_once('=').unwrap_or_default();
    if name.is_empty() {
        return Err("expected NAME=VALUE, such as email=alice@example.com".to_owned());
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_is_a_name_and_json_or_a_text() {
        for (text, name, value) in [
            ("email=a@example.com", "email", json!("a@example.com")),
            ("exp=12", "exp", json!(12)),
            ("groups=[\"a\",\"b\"]", "groups", json!(["a", "b"])),
            ("note=a=b", "note", json!("a=b")),
            ("empty=", "empty", json!("")),
        ] {
            assert_eq!(claim(text).unwrap(), (name.to_owned(), value), "{text}");
        }
        for wrong in ["", "email", "=a"] {
            assert!(claim(wrong).unwrap_err().contains("NAME=VALUE"), "{wrong}");
        }
    }
}
