//! Mistakes in global secondary indexes.

use super::super::super::{IndexProjection, KeyType};
use super::{line_of, only_mistake, parse, with};

const PLAIN: &str = "  plain = { partition_key = { name = \"key\", type = \"S\" } }\n";

/// The topology with a table that has these indexes, from line 12 on.
fn indexed(indexes: &str) -> String {
    let table = format!(
        "  plain = {{\n    partition_key = {{ name = \"key\", type = \"S\" }}\n    indexes = {{\n{indexes}\n    }}\n  }}\n"
    );
    with(PLAIN, &table)
}

fn index(fields: &str) -> String {
    indexed(&format!("      by-day = {{\n{fields}\n      }}"))
}

const BY_DAY: &str = "        partition_key = { name = \"day\", type = \"S\" }\n";

#[track_caller]
fn slips(text: &str, at: &str, says: &str) {
    only_mistake(text, line_of(text, at), says);
}

#[test]
fn an_index_has_all_attributes_unless_it_says_otherwise() {
    let fields = [
        (String::new(), IndexProjection::All),
        ("        projection = \"KEYS_ONLY\"".to_owned(), IndexProjection::KeysOnly),
        (
            "        projection = \"INCLUDE\"\n        attributes = [\"total\"]".to_owned(),
            IndexProjection::Include,
        ),
    ];
    for (fields, projection) in fields {
        let topology = parse(&index(&format!("{BY_DAY}{fields}"))).expect("no mistake");
        let index = &topology.tables["plain"].indexes["by-day"];
        assert_eq!((index.projection, index.partition_key.kind), (projection, KeyType::S));
    }
}

#[test]
fn an_index_has_a_name_that_dynamodb_takes() {
    slips(
        &indexed("      d = { partition_key = { name = \"day\", type = \"S\" } }"),
        "      d = {",
        "is not a valid name of an index; use 3 to 255",
    );
}

#[test]
fn a_table_has_at_most_twenty_indexes() {
    let one =
        |n| format!("      by-{n} = {{ partition_key = {{ name = \"a{n}\", type = \"S\" }} }}\n");
    let twenty: String = (10..30).map(one).collect();
    assert!(parse(&indexed(&twenty)).is_ok());
    let more = indexed(&format!("{twenty}{}", one(30)));
    slips(&more, "    indexes = {", "are 21; a table has at most 20");
}

#[test]
fn keys_of_an_index_are_attributes_with_one_type() {
    for (fields, at, says) in [
        ("partition_key = { name = \"\", type = \"S\" }", "name = \"\"", "use 1 to 255 bytes"),
        (
            "partition_key = { name = \"day\", type = \"S\" }\n sort_key = { name = \"day\", type = \"S\" }",
            " sort_key = { name = \"day\"",
            "is day, the partition key",
        ),
        (
            "partition_key = { name = \"key\", type = \"N\" }",
            "\"key\", type = \"N\"",
            "makes key a key of the type N, and elsewhere in the table it has the type S",
        ),
    ] {
        slips(&index(fields), at, says);
    }
    let two = "      by-day = { partition_key = { name = \"day\", type = \"S\" } }\n      \
               by-date = { partition_key = { name = \"day\", type = \"N\" } }";
    let found = parse(&indexed(two)).expect_err("two types");
    assert!(found[0].message.contains("an attribute has one type"), "{found:?}");
}

#[test]
fn attributes_belong_to_the_projection_include() {
    for (fields, at, says) in [
        (
            "attributes = [\"total\"]",
            "attributes = [",
            "only projection = \"INCLUDE\" has attributes",
        ),
        (
            "projection = \"INCLUDE\"",
            "by-day = {",
            "has projection = \"INCLUDE\" and no attributes",
        ),
        (
            "projection = \"INCLUDE\"\n attributes = [\"key\"]",
            "attributes = [",
            "have key, a key, which the index has anyway",
        ),
        (
            "projection = \"INCLUDE\"\n attributes = [\"a\", \"a\"]",
            "attributes = [",
            "have a twice",
        ),
        (
            "projection = \"INCLUDE\"\n attributes = [\"\"]",
            "attributes = [",
            "not a name of an attribute",
        ),
        ("projection = \"SOME\"", "projection = \"SOME\"", "unknown variant `SOME`"),
    ] {
        slips(&index(&format!("{BY_DAY}        {fields}")), at, says);
    }
    let many: Vec<String> = (0..101).map(|n| format!("\"a{n}\"")).collect();
    let fields = format!("{BY_DAY} projection = \"INCLUDE\"\n attributes = [{}]", many.join(", "));
    slips(&index(&fields), "    indexes = {", "include 101 attributes");
}
