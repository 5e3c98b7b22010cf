//! The time zones of the IANA database.

use jiff::tz::TimeZone;

/// Most characters of a time zone's name (AWS docs: CreateSchedule).
pub const LONGEST_ZONE: usize = 50;

/// A name that is not a time zone's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// No time zone has this name, whatever its letters' case.
    #[error("{0} is not a time zone of the IANA database; use a name such as Europe/London or UTC")]
    Unknown(String),
    /// A time zone has this name in another case.
    #[error("{0} is not written as in the IANA database; use {1}")]
    Case(String, String),
}

/// Returns the time zone with a name of the IANA database, such as `Europe/London`.
///
/// # Errors
/// There is no such time zone, or its name is written in another case.
pub fn time_zone(name: &str) -> Result<TimeZone, ZoneError> {
    let unknown = || ZoneError::Unknown(name.to_owned());
    if name.chars().count() > LONGEST_ZONE {
        return Err(unknown());
    }
    if name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    let zone = TimeZone::get(name).map_err(|_| unknown())?;
    match zone.iana_name() {
        Some(written) if written == name => Ok(zone),
        Some(written) => Err(ZoneError::Case(name.to_owned(), written.to_owned())),
        None => Err(unknown()),
    }
}
