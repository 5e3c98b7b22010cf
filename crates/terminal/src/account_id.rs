//! The id of an AWS account.

use std::fmt;
use std::str::FromStr;

/// Digits of an account's id.
const DIGITS: usize = 12;

/// The id of an AWS account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountId(String);

impl AccountId {
    /// Returns the twelve digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AccountId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_id = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_id { Ok(Self(text.to_owned())) } else { Err(format!("expected {DIGITS} digits")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_twelve_digits() {
        assert_eq!("123456789012".parse::<AccountId>().unwrap().as_str(), "123456789012");
        for bad in ["", "12345678901", "1234567890123", "12345678901x", "prod"] {
            assert_eq!(bad.parse::<AccountId>(), Err("expected 12 digits".to_owned()), "{bad}");
        }
    }
}
