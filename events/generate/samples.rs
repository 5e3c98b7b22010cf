//! A sample envelope of every type, as files.

use std::collections::BTreeMap;
use std::error::Error;

use serde_json::Value;

use super::described::Described;

pub fn files(types: &[Described]) -> Result<BTreeMap<String, Value>, Box<dyn Error>> {
    let file = |of: &Described| {
        Ok((format!("payloads/{}.json", of.kind), serde_json::to_value(&of.sample)?))
    };
    types.iter().map(file).collect()
}
