//! Checks the name of a function, which is also that of its folder, package, program and topology
//! entry.

use terminal::problem::Problem;

/// Rust's keywords in lower case, including reserved ones.
pub(super) const KEYWORDS: [&str; 51] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Names that cargo refuses for a program, and names of a function's dependencies.
const TAKEN: [&str; 14] = [
    "alloc",
    "artifact",
    "build",
    "core",
    "deps",
    "examples",
    "incremental",
    "proc-macro",
    "serde",
    "std",
    "test",
    "tidegate",
    "tokio",
    "tracing",
];

/// Checks a name by the rules of the topology and of cargo.
///
/// # Errors
/// Misuse: the name is not allowed.
pub(super) fn check(name: &str) -> Result<(), Problem> {
    well_formed("a function", name)?;
    if TAKEN.contains(&name) || KEYWORDS.contains(&name) {
        return Err(Problem::misuse(format!(
            "`{name}` is reserved by cargo, Rust or the function's own code; choose another name, \
             such as {name}-function"
        )));
    }
    Ok(())
}

/// Checks a name by the rule of the topology only.
///
/// # Errors
/// Misuse: the name is not allowed.
pub(super) fn well_formed(what: &str, name: &str) -> Result<(), Problem> {
    let well_formed = (3..=48).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if well_formed {
        return Ok(());
    }
    Err(Problem::misuse(format!(
        "`{name}` is not a valid name of {what}; use 3 to 48 lower-case letters, digits and \
         hyphens, beginning with a letter and not ending with a \
         hyphen"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_the_topology_and_cargo_allow() {
        for good in ["order-audit", "a23", &"x".repeat(48)] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "ab",
            "Order",
            "1st",
            "a_b",
            "a-",
            "-ab",
            "a b c",
            "../up",
            "ümlaut",
            &"x".repeat(49),
            "match",
            "test",
            "deps",
        ] {
            assert!(matches!(check(bad), Err(Problem::Misuse(_))), "{bad}");
        }
    }
}
