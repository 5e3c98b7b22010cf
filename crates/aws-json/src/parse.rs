//! Entry points of the reader.

use crate::malformed::Malformed;
use crate::reader::{Reader, malformed};
use crate::value::Json;

impl<'a> Json<'a> {
    /// Reads a text that consists of one value.
    ///
    /// # Errors
    /// Where and why the text is not JSON.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let (value, behind) = Self::leading(text)?;
        if behind.is_empty() {
            return Ok(value);
        }
        let at = text.len() - behind.len();
        Err(malformed(text, at, "unexpected text behind the value"))
    }

    /// Reads the value at the beginning of a text.
    ///
    /// Returns it with the rest of the text, without the white space between them.
    ///
    /// Event Ruler ignores everything behind the object that it matches.
    ///
    /// # Errors
    /// Where and why the text does not begin with JSON.
    pub fn leading(text: &'a str) -> Result<(Self, &'a str), Malformed> {
        let mut reader = Reader::new(text);
        let value = reader.value()?;
        Ok((value, reader.rest()))
    }
}
