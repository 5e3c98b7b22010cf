//! Severities: AWS's rules are errors, and this project's own rules are warnings.

use super::super::super::{Severity, check_text};
use super::with;

/// Returns the mistakes of a text as severity and message.
fn mistakes(text: &str) -> Vec<(Severity, String)> {
    let found = match check_text(text) {
        Ok(checked) => checked.warnings,
        Err(mistakes) => mistakes,
    };
    found.into_iter().map(|mistake| (mistake.severity, mistake.message)).collect()
}

/// Returns the severity of the only mistake after a change.
#[track_caller]
fn severity(from: &str, to: &str) -> Severity {
    let found = mistakes(&with(from, to));
    let [(severity, _)] = found.as_slice() else { panic!("one mistake expected: {found:#?}") };
    *severity
}

#[test]
fn what_aws_refuses_is_an_error() {
    for (from, to) in [
        ("  shop = {", "  \"shop*\" = {}\n  shop = {"),
        ("  letters = {", "  Letters = { expiration_days = 1 }\n  letters = {"),
        ("timeout_seconds     = 10", "timeout_seconds     = 901"),
        ("batch_size          = 9", "batch_size          = 11"),
        ("batch_size          = 8", "batch_size          = 11"),
        ("        starting_position          = \"LATEST\"\n", ""),
        ("maximum_retry_attempts     = 1000", "maximum_retry_attempts     = 10001"),
        ("queue = \"work-dead\", max", "queue = \"steps-dead\", max"),
        ("\"work-dead\", maximum_receives = 5", "\"work-dead\", maximum_receives = 0"),
        ("    stream_view   = \"NEW_IMAGE\"\n", ""),
        ("SLICES = \"4\"", "AWS_REGION = \"4\""),
        ("SLICES = \"4\"", "LAMBDA_TASK_ROOT = \"4\""),
        ("{ source = [\"shop.stock\"] }", "{}"),
        (
            "visibility_timeout_seconds = 180\n    redrive                    = { queue = \"work-dead\"",
            "visibility_timeout_seconds = 29\n    redrive                    = { queue = \"work-dead\"",
        ),
    ] {
        assert_eq!(severity(from, to), Severity::Error, "{to}");
    }
}

#[test]
fn what_only_this_project_asks_for_is_a_warning() {
    for (from, to) in [
        ("  failures   = {", "  Letters_ = {}\n  failures   = {"),
        ("  letters = { expiration_days = 14 }", "  letters = {}"),
        (
            "        bisect_on_error            = true\n        report_batch_item_failures = true\n        maximum_retry_attempts     = 999\n",
            "        report_batch_item_failures = true\n        maximum_retry_attempts     = 999\n",
        ),
        ("maximum_retry_attempts     = 1000", "maximum_retry_attempts     = -1"),
        ("        maximum_record_age_seconds = 43200\n", ""),
        ("        dead_letter_after_seconds  = 10800\n", ""),
        ("        on_failure = { queue = \"failures\" }\n", ""),
        ("      on_failure                = { queue = \"failures\" }\n", ""),
        ("parallelization_factor     = 1", "parallelization_factor     = 3"),
        ("batch_size          = 9\n        maximum_concurrency = 2\n", "batch_size          = 9\n"),
        ("\"work-dead\", maximum_receives = 5", "\"work-dead\", maximum_receives = 1"),
        ("    redrive                    = { queue = \"work-dead\", maximum_receives = 5 }\n", ""),
        ("maximum_concurrency = 10", "maximum_concurrency = 1"),
        (
            "      dead_letter_queue         = \"failures\"\n      maximum_retry_attempts    = 185\n",
            "",
        ),
        ("{ source = [\"shop.stock\"] }", "{ source = [\"x\"], detail = { status = [\"paid\"] } }"),
        ("SLICES = \"4\"", "slices = \"4\""),
        ("SLICES = \"4\"", "AWS_LAMBDA_EXEC_WRAPPER = \"4\""),
        ("SLICES = \"4\"", "RUST_LOG = \"debug\""),
        (
            "visibility_timeout_seconds = 180\n    redrive                    = { queue = \"work-dead\"",
            "visibility_timeout_seconds = 30\n    redrive                    = { queue = \"work-dead\"",
        ),
    ] {
        assert_eq!(severity(from, to), Severity::Warning, "{to}");
    }
}

#[test]
fn a_warning_stands_beside_an_error_in_the_order_of_the_file() {
    let text = with("shards = 1, ", "shards = 0, ").replacen("SLICES", "slices", 1);
    let found = mistakes(&text);
    assert_eq!(
        found.iter().map(|(severity, _)| *severity).collect::<Vec<_>>(),
        [Severity::Error, Severity::Warning],
        "{found:#?}"
    );
    let shown: Vec<String> =
        check_text(&text).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(shown[0], "3:14: streams.orders.shards is 0; must be 1 to 10000");
    assert!(shown[1].contains(": warning: functions.processor.environment.slices"), "{shown:?}");
}

/// Declares a rule and a filter with these patterns.
///
/// Each case was once judged differently from AWS.
fn with_patterns(rule: &str, filter: &str) -> String {
    format!(
        "queues = {{ jobs = {{}} }}\nbuses  = {{ shop = {{}} }}\nrules  = {{ all = {{ bus = \"shop\", target = {{ function = \"worker\" }},\n  \
         pattern = {{ detail = {{ stack-id = [{rule}] }} }} }} }}\nfunctions = {{ worker = {{ sources = {{\n  \
         jobs = {{ queue = \"jobs\", filter_criteria = [{{ pattern = {filter:?} }}] }} }} }} }}\n"
    )
}

fn errors(text: &str) -> Vec<String> {
    let mistakes = check_text(text).err().unwrap_or_default();
    mistakes
        .iter()
        .filter(|mistake| mistake.severity == Severity::Error)
        .map(ToString::to_string)
        .collect()
}

// vals-ai/Valkyrie#278: EventBridge refuses the fourth stack.
#[test]
fn a_rule_with_too_complex_wildcards_is_refused_at_its_place() {
    let stack = |name: &str| format!("{{ wildcard = \"*:stack/{name}/*\" }}");
    let stacks =
        |names: &[&str]| names.iter().map(|name| stack(name)).collect::<Vec<_>>().join(", ");
    let filter = r#"{"body": {"a": [1]}}"#;
    assert_eq!(errors(&with_patterns(&stacks(&["one", "two", "three"]), filter)), [""; 0]);
    let refused = errors(&with_patterns(&stacks(&["one", "two", "three", "four"]), filter));
    let says = "4:26: rules.all.pattern.detail.stack-id has wildcards that are too complex for EventBridge";
    assert!(refused.len() == 1 && refused[0].starts_with(says), "{refused:#?}");
    assert!(refused[0].contains("write prefix or suffix"), "{refused:#?}");
}

// aws/event-ruler#42, solved by aws/event-ruler#188.
#[test]
fn a_filter_compares_numbers_above_five_billion() {
    let filter = r#"{"body": {"createdAt": [{"numeric": [">", 1700000000000, "<=", 1e300]}]}}"#;
    assert_eq!(errors(&with_patterns("{ numeric = [\">\", 1700000000000] }", filter)), [""; 0]);
}

/// Every field with a default in AWS may be left out.
#[test]
fn what_is_left_out_is_what_aws_takes() {
    let text = r#"
streams = { orders = {} }
queues  = { jobs = {} }
buckets = { files = {} }
buses   = { shop = {} }
rules   = { all = { bus = "shop", pattern = { source = ["shop"] }, target = { function = "worker" } } }
functions = {
  worker = {
    sources = {
      jobs   = { queue = "jobs" }
      orders = { stream = "orders", starting_position = "LATEST" }
    }
  }
}
"#;
    let checked = check_text(text).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    let topology = &checked.topology;
    assert_eq!(topology.event_bytes_limit, 262_144);
    let stream = &topology.streams["orders"];
    assert_eq!((stream.shards, stream.retention_hours), (1, 24));
    let queue = &topology.queues["jobs"];
    assert_eq!((queue.retention_seconds, queue.visibility_timeout_seconds), (345_600, 30));
    assert_eq!(topology.buckets["files"].expiration_days, 0);
    let target = topology.rules["all"].target.as_ref().unwrap();
    assert_eq!((target.maximum_retry_attempts, target.maximum_event_age_seconds), (185, 86_400));
    let worker = &topology.functions["worker"];
    assert_eq!(
        (worker.memory_mb, worker.timeout_seconds, worker.maximum_concurrency),
        (128, 3, 10)
    );
    assert_eq!((worker.sources["jobs"].batch_size, worker.sources["orders"].batch_size), (10, 100));
    // Zero is also the field's internal value before the default, so an explicit zero must be
    // refused.
    let zero = text.replacen("queue = \"jobs\"", "queue = \"jobs\", batch_size = 0", 1);
    let refused = check_text(&zero).unwrap_err();
    assert!(
        refused
            .iter()
            .any(|mistake| mistake.message.contains("batch_size is 0; must be 1 to 10000"))
    );
    assert!(checked.warnings.iter().all(|warning| warning.severity == Severity::Warning));
}

#[test]
fn a_command_has_a_program_and_a_directory_a_command() {
    let command = |command: &str| {
        with("memory_mb           = 512", &format!("memory_mb = 512\n    {command}"))
    };
    for (text, says) in [
        (
            "command = []",
            "functions.mailer.command names no program; use a program and its arguments",
        ),
        ("command = [\"\"]", "functions.mailer.command names no program"),
        ("directory = \"code\"", "functions.mailer.directory is set without a command"),
    ] {
        let found = mistakes(&command(text));
        let [(severity, message)] = found.as_slice() else {
            panic!("one mistake expected: {found:#?}")
        };
        assert_eq!(*severity, Severity::Error);
        assert!(message.contains(says), "{message}");
    }
    assert_eq!(mistakes(&command("command = \"python3 app.py\"")).len(), 1);
    assert_eq!(
        mistakes(&command("command = [\"python3\", \"app.py\"]\n directory = \"code\"")),
        []
    );
}

#[test]
fn an_empty_file_is_an_error_and_one_without_a_function_a_warning() {
    for empty in ["", "# nothing\n\n"] {
        let found = mistakes(empty);
        let [(Severity::Error, message)] = found.as_slice() else { panic!("{found:#?}") };
        assert!(message.starts_with("nothing is declared; a function is needed"), "{message}");
    }
    let found = mistakes("queues = {\n  jobs = {}\n}\n");
    let [(Severity::Warning, message)] = found.as_slice() else { panic!("{found:#?}") };
    assert!(message.starts_with("functions is empty, so nothing is delivered"), "{message}");
}
