//! Mistakes in the profile `aws`: violations of AWS's rules, and loss of events.

use super::super::super::{Profile, Severity, Statements, check_text, parse as declared};
use super::{GOOD, with};

/// Returns the warnings of a topology that AWS accepts.
#[track_caller]
fn warnings(text: &str) -> Vec<String> {
    let checked = check_text(text).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    checked.warnings.into_iter().map(|warning| warning.message).collect()
}

/// Returns the only error of a topology.
#[track_caller]
fn error(text: &str) -> String {
    let mistakes = check_text(text).expect_err("an error");
    let errors = mistakes.into_iter().filter(|mistake| mistake.severity == Severity::Error);
    let errors: Vec<String> = errors.map(|mistake| mistake.message).collect();
    let [error] = errors.as_slice() else { panic!("one error expected: {errors:#?}") };
    error.clone()
}

#[test]
fn partial_responses_that_are_not_enabled_are_said_to_delete_what_they_report() {
    let queue = "queues = { jobs = { redrive = { queue = \"dead\", maximum_receives = 5 } }, dead = { retention_seconds = 1209600 } }\n\
                 functions = { worker = { sources = { jobs = { queue = \"jobs\" } } } }";
    let said = warnings(queue);
    let [said] = said.as_slice() else { panic!("{said:#?}") };
    assert!(
        said.contains("otherwise Lambda ignores them, and deletes the messages that it reports"),
        "{said}"
    );

    let stream = "streams = { orders = {} }\nqueues = { dead = {} }\nfunctions = { worker = { sources = { orders = {\n\
                  stream = \"orders\", starting_position = \"LATEST\", maximum_retry_attempts = 2, on_failure = { queue = \"dead\" }\n} } } }";
    let said = warnings(stream);
    let [said] = said.as_slice() else { panic!("{said:#?}") };
    assert!(said.contains("skips the records that it reports"), "{said}");
}

#[test]
fn what_aws_takes_and_this_project_does_not_is_no_matter_for_others() {
    let text = r#"
streams = { "Orders.v2" = { shards = 5 } }
tables  = { "Orders.Table" = { partition_key = { name = "k", type = "S" } } }
queues  = {
  Jobs = { redrive = { queue = "Dead", maximum_receives = 5 } }
  Dead = { retention_seconds = 1209600 }
  Once = { redrive = { queue = "Only", maximum_receives = 1 } }
  Only = { fifo = false, retention_seconds = 1209600 }
  steps = { fifo = true }
}
buckets = { "my.letters" = {} }
buses   = { "shop/orders.v1" = {} }
rules   = {
  "orders.placed" = {
    bus     = "shop/orders.v1"
    pattern = { account = ["1"], detail = { status = ["paid"], data = { n = [1] } } }
    target  = { queue = "steps", message_group_id = "orders", dead_letter_queue = "Dead" }
  }
  of-aws = {
    bus     = "default"
    pattern = { source = ["aws.s3"] }
    target  = { queue = "Jobs", message_group_id = "fair", dead_letter_queue = "Dead" }
  }
}
functions = {
  Worker_1 = {
    reserved_concurrency = 4
    uses                 = { events = { bus = "default", access = "write" }, Table = { table = "Orders.Table", access = "read-write" } }
    environment          = { lower = "x", TIDEGATE_X = "y" }
    sources = {
      orders = {
        stream = "Orders.v2", starting_position = "LATEST", report_batch_item_failures = true, maximum_retry_attempts = 3
        on_failure = { bucket = "my.letters" }
      }
      jobs = { queue = "Jobs", report_batch_item_failures = true, maximum_concurrency = 4 }
    }
  }
  other = { uses = { TABLE = { table = "Orders.Table", access = "write" } } }
}
"#;
    assert_eq!(warnings(text), [""; 0]);
    let house = format!("profile = \"tidegate\"\n{text}");
    let said = warnings(&house);
    for rule in [
        "streams.Orders.v2 is not a well-formed name",
        "functions.Worker_1.reserved_concurrency is 4; must be",
        "functions.Worker_1.environment.lower has lower-case letters",
        "rules.orders.placed.pattern.account is not an attribute of an envelope",
        "functions.other.uses.TABLE.table is Orders.Table, which Worker_1 changes too",
        "buckets.my.letters.expiration_days is not set",
    ] {
        assert!(said.iter().any(|said| said.starts_with(rule)), "{rule}: {said:#?}");
    }
    let names = declared(text).unwrap();
    assert_eq!(names.bus_names().into_iter().collect::<Vec<_>>(), ["default", "shop/orders.v1"]);
}

#[test]
fn what_loses_events_is_a_warning_for_everybody() {
    let text = r#"
streams = { orders = {} }
queues  = {
  jobs = { retention_seconds = 1209600, visibility_timeout_seconds = 3, redrive = { queue = "dead", maximum_receives = 2 } }
  dead = {}
}
buses = { shop = {} }
rules = { all = { bus = "shop", pattern = { source = ["shop"] }, target = { function = "worker" } } }
functions = {
  worker = {
    reserved_concurrency = 3
    sources = {
      orders = { stream = "orders", starting_position = "LATEST", report_batch_item_failures = true }
      jobs   = { queue = "jobs", report_batch_item_failures = true }
    }
  }
}
"#;
    let said = warnings(text);
    let expected = [
        "queues.jobs.visibility_timeout_seconds is 3; AWS recommends at least 18",
        "queues.jobs.redrive.maximum_receives is 2; AWS recommends at least 5",
        "queues.dead.retention_seconds is 345600; must be more than the 1209600 of jobs",
        "rules.all.target.function is worker, which declares no asynchronous",
        "rules.all.target.dead_letter_queue is not set; events that EventBridge cannot deliver \
         would be lost",
        "functions.worker.sources.orders has neither maximum_retry_attempts nor maximum_record_age_seconds",
        "functions.worker.sources.jobs has no maximum_concurrency; without it Lambda receives for more batches than the 3 that are reserved",
    ];
    for expected in expected {
        assert!(said.iter().any(|said| said.starts_with(expected)), "{expected}: {said:#?}");
    }
    assert_eq!(said.len(), expected.len(), "{said:#?}");

    let two = text.replacen(
        "report_batch_item_failures = true }\n    }",
        "report_batch_item_failures = true, maximum_concurrency = 4 }\n    }",
        1,
    );
    let says = "functions.worker.reserved_concurrency is 3; its queues together may run 4 batches at a time";
    assert!(warnings(&two).iter().any(|said| said.starts_with(says)), "{:#?}", warnings(&two));
    let bounded = text.replacen("\"LATEST\"", "\"LATEST\", maximum_retry_attempts = 2", 1);
    let says =
        "functions.worker.sources.orders has no on_failure: discarded records are lost silently";
    assert!(
        warnings(&bounded).iter().any(|said| said.starts_with(says)),
        "{:#?}",
        warnings(&bounded)
    );
}

#[test]
fn a_fifo_queue_is_a_target_with_a_message_group() {
    let queue = "queue                     = \"work\"\n";
    let target = |more: &str| with(queue, &format!("{queue}      {more}\n"));
    let group = declared(&target("message_group_id = \"orders\"")).unwrap();
    assert_eq!(
        group.rules["to-queue"].target.as_ref().unwrap().message_group_id.as_deref(),
        Some("orders")
    );
    let fifo = |more: &str| with(queue, &format!("queue = \"steps\"\n      {more}\n"));
    declared(&fifo("message_group_id = \"orders\"")).expect("AWS takes it");
    assert!(error(&fifo("")).contains("add message_group_id"));
    for bad in ["", "a b", &"g".repeat(101)] {
        let said = error(&fifo(&format!("message_group_id = \"{bad}\"")));
        assert!(
            said.contains("message_group_id is not a valid message group; use 1 to 100"),
            "{said}"
        );
    }
    let function = "function                  = \"mailer\"\n";
    let text = with(function, &format!("{function}      message_group_id = \"g\"\n"));
    assert!(error(&text).contains("message_group_id is for a queue"));
}

#[test]
fn the_profile_is_what_is_declared_or_follows_from_what_the_toolkit_reads() {
    let profile = |text: &str| declared(text).unwrap().profile();
    let plain = "queues = { jobs = {} }\nfunctions = { f = {} }";
    assert_eq!(profile(plain), Profile::Aws);
    assert_eq!(profile(&format!("{plain}\nmetrics_namespace = \"Shop\"")), Profile::Tidegate);
    let single = declared(&format!("{plain}\nstatements = \"single\"")).unwrap();
    assert_eq!(
        (single.statements, single.profile()),
        (Some(Statements::Single), Profile::Tidegate)
    );
    assert!(error(&format!("{plain}\nstatements = \"two\"")).contains("`two`"));
    assert_eq!(profile(GOOD), Profile::Tidegate, "it has dead_letter_after_seconds");
    assert_eq!(profile(&format!("profile = \"tidegate\"\n{plain}")), Profile::Tidegate);
    assert_eq!(profile(&format!("profile = \"aws\"\n{GOOD}")), Profile::Aws);
    assert!(error(&format!("profile = \"mine\"\n{plain}")).contains("`mine`"));
}
