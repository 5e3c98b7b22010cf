//! The document that names a test for every rule of delivery.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Collects the names of all tests below a directory.
fn tests_below(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            tests_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    is_test = true;
                } else if let Some(name) = is_test.then(|| line.split_once("fn ")).flatten() {
                    found.insert(name.1.split(['(', '<']).next().unwrap().to_owned());
                    is_test = false;
                }
            }
        }
    }
}

#[test]
fn every_rule_of_the_document_has_tests_that_exist() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut tests = BTreeSet::new();
    for directory in ["crates", "tests"] {
        tests_below(&repository.join(directory), &mut tests);
    }
    let document = fs::read_to_string(repository.join("docs/delivery-rules.md")).unwrap();
    let rows: Vec<(&str, &str)> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.rsplit_once(" | "))
        .filter(|(rule, _)| *rule != "rule")
        .collect();
    assert!(rows.len() > 60, "{} rules", rows.len());
    for (rule, named) in rows {
        let named: Vec<&str> = named.split(", ").map(|name| name.trim_matches('`')).collect();
        let missing: Vec<&str> = named.into_iter().filter(|name| !tests.contains(*name)).collect();
        assert_eq!(missing, [""; 0], "no tests of the rule: {rule}");
    }
}
