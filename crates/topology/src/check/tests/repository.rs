//! Ways to break a rule in this repository's own topology.
//!
//! Each is reported in its own line, as the only mistake, and the message says what is allowed.

use super::super::super::{Mistake, Severity};
use super::parse;

/// The topology file's content.
const TOPOLOGY: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/topology.auto.tfvars"));

/// One edit below the line that begins with `within`, apart from indentation.
///
/// The first `from` after that line becomes `to`. The only mistake must be in the edited line or,
/// if `at` is given, in a line that begins with `at`. Its message must contain every text in
/// `says`.
struct Slip<'a> {
    within: &'a str,
    from: &'a str,
    to: &'a str,
    at: Option<&'a str>,
    says: &'a [&'a str],
}

impl Slip<'_> {
    #[track_caller]
    fn is_found(&self) {
        let begin = begin_of(TOPOLOGY, self.within);
        let offset =
            TOPOLOGY[begin..].find(self.from).unwrap_or_else(|| panic!("no {}", self.from)) + begin;
        let text =
            format!("{}{}{}", &TOPOLOGY[..offset], self.to, &TOPOLOGY[offset + self.from.len()..]);

        let mistakes = parse(&text).expect_err(self.to);
        let [Mistake { position, message, .. }] = mistakes.as_slice() else {
            panic!("one mistake expected: {mistakes:#?}")
        };
        match self.at {
            None => {
                assert_eq!(position.line, text[..offset].matches('\n').count() + 1, "{message}");
            }
            Some(at) => {
                let line = text.split_inclusive('\n').nth(position.line - 1).unwrap().trim_start();
                assert!(line.starts_with(at), "{line}: {message}");
            }
        }
        for word in self.says {
            assert!(message.contains(word), "`{word}` is not said: {message}");
        }
    }
}

fn begin_of(text: &str, begin: &str) -> usize {
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with(begin) {
            return offset + line.len() - line.trim_start().len();
        }
        offset += line.len();
    }
    panic!("no line begins with {begin}")
}

/// Makes a slip that is reported in the line that it changes.
fn slip<'a>(within: &'a str, from: &'a str, to: &'a str, says: &'a [&'a str]) -> Slip<'a> {
    Slip { within, from, to, at: None, says }
}

#[test]
fn every_stream_mapping_is_bounded_bisected_and_partial() {
    let order_processor = "order-processor = {";
    for (from, to, says) in [
        (
            "maximum_retry_attempts     = 1000",
            "maximum_retry_attempts     = -1",
            "bounded: 0 to 10000",
        ),
        (
            "maximum_record_age_seconds = 21600",
            "maximum_record_age_seconds = -1",
            "bounded: 60 to 604800",
        ),
        (
            "maximum_record_age_seconds = 21600",
            "maximum_record_age_seconds = 86400",
            "below the stream's retention of 86400",
        ),
        (
            "report_batch_item_failures = true",
            "report_batch_item_failures = false",
            "set it to true if the function answers",
        ),
        (
            "bisect_on_error            = true",
            "bisect_on_error            = false",
            "set it to true: otherwise",
        ),
        (
            "dead_letter_after_seconds  = 10800",
            "dead_letter_after_seconds  = 10801",
            "must be 1 to 10800",
        ),
    ] {
        slip(order_processor, from, to, &["functions.order-processor.sources.orders", says])
            .is_found();
    }
    for (gone, says) in [
        ("        dead_letter_after_seconds  = 10800\n", "has no dead_letter_after_seconds"),
        (
            "        on_failure                 = { queue = \"stream-failures\" }\n",
            "has no on_failure",
        ),
        ("        report_batch_item_failures = true\n", "report_batch_item_failures is not set"),
        ("        bisect_on_error            = true\n", "bisect_on_error is not set"),
    ] {
        let at = Some("orders = {\n");
        Slip { within: order_processor, from: gone, to: "", at, says: &[says] }.is_found();
    }
}

#[test]
fn a_tables_stream_has_two_readers_that_each_keep_its_order() {
    let factor = "parallelization_factor     = 1";
    let says = [
        "functions.event-publisher.sources.event-store.parallelization_factor is 2",
        "must be 1 on a table's stream",
    ];
    slip("event-publisher = {", factor, "parallelization_factor     = 2", &says).is_found();
    let third = "audit = {\n  memory_mb = 128\n  timeout_seconds = 1\n  maximum_concurrency = 4\n  sources = {\n    event-store = {\n      \
                 table = \"event-store\" # third\n      starting_position = \"LATEST\"\n      batch_size = 1\n      bisect_on_error = true\n      \
                 report_batch_item_failures = true\n      maximum_retry_attempts = 1\n      maximum_record_age_seconds = 60\n      \
                 dead_letter_after_seconds = 30\n      on_failure = { queue = \"stream-failures\" }\n    }\n  }\n}\n";
    // Readers are counted in the order of the functions' names.
    let third = third.replace("audit", "zeta-audit");
    let (to, at) = (format!("functions = {{\n{third}"), Some("table = \"event-store\" # third"));
    let says = &["functions.zeta-audit.sources.event-store.table is reader 3", "AWS allows 2"];
    Slip { within: "functions = {", from: "functions = {\n", to: &to, at, says }.is_found();
}

#[test]
fn a_rules_function_keeps_what_it_cannot_handle() {
    let declared = &TOPOLOGY[begin_of(TOPOLOGY, "notification = {")..];
    let declared = &declared[begin_of(declared, "asynchronous = {")..];
    let declared = &declared[..declared.find("\n    }\n").unwrap() + "\n    }\n".len()];
    let mistakes = parse(&TOPOLOGY.replacen(declared, "", 1)).expect_err("no asynchronous");
    let rules = ["order-placed-notification", "order-progress-notification"];
    let says = rules.map(|rule| {
        format!("rules.{rule}.target.function is notification, which declares no asynchronous")
    });
    assert_eq!(mistakes.len(), says.len(), "{mistakes:#?}");
    for (mistake, says) in mistakes.iter().zip(says) {
        assert!(mistake.message.starts_with(&says), "{mistakes:#?}");
    }
    let letters = "      dead_letter_queue         = \"rule-failures\"\n";
    let says = &["rules.order-placed-notification.target.dead_letter_queue is not set"];
    let at = Some("target = {");
    Slip { within: "order-placed-notification = {", from: letters, to: "", at, says }.is_found();
}

#[test]
fn sources_fit_into_the_reserved_concurrency_of_their_function() {
    let says = [
        "functions.order-processor.maximum_concurrency is 4",
        "may run 6 at a time",
        "at least 6 is required",
    ];
    let at = Some("maximum_concurrency = 4");
    Slip { within: "streams = {", from: "shards = 1", to: "shards = 3", at, says: &says }
        .is_found();
}

#[test]
fn failures_wait_for_a_long_weekend_and_their_payload_as_long_as_they() {
    for queue in ["dead-letters ", "stream-failures ", "async-failures ", "rule-failures "] {
        let says = ["is 345599; must be at least 345600", "the failures of"];
        slip(queue, "retention_seconds = 1209600", "retention_seconds = 345599", &says).is_found();
    }
    let says = [
        "buckets.dead-letters.expiration_days is 13; must be at least 14",
        "letters in dead-letters",
    ];
    slip("buckets = {", "expiration_days = 14", "expiration_days = 13", &says).is_found();
}

#[test]
fn a_failure_queue_keeps_longer_than_its_writer_retries() {
    let week = "retention_hours = 168 }\n}\n#";
    let text = TOPOLOGY
        .replacen("retention_hours = 24 }\n}", week, 1)
        .replacen("maximum_record_age_seconds = 21600", "maximum_record_age_seconds = 604799", 1)
        .replacen(
            "stream-failures = { retention_seconds = 1209600 }",
            "stream-failures = { retention_seconds = 604798 }",
            1,
        );
    let mistakes = parse(&text).expect_err("too short");
    let [Mistake { position, message, .. }] = mistakes.as_slice() else { panic!("{mistakes:#?}") };
    let line = text[..begin_of(&text, "stream-failures")].matches('\n').count() + 1;
    assert_eq!(position.line, line, "{message}");
    assert!(message.contains("is 604798; must be at least 604799"), "{message}");
    assert!(message.contains("source orders of order-processor"), "{message}");
}

#[test]
fn it_is_known_that_an_effect_took_place_for_longer_than_its_letter_can_be_replayed() {
    let within = "idempotency = {";
    let days = "record_retention_days = 31";
    slip(
        within,
        days,
        "record_retention_days = 14",
        &["is 14; must be 15 to 3650", "replayed for 14 days"],
    )
    .is_found();
    let says = ["is 30; must be above 30", "the archive of bus shop"];
    slip(within, days, "record_retention_days = 30", &says).is_found();
    let ttl = "    ttl_attribute         = \"expires_at\"\n";
    let at = Some(days);
    Slip { within, from: ttl, to: "", at, says: &["record_retention_days needs ttl_attribute"] }
        .is_found();
    let says = &[
        "IDEMPOTENCY_TABLE.table is idempotency",
        "must declare record_retention_days, 15 or more",
    ];
    let at = Some("IDEMPOTENCY_TABLE ");
    Slip { within, from: days, to: "#", at, says }.is_found();
    let sold = TOPOLOGY.lines().find(|line| line.trim_start().starts_with("SALES_TABLE "));
    let sold = sold.unwrap_or_else(|| panic!("no SALES_TABLE"));
    let twice = format!(
        "{sold}\nFIRST = {{ table = \"one-a\", access = \"read\" }}\nNEXT = {{ table = \"one-b\", access = \"read\" }}"
    );
    let table = |name| {
        format!(
            "{name} = {{\n partition_key = {{ name = \"key\", type = \"S\" }}\n ttl_attribute = \"t\"\n record_retention_days = 20\n}}\n"
        )
    };
    let text = TOPOLOGY.replacen(sold, &twice, 1);
    let text = text.replacen(
        "tables = {\n",
        &format!("tables = {{\n{}{}", table("one-a"), table("one-b")),
        1,
    );
    let mistakes = parse(&text).expect_err("two such tables");
    assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
    assert!(mistakes[0].message.contains("NEXT.table is one-b, a second table"), "{mistakes:#?}");
}

#[test]
fn names_fit_every_service_with_a_prefix_and_are_no_wildcards() {
    for (within, from, length, allowed) in [
        ("buckets = {", "dead-letters = {", 35, "3 to 34"),
        ("buses = {", "shop = {", 33, "3 to 32"),
        ("queues = {", "async-failures  = {", 49, "3 to 48"),
        ("rules = {", "order-placed-notification = {", 49, "3 to 48"),
        ("functions = {", "order-processor = {", 49, "3 to 48"),
    ] {
        // Every reference to the old name is a mistake of its own, so the old entry stays beside
        // the new one.
        let begin = begin_of(TOPOLOGY, within);
        let at = TOPOLOGY[begin..].find(from).unwrap() + begin;
        let declared = &TOPOLOGY[at..];
        let body = &declared[declared.find('{').unwrap()..=end_of_object(declared)];
        let text = format!("{}{} = {body}\n{declared}", &TOPOLOGY[..at], "a".repeat(length));
        let mistakes = parse(&text).expect_err(within);
        let named =
            mistakes.iter().find(|mistake| mistake.message.contains("well-formed")).expect(within);
        assert!(named.message.contains(&format!("use {allowed} lower-case")), "{named:?}");
        assert_eq!(named.position.line, text[..at].matches('\n').count() + 1, "{named:?}");
    }
    for section in ["streams", "tables", "queues", "buckets", "buses", "rules", "functions"] {
        let head = format!("{section} = {{\n");
        let entry = &TOPOLOGY[TOPOLOGY.find(&head).unwrap() + head.len()..];
        let body = &entry[entry.find('{').unwrap()..=end_of_object(entry)];
        for name in ["*", "order-*", "orders?"] {
            let text = TOPOLOGY.replacen(&head, &format!("{head}\"{name}\" = {body}\n"), 1);
            let mistakes = parse(&text).expect_err(name);
            let refused = format!("{section}.{name} is not a");
            let refused = |mistake: &Mistake| {
                mistake.severity == Severity::Error && mistake.message.starts_with(&refused)
            };
            assert!(mistakes.iter().any(refused), "{mistakes:#?}");
        }
    }
    let says = ["SENDER_ADDRESS.email is *@shop.example.com", "an address such as"];
    slip("SENDER_ADDRESS ", "orders@shop", "*@shop", &says).is_found();
}

/// Returns the offset at which the first object of a text ends.
fn end_of_object(text: &str) -> usize {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    panic!("no object in {text}")
}

#[test]
fn a_table_belongs_to_one_function_and_the_event_store_to_nobody_who_changes_it() {
    let letters = "DEAD_LETTER_QUEUE_URL = {";
    let shared = |access: &str| {
        format!("ORDER_VIEW = {{ table = \"order-view\", access = \"{access}\" }}\n      {letters}")
    };
    let at = Some("ORDER_VIEW_TABLE ");
    for access in ["write", "append", "read-write"] {
        let says = [
            "functions.order-projection.uses.ORDER_VIEW_TABLE.table is order-view",
            "which event-publisher changes too",
        ];
        let to = shared(access);
        Slip { within: "event-publisher = {", from: letters, to: &to, at, says: &says }.is_found();
    }
    // An API may read what a projection writes.
    let begin = begin_of(TOPOLOGY, "event-publisher = {");
    let (before, after) = TOPOLOGY.split_at(begin);
    let read = format!("{before}{}", after.replacen(letters, &shared("read"), 1));
    assert!(parse(&read).is_ok());
    for access in ["write", "read-write"] {
        let to = format!("access = \"{access}\"");
        let says = [
            "EVENT_STORE_TABLE.access lets order-processor change",
            "only read and append are allowed",
        ];
        slip("order-processor = {", "access = \"append\"", &to, &says).is_found();
    }
}

#[test]
fn a_rule_matches_envelope_attributes_and_never_the_content() {
    let pattern = "{ source = [\"shop.orders\"], detail-type = [\"OrderPlaced\"] }";
    for (to, says) in [
        (
            "{ detail = { data = { country = [\"France\"] } } }",
            "pattern.detail.data is content, which large events replace",
        ),
        ("{ detail = { dataref = [{ exists = true }] } }", "pattern.detail.dataref is content"),
        (
            "{ detail = { subjet = [\"order#1\"] } }",
            "detail.subjet is not an attribute of an envelope; expected one of specversion, id, \
             source, type, subject",
        ),
        (
            "{ resources = [\"*\"] }",
            "pattern.resources is not an attribute of an envelope; expected one of source, \
             detail-type, detail",
        ),
        ("{ source = \"shop.orders\" }", "pattern.source is not a list"),
        ("{ source = [\"a\"], detail = {} }", "pattern.detail is empty"),
        (
            "{ source = [{ starts = \"a\" }] }",
            "pattern.source.0 has an unknown operator starts; expected one of anything-but",
        ),
        ("{ source = [\"a\", {}] }", "pattern.source.1 needs exactly one operator"),
        ("{ source = [{ prefix = \"a\", suffix = \"b\" }] }", "needs exactly one operator"),
        ("{ detail-type = [[\"a\"]] }", "pattern.detail-type.0 is a list in a list"),
        ("{ \"$or\" = { source = [\"a\"] } }", "$or is not a list; use a list of at least two"),
        ("{ \"$or\" = [{ source = [\"a\"] }, {}] }", "$or.1 is empty"),
        ("{ source = [] }", "pattern.source is an empty list"),
        ("{ detail = [\"x\"] }", "pattern.detail is not an object"),
        (
            "{ \"$or\" = [{ source = [\"a\"] }, { detail = { data = [1] } }] }",
            "$or.1.detail.data is content",
        ),
        ("{ \"$or\" = [{ source = [\"a\"] }] }", "at least two"),
        ("{ \"$or\" = [1, { source = [\"a\"] }] }", "$or.0 is not a pattern"),
        ("{}", "pattern is empty"),
        ("[]", "is not a pattern"),
    ] {
        slip("rules = {", pattern, to, &["rules.order-placed-notification.pattern", says])
            .is_found();
    }
    let long = format!("{{ source = [\"{}\"] }}", "a".repeat(2_034));
    let says = ["pattern has 2049 characters; at most 2048 are allowed"];
    slip("rules = {", pattern, &long, &says).is_found();
    for good in [
        long.replacen('a', "", 1).as_str(),
        "{ source = [{ prefix = \"shop.\" }, { exists = false }], detail-type = [null, { anything-but = [\"A\"] }] }",
        "{ detail = { subject = [{ prefix = \"order#\" }], type = [\"OrderPlaced\"] } }",
        "{ detail-type = [\"A\"], \"$or\" = [{ source = [\"a\"] }, { detail = { sequence = [1] } }] }",
    ] {
        assert!(TOPOLOGY.contains(pattern));
        parse(&TOPOLOGY.replacen(pattern, good, 1))
            .unwrap_or_else(|mistakes| panic!("{good}: {mistakes:#?}"));
    }
}

#[test]
fn what_the_toolkit_writes_for_a_function_can_be_written() {
    let within = "order-processor = {";
    let uses = |variable: &'static str,
                from: &'static str,
                to: &'static str,
                says: &'static [&'static str]| {
        let begin = begin_of(TOPOLOGY, within);
        let line = &TOPOLOGY[begin + TOPOLOGY[begin..].find(variable).unwrap()..];
        let line = &line[..line.find('\n').unwrap()];
        Slip { within, from: line, to: &line.replacen(from, to, 1), at: None, says }.is_found();
    };
    let queue = "DEAD_LETTER_QUEUE_URL";
    uses(
        queue,
        "write",
        "read",
        &["DEAD_LETTER_QUEUE_URL.access is read; the toolkit needs write"],
    );
    uses(
        "DEAD_LETTER_BUCKET",
        "write",
        "read",
        &["DEAD_LETTER_BUCKET.access is read; the toolkit needs write"],
    );
    let records = "IDEMPOTENCY_TABLE     = { table = \"idempotency\", access = \"read-write\" }";
    let only = records.replace("read-write", "write");
    let says = ["IDEMPOTENCY_TABLE.access is write; the toolkit needs read-write"];
    slip("notification = {", records, &only, &says).is_found();
    let standard = "  dead-letters    = { ";
    let text = TOPOLOGY.replacen(standard, &format!("{standard}fifo = true, "), 1);
    let mistakes = parse(&text).expect_err("letters in a FIFO queue");
    let writers = TOPOLOGY.matches(queue).count();
    assert_eq!(mistakes.len(), writers, "{mistakes:#?}");
    assert!(mistakes[0].message.contains("is dead-letters, a FIFO queue"), "{mistakes:#?}");
}

#[test]
fn limits_of_sizes_are_kept() {
    let says = [
        "event_bytes_limit is 262145; the queues that Terraform's AWS provider 5 creates take 262144 bytes",
    ];
    slip("event_bytes_limit", "262144", "262145", &says).is_found();
}

#[test]
fn metrics_go_where_cloudwatch_takes_them() {
    for namespace in ["AWS/Shop", ":shop", "", " ", "größe", "shop?"] {
        let says = ["metrics_namespace is", "use 1 to 255 letters"];
        slip("metrics_namespace", "\"Tidegate\"", &format!("\"{namespace}\""), &says).is_found();
    }
}

/// A queue between events and function needs a visibility timeout, a redrive policy and a limit of
/// its concurrency.
#[test]
fn a_queue_that_a_function_reads_is_bounded_and_hides_long_enough() {
    let queues = "queues = {\n  work = {\n    retention_seconds = 345600\n    visibility_timeout_seconds = 181\n    redrive = { queue = \
                  \"work-letters\", maximum_receives = 5 }\n  }\n  work-letters = { retention_seconds = 1209600 }\n";
    let source = "maximum_concurrency = 6\n    sources = {\n      work = {\n        queue = \"work\"\n        batch_size = 10\n        \
                  report_batch_item_failures = true\n        maximum_concurrency = 4\n      }\n";
    let good = TOPOLOGY.replacen("queues = {\n", queues, 1);
    let begin = begin_of(&good, "order-processor = {");
    let (before, own) = good.split_at(begin);
    let own = own.replacen("maximum_concurrency = 4\n", "", 1).replacen("sources = {\n", source, 1);
    let good = format!("{before}{own}");
    parse(&good).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    for (from, to, at, says) in [
        (
            "visibility_timeout_seconds = 181",
            "visibility_timeout_seconds = 179",
            "visibility_timeout",
            "at least 180: six times the timeout of order-processor",
        ),
        (
            "        maximum_concurrency = 4\n",
            "",
            "work = {\n        queue",
            "has no maximum_concurrency",
        ),
        (
            "maximum_concurrency = 6",
            "maximum_concurrency = 5",
            "maximum_concurrency = 5",
            "may run 6 at a time",
        ),
        (
            "        report_batch_item_failures = true\n        maximum_concurrency",
            "        maximum_concurrency",
            "work = {\n        queue",
            "report_batch_item_failures is not set",
        ),
        (
            "work-letters = { retention_seconds = 1209600 }",
            "work-letters = { retention_seconds = 691199 }",
            "work-letters = {",
            "must be at least 691200: a message from work keeps its age",
        ),
        (
            "    redrive = { queue = \"work-letters\", maximum_receives = 5 }\n",
            "",
            "work = {\n    retention",
            "has no redrive",
        ),
    ] {
        assert_eq!(good.matches(from).count(), 1, "{from}");
        let text = good.replacen(from, to, 1);
        let mistakes = parse(&text).expect_err(says);
        let [Mistake { position, message, .. }] = mistakes.as_slice() else {
            panic!("{mistakes:#?}")
        };
        assert!(message.contains(says), "{message}");
        let found = text.find(at).unwrap_or_else(|| panic!("no {at}"));
        assert_eq!(position.line, text[..found].matches('\n').count() + 1, "{message}");
    }
}
