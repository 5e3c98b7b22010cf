//! Mistakes in functions.

use super::{parse, slip, slip_at, with};

#[test]
fn a_use_and_a_target_name_exactly_one_thing() {
    slip(
        "bus = \"shop\", access",
        "bus = \"shop\", table = \"plain\", access",
        "needs exactly one of table",
    );
    let text = "      function                  = \"mailer\"\n";
    slip_at(
        &format!("target = {{\n{text}"),
        "target = { # x\n",
        "# x",
        "needs exactly one of function, queue, stream, topic and bus",
    );
}

#[test]
fn environment_variables_are_well_formed_unreserved_and_declared_once() {
    slip("SLICES = \"4\"", "slices = \"4\"", "has lower-case letters");
    slip("SLICES = \"4\"", "S-LICES = \"4\"", "is not a valid name of an environment variable");
    slip("SLICES = \"4\"", "AWS_SLICES = \"4\"", "names that begin with AWS_ are not allowed");
    slip(
        "SLICES = \"4\"",
        "LAMBDA_SLICES = \"4\"",
        "names that begin with LAMBDA_ are not allowed",
    );
    slip(
        "SLICES = \"4\"",
        "RUST_LOG = \"debug\"",
        "names that begin with RUST_LOG are not allowed",
    );
    slip("SLICES = \"4\"", "OTEL_TRACES = \"4\"", "names that begin with OTEL_ are not allowed");
    slip("SLICES = \"4\"", "S = \"4\"", "two or more");
    slip(
        "LETTERS      = {",
        "TIDEGATE_LETTERS = {",
        "names that begin with TIDEGATE_ are not allowed",
    );
    slip("SLICES = \"4\"", "DEAD_URL = \"4\"", "is also declared in uses");
    slip(
        "SLICES = \"4\"",
        "SLICES = \"4\"\n      SLICES = \"5\"",
        "the same name is declared twice",
    );
}

#[test]
fn buses_and_sender_addresses_are_written_only_and_addresses_well_formed() {
    slip(
        "email = \"shop@example.com\", access = \"write\"",
        "email = \"shop@example.com\", access = \"read\"",
        "must be write for a bus, a topic or a sender address",
    );
    slip(
        "bus = \"shop\", access = \"write\"",
        "bus = \"shop\", access = \"read-write\"",
        "must be write for a bus, a topic or a sender address",
    );
    slip("shop@example.com", "shop.example.com", "an address such as");
}

#[test]
fn a_functions_own_letters_do_not_come_back_to_it() {
    let queue = "DEAD_URL     = { queue = \"failures\"";
    let redrive = "    redrive                    = { queue = \"work-dead\"";
    slip_at(
        queue,
        &queue.replace("DEAD_URL    ", "DEAD_LETTER_QUEUE_URL").replace("failures", "work"),
        redrive.trim(),
        "queues.work.redrive is set on a dead-letter queue",
    );
}

#[test]
fn a_reservation_is_nothing_or_what_the_sources_need_up_to_the_maximum() {
    let with =
        |reserved: u32| format!("maximum_concurrency = 12\n    reserved_concurrency = {reserved}");
    let says = "must be 0, which switches the function off, or 10 to 12";
    slip_at("maximum_concurrency = 10", &with(9), "reserved_concurrency", says);
    slip_at("maximum_concurrency = 10", &with(13), "reserved_concurrency", says);
    for (reserved, limit) in [(0, 0), (10, 10), (12, 12)] {
        let topology = parse(&super::with("maximum_concurrency = 10", &with(reserved))).unwrap();
        assert_eq!(topology.functions["processor"].concurrency(), limit);
    }
}

#[test]
fn asynchronous_invocations_give_up_to_anything_but_the_function_itself() {
    let queue = "on_failure                = { queue = \"failures\" }";
    let to = |destination: &str| format!("on_failure = {{ {destination} }}");
    for good in ["bucket = \"letters\"", "bus = \"shop\"", "function = \"processor\""] {
        parse(&with(queue, &to(good))).expect("no mistake");
    }
    slip(queue, &to("function = \"mailer\""), "on_failure.function is mailer, the function itself");
    slip(
        queue,
        &to("function = \"nobody\""),
        "on_failure.function is nobody, which is not declared",
    );
    slip(queue, &to("bus = \"nobody\""), "on_failure.bus is nobody, which is not declared");
    let success = |destination: &str| format!("on_success = {{ {destination} }}\n      {queue}");
    slip(
        queue,
        &success(""),
        "on_success needs exactly one of queue, topic, bucket, function and bus",
    );
    slip(
        queue,
        &success("queue = \"nobody\""),
        "on_success.queue is nobody, which is not declared",
    );
    slip(queue, &success("queue = \"steps\""), "on_success.queue is steps, a FIFO queue");
    slip(
        queue,
        &success("function = \"mailer\""),
        "on_success.function is mailer, the function itself",
    );
    slip(queue, &success("bucket = \"letters\""), "on_success.bucket is for failures; use a queue");
    slip_at(
        &format!("      {queue}\n"),
        "",
        "    asynchronous = {",
        "functions.mailer.asynchronous has no on_failure; discarded events would be lost",
    );
}
