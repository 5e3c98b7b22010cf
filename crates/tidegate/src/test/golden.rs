//! Compares texts with committed files.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use similar::{ChangeTag, TextDiff};

use super::fail::fail;

/// Variable that decides whether golden files are compared or written.
const VARIABLE: &str = "TIDEGATE_GOLDEN";
/// Value of the variable by which golden files are written.
const WRITE: &str = "write";
/// Lines without a difference that are shown around one.
const CONTEXT: usize = 3;

/// Compares a text with the committed file at `path`, its *golden file*.
///
/// A relative path starts at the directory of the tested package, where cargo runs its tests. To
/// write the files instead of comparing them, run the tests with `TIDEGATE_GOLDEN=write`, and
/// review what changed before you commit it.
///
/// ```no_run
/// tidegate::test::golden("tests/golden/greeting.txt", "hello\n");
/// ```
///
/// # Panics
/// Panics if the text differs from the file, with the lines that differ, or if there is no such
/// file.
#[track_caller]
pub fn golden(path: impl AsRef<Path>, text: &str) {
    let mode = match std::env::var(VARIABLE) {
        Ok(value) => Mode::parse(&value),
        Err(_) => Ok(Mode::Compare),
    };
    if let Err(problem) = mode.and_then(|mode| mode.apply(path.as_ref(), text)) {
        fail(&problem);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Compare,
    Write,
}

impl Mode {
    fn parse(value: &str) -> Result<Self, String> {
        match value {
            "" => Ok(Self::Compare),
            WRITE => Ok(Self::Write),
            _ => Err(format!(
                "{VARIABLE} is `{value}`: set it to `{WRITE}` to write golden files, or leave it \
                 out to compare them"
            )),
        }
    }

    fn apply(self, path: &Path, text: &str) -> Result<(), String> {
        match self {
            Self::Compare => compare(path, text),
            Self::Write => write(path, text)
                .map_err(|error| format!("{} cannot be written: {error}", path.display())),
        }
    }
}

fn compare(path: &Path, text: &str) -> Result<(), String> {
    let expected = match fs::read_to_string(path) {
        // Git may check files out with other line endings.
        Ok(expected) => expected.replace("\r\n", "\n"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(format!(
                "there is no golden file {}: run the test with {VARIABLE}={WRITE}, read what it \
                 wrote, and commit it. It should say:\n\n{text}",
                absolute(path).display()
            ));
        }
        Err(error) => return Err(format!("{} cannot be read: {error}", absolute(path).display())),
    };
    if expected == text {
        return Ok(());
    }
    Err(format!(
        "the text differs from the golden file {} (`-`: the file, `+`: this run). If the change \
         is intended, run the test with {VARIABLE}={WRITE}, and commit the file.\n\n{}",
        path.display(),
        difference(&expected, text)
    ))
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    // An unchanged file keeps its time, so nothing is built again because of it.
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(path, text)
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Returns the lines that differ, each with a sign in front and with its neighbours.
pub(super) fn difference(expected: &str, text: &str) -> String {
    let diff = TextDiff::from_lines(expected, text);
    let mut shown = String::new();
    for (number, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if number > 0 {
            shown.push_str("  …\n");
        }
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            shown.push_str(match change.tag() {
                ChangeTag::Equal => "  ",
                ChangeTag::Delete => "- ",
                ChangeTag::Insert => "+ ",
            });
            shown.push_str(change.value());
            if !change.value().ends_with('\n') {
                shown.push_str("⏎ (no line break at the end)\n");
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::process;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A path that no other test uses, in a directory that does not exist yet.
    fn path() -> PathBuf {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        std::env::temp_dir().join(format!("golden-{}-{number}/new/file.txt", process::id()))
    }

    #[test]
    fn a_written_file_is_what_the_next_run_compares_with() {
        let path = path();
        let missing = Mode::Compare.apply(&path, "a\n").unwrap_err();
        assert!(missing.contains("TIDEGATE_GOLDEN=write") && missing.ends_with("a\n"), "{missing}");
        Mode::Write.apply(&path, "a\nb\n").unwrap();
        assert_eq!(Mode::Compare.apply(&path, "a\nb\n"), Ok(()));
        fs::write(&path, "a\r\nb\r\n").unwrap();
        assert_eq!(Mode::Compare.apply(&path, "a\nb\n"), Ok(()), "other line endings");
        let differs = Mode::Compare.apply(&path, "a\nc\n").unwrap_err();
        assert!(differs.ends_with("\n\n  a\n- b\n+ c\n"), "{differs}");
        fs::remove_dir_all(path.parent().unwrap().parent().unwrap()).unwrap();
    }

    #[test]
    fn a_difference_shows_its_neighbours_and_a_missing_line_break() {
        let lines = |changed: &str| {
            let lines = (1..=20).map(|number| match number {
                2 | 19 => format!("{changed}{number}\n"),
                _ => format!("{number}\n"),
            });
            lines.collect::<String>()
        };
        let shown = difference(&lines("a"), &lines("b"));
        assert_eq!(
            shown,
            "  1\n- a2\n+ b2\n  3\n  4\n  5\n  …\n  16\n  17\n  18\n- a19\n+ b19\n  20\n"
        );
        assert!(difference("a", "a\n").contains("no line break"));
    }

    #[test]
    fn an_unknown_value_of_the_variable_is_refused() {
        assert_eq!(Mode::parse(""), Ok(Mode::Compare));
        assert_eq!(Mode::parse("write"), Ok(Mode::Write));
        assert!(Mode::parse("1").unwrap_err().contains("`write`"));
    }
}
