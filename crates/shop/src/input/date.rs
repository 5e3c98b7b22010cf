//! The time of an invoice line, in any form in which the data set is published.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The forms that [`parse`] reads, as text for messages.
pub(crate) const FORMS: &str = "`2010-12-01T08:26:00Z`, `2010-12-01 08:26:00` or `12/1/2010 8:26`";

/// Forms without a time zone. The last one is American: the month comes first.
const CIVIL: [&str; 4] =
    ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M"];

/// Parses the time of an invoice line, in any form in which the data set is published.
///
/// A time without a zone counts as UTC. Returns `None` for every other text.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let civil = CIVIL.iter().find_map(|form| DateTime::strptime(form, text).ok())?;
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_form_is_the_same_time() {
        for text in [
            "2010-12-01T08:26:00Z",
            "2010-12-01T09:26:00+01:00",
            "2010-12-01 08:26:00",
            "2010-12-01 08:26",
            "12/1/2010 8:26",
            "12/01/2010 08:26",
            "12/1/2010 8:26:00",
        ] {
            let time = parse(text).map(|time| time.to_string());
            assert_eq!(time.as_deref(), Some("2010-12-01T08:26:00Z"), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_time_has_none() {
        for text in [
            "",
            "yesterday",
            "12/1/2010",
            "13/1/2010 8:26",
            "2/30/2010 8:26",
            "12/1/2010 8:26 PM",
            "1.12.2010 8:26",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
