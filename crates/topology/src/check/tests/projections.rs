//! Projections: the tables of generations, and every mistake with its line.

use super::{GOOD, Mistake, check_text, line_of, parse};
use crate::model::Access;
use crate::{POINTERS_VARIABLE, Profile, Projection, generation_table};

const TABLES: &str = r#"  view = {
    partition_key = { name = "stream", type = "S" }
    indexes = { by-day = { partition_key = { name = "day", type = "S" } } }
  }
  sums = { partition_key = { name = "key", type = "S" }, sort_key = { name = "slice", type = "N" } }
  other-view = { partition_key = { name = "stream", type = "S" } }
  projections = { partition_key = { name = "projection", type = "S" } }
"#;

const USES: &str = r#"      VIEW_TABLE   = { table = "view", access = "read-write" }
      SUMS_TABLE   = { table = "sums", access = "read-write" }
      OTHER_TABLE  = { table = "other-view", access = "read-write" }
"#;

const PROJECTIONS: &str = r#"
projections = {
  order-view = {
    function    = "processor"
    store       = "events"
    rows        = "view"
    counters    = "sums"
    pointers    = "projections"
    generations = [1, 3]
  }
  other = {
    function = "processor"
    store    = "events" # of other
    rows     = "other-view"
    pointers = "projections" # of other
  }
}
"#;

fn good() -> String {
    let text = GOOD.replacen("  plain = {", &format!("{TABLES}  plain = {{"), 1);
    let text = text.replacen("      SENDER       =", &format!("{USES}      SENDER       ="), 1);
    format!("{text}{PROJECTIONS}")
}

/// Asserts that a change leads to these messages, each in the line of its part of the text.
#[track_caller]
fn slips(from: &str, to: &str, expected: &[(&str, &str)]) {
    let text = good();
    assert_eq!(text.matches(from).count(), 1, "{from} must occur once");
    let text = text.replacen(from, to, 1);
    let mistakes = parse(&text).expect_err("the slip must be found");
    assert_eq!(mistakes.len(), expected.len(), "{mistakes:#?}");
    for (at, says) in expected {
        let line = line_of(&text, at);
        let is_it =
            |mistake: &&Mistake| mistake.position.line == line && mistake.message.contains(says);
        assert!(mistakes.iter().any(|mistake| is_it(&mistake)), "{at}: {says}: {mistakes:#?}");
    }
}

#[test]
fn a_generation_has_tables_with_the_settings_of_the_first() {
    let topology = parse(&good()).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    let later: Vec<&str> =
        topology.tables.keys().map(String::as_str).filter(|name| name.contains('.')).collect();
    assert_eq!(later, ["sums.g3", "view.g3"]);
    assert_eq!(topology.tables["view.g3"], topology.tables["view"]);
    assert_eq!(topology.tables["sums.g3"], topology.tables["sums"]);
    assert_eq!(generation_table("view", 1), "view");
    let uses = topology.later_uses("processor");
    assert_eq!(
        uses,
        [("view.g3".to_owned(), Access::ReadWrite), ("sums.g3".to_owned(), Access::ReadWrite)]
    );
    assert!(topology.later_uses("mailer").is_empty());
    let names: Vec<&str> = topology.projections_of("processor").map(|(name, _)| name).collect();
    assert_eq!(names, ["order-view", "other"]);
    assert_eq!(topology.projections["order-view"].numbers(), "1,3");
    assert_eq!(topology.projections["other"].numbers(), "1", "1 alone by default");
    assert_eq!(Projection::variable("order-view"), "TIDEGATE_GENERATIONS_ORDER_VIEW");
    assert_eq!(POINTERS_VARIABLE, "TIDEGATE_POINTERS_TABLE");
}

#[test]
fn a_reader_of_the_rows_reads_all_generations() {
    let text = good().replacen(
        "  mailer = {\n",
        "  mailer = {\n    uses = { VIEW = { table = \"view\", access = \"read\" } }\n",
        1,
    );
    let checked = check_text(&text);
    let topology = checked.unwrap_or_else(|mistakes| panic!("{mistakes:#?}")).topology;
    assert_eq!(topology.later_uses("mailer"), [("view.g3".to_owned(), Access::Read)]);
}

#[test]
fn what_only_the_toolkit_reads_tells_the_profile() {
    let topology = parse(PROFILE).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    assert_eq!(topology.profile(), Profile::Tidegate);
    assert!(topology.metrics_namespace.is_none());
}

const PROFILE: &str = r#"
tables = {
  events = {
    partition_key = { name = "stream", type = "S" }, sort_key = { name = "version", type = "N" }
    stream_view   = "NEW_IMAGE"
  }
  view     = { partition_key = { name = "stream", type = "S" } }
  pointers = { partition_key = { name = "projection", type = "S" } }
}
functions = {
  projection = {
    uses = {
      EVENTS = { table = "events", access = "read" }
      VIEW   = { table = "view", access = "read-write" }
    }
  }
}
projections = {
  view = { function = "projection", store = "events", rows = "view", pointers = "pointers" }
}
"#;

#[test]
fn names_that_are_not_declared_are_mistakes() {
    for (from, to, says) in [
        ("    function    = \"processor\"", "    function = \"procesor\"", "is procesor, which is"),
        (
            "    store       = \"events\"",
            "    store = \"evens\"",
            "is evens, which is not declared",
        ),
        ("    rows        = \"view\"", "    rows = \"vew\"", "is vew, which is not declared"),
        ("    counters    = \"sums\"", "    counters = \"sms\"", "is sms, which is not declared"),
    ] {
        let mut expected = vec![(to, says)];
        if to.contains("evens") {
            expected.push(("    function    =", "does not read evens, the store"));
        }
        slips(from, to, &expected);
    }
    slips(
        "\"projections\" # of other",
        "\"pointers\" # of other",
        &[
            ("# of other\n  }", "is pointers, which is not declared"),
            ("# of other\n  }", "is pointers, and order-view has projections; one table"),
        ],
    );
}

#[test]
fn a_table_belongs_to_one_projection_and_to_one_purpose() {
    slips(
        "    counters    = \"sums\"",
        "    counters    = \"view\"",
        &[("    counters    = \"view\"", "is view, which the projection names twice")],
    );
    slips(
        "rows     = \"other-view\"",
        "rows     = \"view\"",
        &[("rows     = \"view\"", "is view, a table of order-view; each has tables of its own")],
    );
    slips(
        "    counters    = \"sums\"",
        "    counters    = \"events\"",
        &[("    counters    = \"events\"", "is events, and so is store")],
    );
    slips(
        "    counters    = \"sums\"",
        "    entries     = \"projections\"",
        &[
            ("    entries     =", "is projections, and so is pointers"),
            ("    function    =", "does not use projections with the access read-write"),
        ],
    );
}

#[test]
fn the_store_and_the_pointers_have_the_keys_that_the_toolkit_reads() {
    slips(
        "projections = { partition_key = { name = \"projection\"",
        "projections = { partition_key = { name = \"name\"",
        &[
            (
                "    pointers    =",
                "needs the partition key projection of the type S without a sort",
            ),
            ("# of other\n  }", "needs the partition key projection"),
        ],
    );
    slips(
        "\"events\" # of other",
        "\"plain\" # of other",
        &[
            (
                "\"plain\" # of other",
                "needs the partition key stream of the type S and the sort key",
            ),
            ("    function = ", "is processor, which does not read plain"),
        ],
    );
}

#[test]
fn generations_are_different_numbers_from_one_on() {
    for (to, says) in [
        ("[]", "is empty; use [1], and [1, 2] to rebuild"),
        ("[1, 0]", "generations.1 is 0; must be 1 to 9999"),
        ("[2, 10000]", "generations.1 is 10000; must be 1 to 9999"),
        ("[1, 2, 1]", "generations.2 is 1, which is declared twice"),
        ("[1, 2, 3, 4, 5]", "has 5 numbers; the function writes to each generation, so at most 4"),
        ("[1, -2]", "expected a whole number"),
        ("\"2\"", "expected a list"),
    ] {
        let to = format!("generations = {to}");
        slips("generations = [1, 3]", &to, &[(&to, says)]);
    }
}

#[test]
fn the_name_of_a_generation_is_not_declared() {
    slips(
        "  plain = {",
        "  \"view.g3\" = { partition_key = { name = \"stream\", type = \"S\" } }\n  plain = {",
        &[
            ("\"view.g3\"", "is the name of a generation of view, which projections.order-view"),
            ("\"view.g3\"", "is not a well-formed name"),
        ],
    );
}

#[test]
fn the_function_uses_what_it_feeds() {
    slips(
        "{ table = \"sums\", access = \"read-write\" }",
        "{ table = \"sums\", access = \"read\" }",
        &[("    function    =", "does not use sums with the access read-write")],
    );
    slips(
        "    function    = \"processor\"",
        "    function    = \"mailer\"",
        &[
            ("\"mailer\"\n    store", "is mailer, which does not read events, the store"),
            ("\"mailer\"\n    store", "does not use view with the access read-write"),
            ("\"mailer\"\n    store", "does not use sums with the access read-write"),
        ],
    );
}

#[test]
fn two_projections_do_not_share_a_variable() {
    slips(
        "  other = {",
        "  order_view = {",
        &[
            ("  order_view = {", "has the variable TIDEGATE_GENERATIONS_ORDER_VIEW of functions"),
            ("  order_view = {", "is not a well-formed name"),
        ],
    );
}
