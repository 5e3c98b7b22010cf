//! Adds entries to a topology file as text, and leaves everything else as it is written.

use hcl_edit::structure::Structure;
use hcl_edit::{Span, parser};

/// Returns the text with `entries` added at the end of a section.
///
/// `entries` are whole lines, indented by two blanks. A missing section is added at the end of the
/// file.
///
/// # Errors
/// The text is not HCL, or the section is not an object.
pub(super) fn insert(text: &str, section: &str, entries: &str) -> Result<String, String> {
    let body = parser::parse_body(text).map_err(|error| format!("not HCL: {}", error.message()))?;
    let declared = body
        .iter()
        .filter_map(Structure::as_attribute)
        .find(|attribute| attribute.has_key(section));
    let inserted = match declared {
        None => {
            let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            format!("{text}{end}\n{section} = {{\n{entries}}}\n")
        }
        Some(attribute) => {
            let span = attribute.value.is_object().then(|| attribute.value.span()).flatten();
            let inside = span.and_then(|span| {
                let close = text.get(..span.end)?.strip_suffix('}')?.len();
                Some((span.start.checked_add(1)?, close))
            });
            let (open, close) =
                inside.ok_or_else(|| format!("{section} is not an object of named entries"))?;
            into(text, open, close, entries)
                .ok_or_else(|| format!("{section} cannot be read as text"))?
        }
    };
    Ok(if text.contains("\r\n") {
        inserted.replace("\r\n", "\n").replace('\n', "\r\n")
    } else {
        inserted
    })
}

/// Inserts entries before the brace at `close` of the object whose content begins at `open`.
fn into(text: &str, open: usize, close: usize, entries: &str) -> Option<String> {
    let (before, after) = (text.get(..close)?, text.get(close..)?);
    let content = text.get(open..close)?;
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    // A brace on a line of its own stays there.
    let (kept, brace) = if line > open && before.get(line..)?.trim().is_empty() {
        (before.get(..line)?, before.get(line..)?)
    } else {
        (before.trim_end(), "")
    };
    let end = if kept.ends_with('\n') { "" } else { "\n" };
    let gap = if content.trim().is_empty() { "" } else { "\n" };
    Some(format!("{kept}{end}{gap}{entries}{brace}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inserted(text: &str) -> String {
        insert(text, "queues", "  new = { retention_seconds = 60 }\n").unwrap()
    }

    #[test]
    fn an_entry_comes_last_in_its_section_and_everything_else_stays() {
        let text = "# top\nqueues = {\n  old = { retention_seconds =   60 } # odd\n  # last\n}\n\nbuses = {}\n";
        assert_eq!(
            inserted(text),
            "# top\nqueues = {\n  old = { retention_seconds =   60 } # odd\n  # last\n\n  new = { retention_seconds = 60 }\n}\n\nbuses = {}\n"
        );
    }

    #[test]
    fn a_section_may_be_empty_on_one_line_or_missing() {
        for (text, expected) in [
            ("queues = {}\n", "queues = {\n  new = { retention_seconds = 60 }\n}\n"),
            ("queues = {\n}", "queues = {\n  new = { retention_seconds = 60 }\n}"),
            (
                "queues = { a = {} }\n",
                "queues = { a = {}\n\n  new = { retention_seconds = 60 }\n}\n",
            ),
            (
                "queues = {\n  a = {} }\n",
                "queues = {\n  a = {}\n\n  new = { retention_seconds = 60 }\n}\n",
            ),
            ("x = 1", "x = 1\n\nqueues = {\n  new = { retention_seconds = 60 }\n}\n"),
        ] {
            assert_eq!(inserted(text), expected);
            hcl_edit::parser::parse_body(&inserted(text)).unwrap();
        }
    }

    #[test]
    fn braces_in_texts_and_comments_are_none() {
        let text = "a = \"}\" # queues = {\nqueues = {\n  b = { c = \"}{\" } # }\n}\n";
        assert!(
            inserted(text).ends_with("# }\n\n  new = { retention_seconds = 60 }\n}\n"),
            "{}",
            inserted(text)
        );
    }

    #[test]
    fn lines_end_as_they_did() {
        assert_eq!(
            inserted("queues = {\r\n}\r\n"),
            "queues = {\r\n  new = { retention_seconds = 60 }\r\n}\r\n"
        );
    }

    #[test]
    fn what_is_no_section_is_said() {
        assert!(insert("queues = 1\n", "queues", "").unwrap_err().contains("is not an object"));
        assert!(insert("queues = {\n", "queues", "").unwrap_err().contains("not HCL"));
    }
}
