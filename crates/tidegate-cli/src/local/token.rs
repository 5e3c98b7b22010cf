//! `tidegate local token`: a token that the local system accepts for an API.

use std::collections::BTreeMap;
use std::process::ExitCode;

use engine_client::engine_file::EngineFile;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use terminal::output;
use terminal::problem::Problem;
use tidegate_local::gateway::Issuer;
use topology::{Authorizer, Topology};

use crate::arguments::Token;
use crate::connection::state_dir;
use crate::topology_file::topology_above;

/// Prints a token.
///
/// # Errors
/// The topology has no such API or authorizer, or the key cannot be used.
pub(super) fn token(options: &Token) -> Result<ExitCode, Problem> {
    let directory = state_dir(&options.state);
    let file = match (&options.topology, EngineFile::read(&directory)) {
        (Some(file), _) => file.clone(),
        (None, Ok(running)) => running.topology,
        (None, Err(_)) => topology_above()?,
    };
    let topology = topology::load(&file).map_err(|error| Problem::new(error.to_string()))?;
    let authorizer = authorizer(options, &topology).map_err(Problem::new)?;
    let claims = claims(options, authorizer, Timestamp::now())?;
    let signed = Issuer::open(&directory).and_then(|issuer| issuer.sign(&claims));
    output::line(&signed.map_err(|error| Problem::new(error.to_string()))?)?;
    Ok(ExitCode::SUCCESS)
}

fn claims(
    options: &Token,
    authorizer: &Authorizer,
    now: Timestamp,
) -> Result<Map<String, Value>, Problem> {
    let expires = now.checked_add(options.expires);
    let expires =
        expires.map_err(|error| Problem::new(format!("--expires is too far: {error}")))?;
    let mut claims = Map::new();
    let mut insert = |name: &str, value: Value| _ = claims.insert(name.to_owned(), value);
    insert("iss", authorizer.issuer.as_str().into());
    insert("aud", authorizer.audience.first().map_or(Value::Null, |first| first.as_str().into()));
    insert("sub", options.subject.as_str().into());
    insert("iat", now.as_second().min(expires.as_second()).into());
    insert("exp", expires.as_second().into());
    if !options.scope.is_empty() {
        insert("scope", json!(options.scope.join(" ")));
    }
    for (name, value) in &options.claim {
        insert(name, value.clone());
    }
    Ok(claims)
}

/// Returns the authorizer that the options name, or the only one.
fn authorizer<'a>(options: &Token, topology: &'a Topology) -> Result<&'a Authorizer, String> {
    let apis = topology.apis.iter().filter(|(_, api)| !api.authorizers.is_empty());
    let apis: BTreeMap<&str, _> = apis.map(|(name, api)| (name.as_str(), api)).collect();
    let (name, api) = chosen("API with an authorizer", "--api", options.api.as_deref(), &apis)?;
    let authorizers = api.authorizers.iter().map(|(name, declared)| (name.as_str(), declared));
    let what = format!("authorizer of {name}");
    let named = options.authorizer.as_deref();
    Ok(chosen(&what, "--authorizer", named, &authorizers.collect())?.1)
}

/// Returns the entry with this name, or the only one.
fn chosen<'a, T: Copy>(
    what: &str,
    option: &str,
    named: Option<&str>,
    entries: &BTreeMap<&'a str, T>,
) -> Result<(&'a str, T), String> {
    let names = || entries.keys().copied().collect::<Vec<_>>().join(", ");
    let mut all = entries.iter().map(|(name, entry)| (*name, *entry));
    match named {
        _ if entries.is_empty() => Err(format!("the topology declares no {what}")),
        Some(named) => all
            .find(|(name, _)| *name == named)
            .ok_or_else(|| format!("there is no {what} named {named}; declared: {}", names())),
        None => match (all.next(), all.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(format!("there is more than one {what}; choose with {option}: {}", names())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_is_the_only_one_or_the_named_one() {
        let (none, one) = (BTreeMap::<&str, u8>::new(), BTreeMap::from([("a", 1)]));
        let two = BTreeMap::from([("a", 1), ("b", 2)]);
        let chosen = |named, entries| chosen("thing", "--thing", named, entries);
        assert_eq!(chosen(None, &one), Ok(("a", 1)));
        assert_eq!(chosen(Some("b"), &two), Ok(("b", 2)));
        for (named, entries, says) in [
            (None, &none, "declares no thing"),
            (Some("c"), &two, "no thing named c; declared: a, b"),
            (None, &two, "choose with --thing: a, b"),
        ] {
            let why = chosen(named, entries).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
    }
}
