//! Mistakes in event source mappings.

use super::{parse, slip, slip_at, with};

#[test]
fn a_source_reads_exactly_one_thing() {
    let text = "stream                     = \"orders\"";
    let both = format!("{text}\n        table = \"events\"");
    slip_at(text, &both, "orders-in = {", "needs exactly one of stream, table and queue");
    slip_at(text, "", "orders-in = {", "needs exactly one of stream, table and queue");
}

#[test]
fn a_table_source_needs_a_stream_view() {
    slip_at(
        "    stream_view   = \"NEW_IMAGE\"\n",
        "",
        "table                      = \"events\"",
        "must declare stream_view",
    );
}

#[test]
fn a_stream_mapping_is_bounded_by_retries_and_by_age() {
    slip(
        "maximum_retry_attempts     = 1000",
        "maximum_retry_attempts     = -1",
        "is -1, without limit",
    );
    slip_at(
        "        maximum_retry_attempts     = 1000\n",
        "",
        "orders-in = {",
        "maximum_retry_attempts is not set",
    );
    slip(
        "maximum_record_age_seconds = 43200",
        "maximum_record_age_seconds = -1",
        "is -1, without limit",
    );
    slip_at(
        "        maximum_record_age_seconds = 43200\n",
        "",
        "events-in = {",
        "maximum_record_age_seconds is not set",
    );
    slip(
        "maximum_record_age_seconds = 43200",
        "maximum_record_age_seconds = 86400",
        "or the records expire first",
    );
}

#[test]
fn a_stream_mapping_has_an_on_failure_destination_and_a_start() {
    slip_at(
        "        on_failure = { queue = \"failures\" }\n",
        "",
        "events-in = {",
        "has no on_failure",
    );
    slip_at(
        "        starting_position          = \"LATEST\"\n",
        "",
        "events-in = {",
        "has no starting_position",
    );
}

#[test]
fn a_tables_stream_has_at_most_two_readers() {
    let reader = "table = \"events\"\nstarting_position = \"LATEST\"\nbatch_size = 1\nmaximum_retry_attempts = 1\n\
                  maximum_record_age_seconds = 60\ndead_letter_after_seconds = 30\n\
                  bisect_on_error = true\nreport_batch_item_failures = true\non_failure = { queue = \"failures\" }";
    let function = |name: &str, reader: &str| {
        format!(
            "{name} = {{\nmemory_mb = 128\ntimeout_seconds = 1\nmaximum_concurrency = 4\nsources = {{ more = {{\n{reader}\n}} }}\n}}\n"
        )
    };
    let third = reader.replace("table = \"events\"", "table = \"events\" # third");
    let text = format!(
        "functions = {{\n{}{}",
        function("another", reader),
        function("reader-three", &third)
    );
    slip_at(
        "functions = {\n",
        &text,
        "# third",
        "is reader 3 of the stream of events; AWS allows 2",
    );
}

#[test]
fn one_function_reads_a_source_once() {
    slip_at(
        "queue               = \"steps\"",
        "queue               = \"work\"",
        "work-in = {",
        "reads the same as steps-in",
    );
}

#[test]
fn a_tables_stream_is_read_with_parallelization_factor_one() {
    slip(
        "parallelization_factor     = 1",
        "parallelization_factor     = 3",
        "is 3; must be 1 on a table's stream",
    );
}

#[test]
fn a_function_dead_letters_before_the_mapping_gives_up() {
    slip(
        "dead_letter_after_seconds  = 10800",
        "dead_letter_after_seconds  = 10801",
        "must be 1 to 10800, half of maximum_record_age_seconds",
    );
}

#[test]
fn batches_of_a_queue_keep_its_limits() {
    slip(
        "batch_size          = 9",
        "batch_size          = 11",
        "needs batching_window_seconds of at least 1",
    );
    slip("batch_size          = 8", "batch_size          = 11", "must be 1 to 10 on a FIFO queue");
}

#[test]
fn settings_of_the_other_kind_of_source_are_mistakes() {
    slip(
        "batch_size          = 9",
        "batch_size          = 9\n        bisect_on_error = true",
        "is for streams",
    );
    slip(
        "batch_size                 = 50",
        "maximum_concurrency = 0\n        batch_size = 50",
        "is for queues",
    );
}

#[test]
fn sources_together_fit_into_the_functions_concurrency() {
    slip("maximum_concurrency = 10", "maximum_concurrency = 9", "so at least 10 is required");
}

#[test]
fn a_function_dead_letters_before_its_queue_moves_the_message() {
    let size = "batch_size          = 9";
    let after = |seconds: u32| format!("{size}\n        dead_letter_after_seconds = {seconds}");
    super::parse(&super::with(size, &after(720))).unwrap();
    slip_at(
        size,
        &after(721),
        "dead_letter_after_seconds = 721",
        "is 721; must be 1 to 720: work hides",
    );
}

#[test]
fn a_filter_is_a_pattern_of_what_its_source_can_be_filtered_by() {
    let size = "batch_size          = 9";
    let text = |pattern: &str| format!("{{ pattern = {pattern:?} }}");
    let queue = |filters: &str, says: &str| {
        slip_at(size, &format!("{size}\n filter_criteria = [{filters}]"), "filter_criteria", says);
    };
    queue(&text("{}"), "sources.work-in.filter_criteria.0.pattern is empty");
    queue(
        &text("{"),
        "filter_criteria.0.pattern is not JSON: the text ends: expected the name of a field at line 1",
    );
    queue(&text(r#"{"body": []}"#), "filter_criteria.0.pattern.body is an empty list");
    queue(&text(r#"{"data": {"a": [1]}}"#), "pattern.data cannot be filtered by; expected body");
    let body = text(r#"{"body": ["x"]}"#);
    queue(&format!("{body}, {}", text("[]")), "filter_criteria.1.pattern is not a pattern");
    let long = |length: usize| text(&format!(r#"{{"body": ["{}"]}}"#, "x".repeat(length - 14)));
    queue(&long(4_097), "pattern has 4097 characters; at most 4096 are allowed");
    queue(&[body.as_str(); 6].join(", "), "filter_criteria has 6 filters; at most 5 are allowed");
    let filter = format!("filter_criteria = [{body}]");
    let position = "starting_position          = \"LATEST\"";
    slip_at(
        position,
        &format!("{position}\n{filter}"),
        "filter_criteria",
        "expected dynamodb, eventName",
    );
    let position = "starting_position          = \"TRIM_HORIZON\"";
    slip_at(
        position,
        &format!("{position}\n{filter}"),
        "filter_criteria",
        "pattern.body cannot be filtered by",
    );
    for good in [long(4_096), [body.as_str(); 5].join(", "), String::new()] {
        parse(&with(size, &format!("{size}\n filter_criteria = [{good}]"))).expect("no mistake");
    }
    let topology = parse(&with(size, &format!("{size}\n {filter}"))).expect("no mistake");
    let filters = &topology.functions["processor"].sources["work-in"].filter_criteria;
    assert_eq!(filters[0].pattern, r#"{"body": ["x"]}"#);
}

#[test]
fn a_kinesis_mapping_may_start_at_a_past_moment_and_a_tables_may_not() {
    let (latest, horizon) = (
        "starting_position          = \"LATEST\"",
        "starting_position          = \"TRIM_HORIZON\"",
    );
    let at = |moment: &str| {
        format!(
            "starting_position = \"AT_TIMESTAMP\"\n        starting_position_timestamp = \"{moment}\""
        )
    };
    let topology = parse(&with(horizon, &at("2026-01-31T12:00:00Z"))).expect("no mistake");
    let source = &topology.functions["processor"].sources["orders-in"];
    assert_eq!(source.starting_position_timestamp, "2026-01-31T12:00:00Z".parse().ok());
    slip(latest, &at("2026-01-31T12:00:00Z"), "is AT_TIMESTAMP, which is for Kinesis");
    slip(horizon, "starting_position = \"AT_TIMESTAMP\"", "needs starting_position_timestamp too");
    slip_at(
        horizon,
        &at("2999-01-31T12:00:00Z"),
        "starting_position_timestamp",
        "is in the future",
    );
    slip_at(horizon, &at("yesterday"), "starting_position_timestamp", "yesterday is not a time");
    let both = format!("{horizon}\n        starting_position_timestamp = \"2026-01-31T12:00:00Z\"");
    slip_at(
        horizon,
        &both,
        "starting_position_timestamp",
        "is for a starting_position of AT_TIMESTAMP",
    );
    let size = "batch_size          = 9";
    let queue = format!("{size}\n        starting_position_timestamp = \"2026-01-31T12:00:00Z\"");
    slip_at(size, &queue, "starting_position_timestamp", "is for streams");
}

#[test]
fn a_tumbling_window_has_up_to_fifteen_minutes_and_one_batch_per_shard() {
    let horizon = "starting_position          = \"TRIM_HORIZON\"";
    let (latest, queue) = ("starting_position          = \"LATEST\"", "batch_size          = 9");
    let window = |beside: &str, seconds: u32| {
        format!("{beside}\n        tumbling_window_seconds = {seconds}")
    };
    slip_at(latest, &window(latest, 901), "tumbling_window_seconds", "is 901; must be 0 to 900");
    slip_at(
        horizon,
        &window(horizon, 900),
        "parallelization_factor     = 2",
        "is 2; must be 1 with tumbling_window_seconds",
    );
    slip_at(queue, &window(queue, 1), "tumbling_window_seconds", "is for streams");
    for seconds in [0, 900] {
        let topology = parse(&with(latest, &window(latest, seconds))).expect("no mistake");
        assert_eq!(
            topology.functions["processor"].sources["events-in"].tumbling_window_seconds,
            seconds
        );
    }
}

#[test]
fn a_stream_gives_up_to_one_of_queue_topic_and_bucket() {
    let queue = "on_failure                 = { queue = \"failures\" }";
    let to = |destination: &str| format!("on_failure = {{ {destination} }}");
    slip(queue, &to(""), "on_failure needs exactly one of queue, topic, bucket, function and bus");
    slip(
        queue,
        &to("queue = \"failures\", bucket = \"letters\""),
        "needs exactly one of queue, topic",
    );
    slip(
        queue,
        &to("topic = \"nobody\""),
        "on_failure.topic is nobody, which is not declared; declared topics: none",
    );
    slip(queue, &to("bucket = \"nothing\""), "on_failure.bucket is nothing, which is not declared");
    slip(
        queue,
        &to("function = \"mailer\""),
        "on_failure.function is for asynchronous invocations",
    );
    slip(queue, &to("bus = \"shop\""), "on_failure.bus is for asynchronous invocations");
    slip(queue, &to("queue = \"steps-dead\""), "a FIFO queue; use a standard queue");
    parse(&with(queue, &to("bucket = \"letters\""))).expect("no mistake");
    let topics = with(queue, &to("topic = \"alerts\"")) + "topics = { alerts = {} }\n";
    parse(&topics).expect("no mistake");
}
