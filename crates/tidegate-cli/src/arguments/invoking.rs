//! Which version of a function is invoked: an option that several commands share.

use clap::Args;

use crate::invoke::ALIAS;

/// Option that says which version of a function is invoked.
#[derive(Debug, Args)]
pub(crate) struct Invoking {
    /// Alias or version to invoke ($LATEST for the code uploaded last); by default the alias that
    /// mappings and rules use.
    #[arg(long, value_name = "NAME", default_value = ALIAS, value_parser = qualifier)]
    qualifier: String,
}

impl Invoking {
    /// Returns the alias or version.
    pub(crate) fn qualifier(&self) -> &str {
        &self.qualifier
    }
}

fn qualifier(text: &str) -> Result<String, String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_name = (1..=128).contains(&text.len()) && text.bytes().all(is_allowed);
    match is_name || text == "$LATEST" {
        true => Ok(text.to_owned()),
        false => Err("expected an alias, a version such as 7, or $LATEST".to_owned()),
    }
}
