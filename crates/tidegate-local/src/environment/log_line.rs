//! Lines of a function's log file.

/// One line of `logs/<function>.log`: the time at which it was read, its request id, and the
/// printed text.
///
/// ```text
/// 2026-11-21T22:30:00.123Z 8f5c2c1e START RequestId: 8f5c2c1e Version: $LATEST
/// 2026-11-21T22:30:00.124Z 8f5c2c1e {"level":"INFO","message":"order placed"}
/// 2026-11-21T22:30:00.130Z - INIT_START Runtime Version: provided.local …
/// ```
///
/// (A real request id is a full UUID.) Single spaces separate time, request id and text.
///
/// The request id is `-` for lines that belong to no invocation: output of an initialisation, and
/// the engine's notes about the file (`[tidegate] …`). Output after an answer keeps the request id
/// until the next invocation of the process. `INIT_START`, `START`, `END`, `REPORT` and
/// `INIT_REPORT` are Lambda's own lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLine<'a> {
    /// When the engine read the line: RFC 3339 with milliseconds.
    pub time: &'a str,
    /// Request id of the invocation that the line belongs to, if any.
    pub request_id: Option<&'a str>,
    /// The printed text, without the end of the line.
    pub text: &'a str,
}

impl<'a> LogLine<'a> {
    /// Parses a line.
    ///
    /// Returns `None` if it is not a line of a log file.
    pub fn parse(line: &'a str) -> Option<Self> {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let (time, rest) = line.split_once(' ')?;
        let (request_id, text) = rest.split_once(' ')?;
        time.parse::<jiff::Timestamp>().ok()?;
        Some(Self { time, request_id: (request_id != "-").then_some(request_id), text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart_and_its_text_kept() {
        let line = LogLine::parse("2026-11-21T22:30:00.123Z r-1   two  blanks \n").unwrap();
        assert_eq!(line.time, "2026-11-21T22:30:00.123Z");
        assert_eq!((line.request_id, line.text), (Some("r-1"), "  two  blanks "));
        assert_eq!(LogLine::parse("2026-11-21T22:30:00.123Z - ").unwrap().request_id, None);
        assert_eq!(LogLine::parse("a plain line"), None);
    }
}
