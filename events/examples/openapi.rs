//! Writes the OpenAPI document of the HTTP API.

#[path = "../generate/openapi.rs"]
#[allow(dead_code, missing_docs, unreachable_pub, reason = "it is a part of the tests, too")]
mod openapi;

use std::error::Error;
use std::io::Write;

fn main() -> Result<(), Box<dyn Error>> {
    std::fs::write(openapi::path(), format!("{:#}\n", openapi::document()))?;
    writeln!(std::io::stdout(), "wrote docs/catalog/openapi.json")?;
    Ok(())
}
