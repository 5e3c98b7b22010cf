//! Options of `tidegate effects`.

use clap::{Args, Subcommand};

use super::invoking::Invoking;
use super::place::Place;

#[derive(Debug, Subcommand)]
pub(crate) enum EffectsCommand {
    /// Lists held effects. Reads the whole table, which costs one read unit per 4 KB: USD 0.03 for
    /// a million records.
    Ls(EffectsList),
    /// Records that a held effect took place, so that nothing runs it again.
    Complete(EffectsComplete),
    /// Releases held effects, and runs them again.
    Release(EffectsRelease),
}

/// Options that say where held effects are recorded.
#[derive(Debug, Args)]
pub(crate) struct EffectsPlace {
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Table of the idempotency records; by default the one in the topology.
    #[arg(long, env = "IDEMPOTENCY_TABLE", value_name = "NAME", hide_env_values = true)]
    pub(crate) table: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Options of `effects ls`.
#[derive(Debug, Args)]
pub(crate) struct EffectsList {
    /// Stops after this number of effects.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = limit)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) at: EffectsPlace,
}

fn limit(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|limit| *limit > 0)
        .ok_or_else(|| "expected a whole number, 1 or more".to_owned())
}

/// Options of `effects complete`.
#[derive(Debug, Args)]
pub(crate) struct EffectsComplete {
    /// Key of a held effect, as `tidegate effects ls` shows it.
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    /// Result of the effect, as its function would have stored it; duplicates are answered with it.
    #[arg(long, value_name = "JSON", value_parser = result_of_an_effect)]
    pub(crate) result: Option<String>,
    /// Days for which it is remembered that the effect took place; by default
    /// `record_retention_days` in the topology.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(15..=3650))]
    pub(crate) days: Option<u32>,
    #[command(flatten)]
    pub(crate) at: EffectsPlace,
}

/// Returns the text if it is JSON and small enough to be stored.
fn result_of_an_effect(text: &str) -> Result<String, String> {
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| format!("it is not JSON ({error}); a text is written '\"like this\"'"))?;
    let json = value.to_string();
    let limit = tidegate::idempotency::Effects::RESULT_LIMIT;
    if json.len() > limit {
        return Err(format!("it has {} bytes; at most {limit} are stored", json.len()));
    }
    Ok(json)
}

/// Options of `effects release`.
#[derive(Debug, Args)]
pub(crate) struct EffectsRelease {
    /// Keys of held effects, as `tidegate effects ls` shows them.
    #[arg(value_name = "KEY", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) keys: Vec<String>,
    /// Releases all held effects.
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) invoking: Invoking,
    #[command(flatten)]
    pub(crate) at: EffectsPlace,
}
