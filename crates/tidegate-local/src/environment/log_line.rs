//! The lines of a function's log file.

/// One line of `logs/<function>.log`: when it was read, whose it is, and the text as it was printed.
///
/// ```text
/// 2026-11-21T22:30:00.123Z 8f5c2c1e-5a5d-4c2f-9d3b-0d9a3f8f2b11 START RequestId: 8f5c2c1e-5a5d-4c2f-9d3b-0d9a3f8f2b11 Version: $LATEST
/// 2026-11-21T22:30:00.124Z 8f5c2c1e-5a5d-4c2f-9d3b-0d9a3f8f2b11 {"level":"INFO","message":"order placed"}
/// 2026-11-21T22:30:00.130Z - INIT_START Runtime Version: provided.local …
/// ```
///
/// Single spaces part time, request id and text; `-` is the request id of what belongs to no invocation: what is printed while a process is
/// initialised, and what the engine says of the file itself (`[tidegate] …`). What a process prints after its answer keeps the request id until its next
/// invocation. `INIT_START`, `START`, `END`, `REPORT` and `INIT_REPORT` are Lambda's own lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLine<'a> {
    /// When the engine read it, RFC 3339 with milliseconds.
    pub time: &'a str,
    /// The invocation it belongs to.
    pub request_id: Option<&'a str>,
    /// What was printed, without the end of the line.
    pub text: &'a str,
}

impl<'a> LogLine<'a> {
    /// Takes a line apart; none if it is no line of a log file.
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
