//! Finds Terraform's variables: the declared names, and the positions at which a file sets them.
//!
//! The crate `topology` reads their values, and refuses everything that is not literal HCL.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use terminal::problem::Problem;
use topology::Position;

/// Returns the names of the variables that the `.tf` files of a directory declare.
///
/// Terraform accepts declarations in any of these files.
///
/// # Errors
/// The directory or one of the files cannot be read.
pub(super) fn declared(directory: &Path) -> Result<BTreeSet<String>, Problem> {
    let unreadable = |path: &Path, error: io::Error| {
        Problem::new(format!("{} cannot be read for its variables: {error}", path.display()))
    };
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(directory).map_err(|error| unreadable(directory, error))? {
        let file = entry.map_err(|error| unreadable(directory, error))?.path();
        if file.extension().is_some_and(|extension| extension == "tf") {
            let text = fs::read_to_string(&file).map_err(|error| unreadable(&file, error))?;
            names.extend(blocks(&text).map(str::to_owned));
        }
    }
    Ok(names)
}

/// Returns the labels of the lines that begin a `variable` block.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let label = line.trim_start().strip_prefix("variable")?;
        let label = label.strip_prefix(|next: char| next == '"' || next.is_whitespace())?;
        label
            .split(|end: char| "\"{".contains(end) || end.is_whitespace())
            .find(|name| !name.is_empty())
    })
}

/// Returns the position at which a file of literal values sets a variable.
pub(super) fn position(text: &str, name: &str) -> Option<Position> {
    let mut depth = 0_usize;
    for (n, line) in bare(text).lines().enumerate() {
        let sets = depth == 0 && line.split_once('=').is_some_and(|(key, _)| key.trim() == name);
        if sets {
            let indent = line.chars().take_while(|letter| letter.is_whitespace()).count();
            return Some(Position { line: n + 1, column: indent + 1 });
        }
        for letter in line.chars() {
            match letter {
                '{' | '[' => depth += 1,
                '}' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    None
}

/// Returns the text with blanks instead of its comments and strings.
fn bare(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let hidden = if next == '#' || rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if next == '"' {
            string_bytes(rest)
        } else {
            0
        };
        let (part, after) = rest.split_at(hidden.max(next.len_utf8()));
        if hidden == 0 {
            bare.push_str(part);
        } else {
            bare.extend(part.chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }));
        }
        rest = after;
    }
    bare
}

/// Returns the length in bytes of the string that a text begins with, quotes included.
fn string_bytes(text: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_known_with_and_without_a_default_from_every_file_of_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        write(
            "variables.tf",
            "variable \"a\" {\n  type = string\n}\nvariable \"b\" { default = 1 }\n",
        );
        write(
            "more.tf",
            "  variable bare {}\nvariable\"tight\"{}\nvariables = 1\n# variable \"not\" {}\n",
        );
        write("other.txt", "variable \"text\" {}\n");
        let names: Vec<String> = declared(directory.path()).unwrap().into_iter().collect();
        assert_eq!(names, ["a", "b", "bare", "tight"]);
        let said = declared(&directory.path().join("none")).unwrap_err().to_string();
        assert!(said.contains("none cannot be read"), "{said}");
    }

    #[test]
    fn a_variable_is_found_where_it_is_set_and_not_where_it_is_named() {
        let text = r#"# architecture = 1
/* architecture = 2
*/
overrides = {
  f = { architecture = "a", note = "\"{[" } # {
  architecture = 3
}
note = "architecture = 4 // \\"
  architecture = "arm" // the one
"#;
        assert_eq!(position(text, "architecture"), Some(Position { line: 9, column: 3 }));
        assert_eq!(position(text, "note"), Some(Position { line: 8, column: 1 }));
        assert_eq!(position(text, "f"), None);
    }
}
