//! Rules with several targets, other targets, and inputs.

use std::fmt::Write as _;

use super::{GOOD, parse};

/// The topology with another target of rule `to-queue`.
fn with_target(target: &str) -> String {
    with_rule(&format!("target = {{ dead_letter_queue = \"failures\", {target} }}"))
}

/// The topology with other targets of rule `to-queue`.
fn with_rule(targets: &str) -> String {
    let begin = GOOD.find("    target = {\n      queue ").unwrap();
    let end = begin + GOOD[begin..].find("    }\n").unwrap() + "    }\n".len();
    let (before, behind) = (&GOOD[..begin], &GOOD[end..]);
    let text = format!("{before}    {targets}\n{behind}");
    text.replace("buses = {\n", "buses = {\n  other = {}\n  third = {}\n").replace(
        "buckets = {\n",
        "topics = { alerts = {}, steps = { fifo = true } }\nbuckets = {\n",
    )
}

/// Messages of all mistakes and warnings.
fn said(text: &str) -> Vec<String> {
    let mistakes = parse(text).err().unwrap_or_default();
    mistakes.into_iter().map(|mistake| mistake.message).collect()
}

#[test]
fn every_kind_of_target_and_input_is_accepted() {
    for target in [
        "queue = \"work\"",
        "stream = \"orders\"",
        "stream = \"orders\", partition_key_path = \"$.detail.subject\"",
        "topic = \"alerts\"",
        "bus = \"other\"",
        "bus = \"default\"",
        "function = \"mailer\", input = { a = [1, \"two\", { b = true }] }",
        "function = \"mailer\", input = \"text\"",
        "queue = \"work\", input_path = \"$.detail\"",
        "topic = \"alerts\", input_transformer = { paths = { order = \"$.detail.subject\" }, \
         template = \"{\\\"order\\\": <order>, \\\"rule\\\": <aws.events.rule-name>}\" }",
    ] {
        assert_eq!(said(&with_target(target)), [""; 0], "{target}");
    }
}

#[test]
fn a_wrong_target_or_input_is_named_with_its_line() {
    let at = "rules.to-queue.target";
    for (target, says) in [
        ("", format!("{at} needs exactly one of function, queue, stream, topic and bus")),
        ("queue = \"work\", topic = \"alerts\"", format!("{at} needs exactly one of")),
        ("stream = \"x\"", format!("{at}.stream is x, which is not declared")),
        ("topic = \"x\"", format!("{at}.topic is x, which is not declared")),
        ("topic = \"steps\"", format!("{at}.topic is steps, a FIFO topic; use a standard topic")),
        ("bus = \"x\"", format!("{at}.bus is x, which is not declared")),
        ("bus = \"shop\"", format!("{at}.bus is shop, the bus of the rule itself")),
        ("bus = \"other\", input_path = \"$.detail\"", format!("{at} has an input, but a bus")),
        (
            "queue = \"work\", partition_key_path = \"$.id\"",
            format!("{at}.partition_key_path is for a stream"),
        ),
        (
            "stream = \"orders\", partition_key_path = \"id\"",
            format!("{at}.partition_key_path is \"id\", which is not a path"),
        ),
        (
            "topic = \"alerts\", message_group_id = \"g\"",
            format!("{at}.message_group_id is for a queue"),
        ),
        (
            "queue = \"work\", input = 1, input_path = \"$.id\"",
            format!("{at}.input_path stands beside another input"),
        ),
        (
            "queue = \"work\", input_path = \"detail\"",
            format!("{at}.input_path is \"detail\", which is not a path"),
        ),
        (
            "queue = \"work\", input_transformer = { template = \"<order>\" }",
            format!("{at}.input_transformer.template contains invalid placeholder order"),
        ),
        (
            "queue = \"work\", input_transformer = { paths = { order = \"order\" }, template = \
             \"{\\\"o\\\": <order>}\" }",
            format!("{at}.input_transformer.paths.order is \"order\""),
        ),
        (
            "queue = \"work\", input_transformer = { paths = { order = \"$.id\" }, template = \
             \"{\\\"o\\\": \\\"<order>\\\"}\" }",
            format!("{at}.input_transformer.template has a value between quotes of its own"),
        ),
        (
            "queue = \"work\", input_transformer = { template = \"<aws.events.event.json>\" }",
            format!("{at}.input_transformer.template is a value alone"),
        ),
    ] {
        let said = said(&with_target(target));
        assert!(said.len() == 1 && said[0].contains(&says), "{target}: {said:#?}");
    }
}

#[test]
fn a_rule_has_one_target_or_up_to_five_with_names() {
    let several = |count: usize| {
        (0..count).fold("targets = {\n".to_owned(), |mut text, n| {
            let line = "{ queue = \"work\", dead_letter_queue = \"failures\" }";
            writeln!(text, "      t-{n} = {line}").unwrap();
            text
        }) + "    }"
    };
    assert_eq!(said(&with_rule(&several(1))), [""; 0]);
    assert_eq!(said(&with_rule(&several(5))), [""; 0]);
    let six = said(&with_rule(&several(6)));
    assert!(six.len() == 1 && six[0].contains("rules.to-queue.targets has 6 targets"), "{six:#?}");
    let none = said(&with_rule(""));
    assert!(none.len() == 1 && none[0].contains("rules.to-queue needs a target"), "{none:#?}");
    let both = format!(
        "target = {{ queue = \"work\", dead_letter_queue = \"failures\" }}\n{}",
        several(1)
    );
    let both = said(&with_rule(&both));
    assert!(both.len() == 1 && both[0].contains("targets stands beside target"), "{both:#?}");
    let wrong = several(2).replace("t-1 = { queue", "\"t 1\" = { queuee");
    let wrong = said(&with_rule(&wrong));
    assert!(wrong[0].contains("queuee"), "{wrong:#?}");
    let named = said(&with_rule(&several(2).replace("t-1", "\"t 1\"")));
    assert!(
        named.len() == 1 && named[0].contains("rules.to-queue.targets.t 1 is not a valid name"),
        "{named:#?}"
    );
}

#[test]
fn a_mistake_in_one_of_several_targets_is_found_in_its_line() {
    let targets = "targets = {\n      good = { queue = \"work\", dead_letter_queue = \"failures\" }\n      \
                   bad = { queue = \"x\", dead_letter_queue = \"failures\" }\n    }";
    let text = with_rule(targets);
    let line = text.lines().position(|line| line.contains("bad = {")).unwrap() + 1;
    let checked = parse(&text).unwrap_err();
    let mistakes: Vec<String> = checked.iter().map(ToString::to_string).collect();
    assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
    assert!(mistakes[0].starts_with(&format!("{line}:")), "{mistakes:#?}");
    assert!(mistakes[0].contains("rules.to-queue.targets.bad.queue is x"), "{mistakes:#?}");
}

#[test]
fn an_event_goes_to_no_third_bus() {
    let text = with_target("bus = \"other\"").replace(
        "rules = {\n",
        "rules = {\n  on-other = { bus = \"other\", pattern = { source = [\"shop\"] }, target = \
         { bus = \"third\", dead_letter_queue = \"failures\" } }\n",
    );
    let said = said(&text);
    assert!(
        said.len() == 1
            && said[0].contains("rules.on-other.target.bus is third; EventBridge sends no event")
            && said[0].contains("by rule to-queue stop here"),
        "{said:#?}"
    );
}

#[test]
fn a_bus_has_three_hundred_rules_without_a_raised_quota() {
    let with = |count: usize| {
        let rules: String = (0..count).fold(String::new(), |mut text, n| {
            let target = "{ queue = \"work\", dead_letter_queue = \"failures\" }";
            writeln!(
                text,
                "  r-{n:03} = {{ bus = \"shop\", pattern = {{ source = [\"s\"] }}, target = {target} }}"
            )
            .unwrap();
            text
        });
        said(&GOOD.replace("rules = {\n", &format!("rules = {{\n{rules}")))
    };
    assert_eq!(with(298), [""; 0]);
    let said = with(299);
    assert!(said.len() == 1 && said[0].contains("buses.shop has 301 rules"), "{said:#?}");
}

#[test]
fn a_record_outlives_the_archive_of_a_bus_before_its_own() {
    let text = with_target("bus = \"other\"")
        .replace(
            "rules = {\n",
            "rules = {\n  on-other = { bus = \"other\", pattern = { source = [\"shop\"] }, target = \
             { function = \"mailer\", dead_letter_queue = \"failures\" } }\n",
        )
        .replace(
            "  plain = { partition_key = { name = \"key\", type = \"S\" } }",
            "  plain = {\n    partition_key = { name = \"key\", type = \"S\" }\n    \
             ttl_attribute = \"expires_at\"\n    record_retention_days = 30\n  }",
        )
        // Only the rule of the other bus reaches the function.
        .replace("      function                  = \"mailer\"\n", "      queue = \"work\"\n")
        .replace(
            "  mailer = {\n",
            "  mailer = {\n    uses = { EFFECTS_TABLE = { table = \"plain\", access = \"read-write\" } }\n",
        );
    let said = said(&text);
    assert!(
        said.iter().any(|said| said.contains("must be above 30: the archive of bus shop")),
        "{said:#?}\n{text}"
    );
}
