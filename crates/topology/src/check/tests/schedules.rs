//! Schedules and their groups: every mistake, with its line.

use super::{GOOD, Mistake, check_text, line_of, parse};
use crate::Severity;
use crate::Severity::{Error, Warning};

const SCHEDULES: &str = r#"
topics = { news = {}, steps = { fifo = true } }
schedules = {
  nightly = {
    expression = "cron(0 3 * * ? *)"
    time_zone  = "Europe/London"
    start      = "2026-01-01T00:00:00Z"
    end        = "2199-01-01T00:00:00Z"
    target     = { function = "mailer" }
    input      = { kind = "nightly", at = "<aws.scheduler.scheduled-time>" }
    dead_letter_queue = "failures" # of the night
    maximum_retry_attempts    = 11
    maximum_event_age_seconds = 3601
  }
  steps-tick = {
    expression        = "rate(5 minutes)"
    enabled           = false
    target            = { queue = "steps", message_group_id = "ticks" }
    dead_letter_queue = "failures"
  }
  bus-tick = {
    expression        = "rate(1 hour)"
    target            = { bus = "shop", source = "shop.clock", detail_type = "Tick" }
    input             = {}
    dead_letter_queue = "failures"
  }
  stream-tick = {
    expression        = "rate(1 days)"
    target            = { stream = "orders", partition_key = "tick" }
    dead_letter_queue = "failures"
  }
  topic-tick = {
    expression        = "at(2199-12-01T08:00:00)"
    target            = { topic = "news" }
    dead_letter_queue = "failures"
  }
}
schedule_groups = {
  deadlines = {
    targets = {
      orders    = { queue = "work" }
      reminders = { function = "mailer" }
    }
    dead_letter_queue = "failures"
  }
}
"#;

fn good() -> String {
    let uses = "      SENDER       =";
    let group = "      DEADLINES    = { schedule_group = \"deadlines\", access = \"write\" }\n";
    let text = GOOD.replacen(uses, &format!("{group}{uses}"), 1);
    format!("{text}{SCHEDULES}")
}

/// Asserts that a change gives one mistake of this severity, in the line of the changed text.
#[track_caller]
fn slip(from: &str, to: &str, severity: Severity, says: &str) {
    let good = good();
    assert_eq!(good.matches(from).count(), 1, "{from} must occur once");
    let text = good.replacen(from, to, 1);
    let mistakes = match check_text(&text) {
        Ok(checked) => checked.warnings,
        Err(mistakes) => mistakes,
    };
    let [Mistake { position, message, severity: found }] = mistakes.as_slice() else {
        panic!("one mistake expected: {mistakes:#?}")
    };
    let same = text.lines().zip(good.lines()).take_while(|(changed, good)| changed == good).count();
    let entry = good.lines().take(same + 1).collect::<Vec<_>>().join("\n");
    let line = position.line;
    assert!(message.contains(says), "{message}");
    assert_eq!(*found, severity, "{message}");
    // The line that changed, or for something that is missing the line of its entry above.
    assert!(
        line <= same + 1 && entry.lines().count() - line <= 9,
        "{line}, {}: {message}",
        same + 1
    );
}

#[test]
fn schedules_that_keep_every_rule_have_no_mistake() {
    let topology = parse(&good()).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    assert_eq!((topology.schedules.len(), topology.schedule_targets().count()), (5, 7));
    let nightly = &topology.schedules["nightly"];
    assert!(nightly.enabled && !topology.schedules["steps-tick"].enabled);
    let created = "2026-07-01T00:00:00Z".parse().unwrap();
    let next = nightly.timetable(created).unwrap().next(None).unwrap();
    assert_eq!(next.to_string(), "2026-07-01T02:00:00Z");
    assert!(topology.dead_letter_queues().contains("failures"));
    let group = &topology.schedule_groups["deadlines"];
    let variables: Vec<String> =
        group.variables("DEADLINES").into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        variables,
        [
            "DEADLINES_ROLE_ARN",
            "DEADLINES_TARGET_ORDERS",
            "DEADLINES_TARGET_REMINDERS",
            "DEADLINES_DEAD_LETTER_ARN"
        ]
    );
}

#[test]
fn times_that_cannot_be_are_mistakes() {
    let nightly = "\"cron(0 3 * * ? *)\"";
    slip(nightly, "\"cron(0 3 * * *)\"", Error, "cron(0 3 * * *): day-of-month");
    slip(nightly, "\"cron(0 0 31 2 ? *)\"", Error, "nightly.expression never fires");
    slip("\"rate(5 minutes)\"", "\"rate(5 seconds)\"", Error, "use minutes, hours or days");
    slip("\"Europe/London\"", "\"europe/london\"", Error, "use Europe/London");
    slip("\"Europe/London\"", "\"Mars/Olympus\"", Error, "nightly.time_zone is not valid");
    slip("\"2199-01-01T00:00:00Z\"", "\"2025-01-01T00:00:00Z\"", Error, "not later than the start");
    slip("\"2199-01-01T00:00:00Z\"", "\"2199\"", Error, "2199 is not a time");
    slip("\"2199-01-01T00:00:00Z\"", "\"2026-01-02T00:00:00Z\"", Warning, "never fires again");
    slip("at(2199-12-01T08:00:00)", "at(2022-12-01T08:00:00)", Warning, "would fire at once");
    slip(
        "    target            = { topic = \"news\" }\n",
        "    start = \"2026-01-01T00:00:00Z\"\n    target            = { topic = \"news\" }\n",
        Warning,
        "an at expression ignores it",
    );
}

#[test]
fn targets_that_aws_refuses_are_mistakes() {
    slip("{ topic = \"news\" }", "{}", Error, "needs exactly one of function, queue, bus");
    slip("{ topic = \"news\" }", "{ topic = \"news\", bus = \"shop\" }", Error, "exactly one");
    slip("{ topic = \"news\" }", "{ topic = \"olds\" }", Error, "declared topics: news");
    slip("{ topic = \"news\" }", "{ topic = \"steps\" }", Error, "is steps, a FIFO topic");
    slip(", message_group_id = \"ticks\" }", " }", Error, "a FIFO queue, which rejects");
    slip(", partition_key = \"tick\" }", " }", Error, "partition_key is not set");
    slip(", detail_type = \"Tick\" }", " }", Error, "detail_type is not set");
    slip("\"shop.clock\"", "\"aws.clock\"", Error, "reserved for AWS");
    slip(
        "{ topic = \"news\" }",
        "{ topic = \"news\", partition_key = \"k\" }",
        Error,
        "is for a stream",
    );
    slip("message_group_id = \"ticks\"", "message_group_id = \"\"", Error, "must have 1 to 128");
    slip("input             = {}", "input             = \"x\"", Error, "is not an object");
    slip("<aws.scheduler.scheduled-time>", "<aws.scheduler.time>", Warning, "does not replace");
    let large = format!("kind = \"{}\"", "x".repeat(262_144));
    slip("kind = \"nightly\"", &large, Error, "at most 262144 are allowed");
    slip("maximum_retry_attempts    = 11", "maximum_retry_attempts    = 186", Error, "0 to 185");
    slip(
        "maximum_event_age_seconds = 3601",
        "maximum_event_age_seconds = 59",
        Error,
        "60 to 86400",
    );
}

#[test]
fn what_would_be_lost_is_a_warning() {
    let letters = "    dead_letter_queue = \"failures\" # of the night\n";
    slip(letters, "", Warning, "schedules.nightly.dead_letter_queue is not set");
    let fifo = good().replacen(letters, &letters.replace("failures", "steps"), 1);
    let mistakes = check_text(&fifo).unwrap_err();
    let says = "schedules.nightly.dead_letter_queue is steps, a FIFO queue; use a standard queue";
    assert!(mistakes.iter().any(|mistake| mistake.message == says), "{mistakes:#?}");
}

#[test]
fn names_and_groups_are_checked() {
    slip("  nightly = {", "  \"night*\" = {", Error, "is not a valid name of a schedule");
    let text =
        good().replace("deadlines\"", "default\"").replacen("  deadlines = {", "  default = {", 1);
    let mistakes = check_text(&text).unwrap_err();
    assert!(mistakes.len() == 1 && mistakes[0].message.contains("is a name that is taken"));
    let group = "schedule_group = \"deadlines\", access = \"write\"";
    slip(
        group,
        &group.replace("\"write\"", "\"read\""),
        Error,
        "must be write for a schedule group",
    );
    slip(group, &group.replace("deadlines", "dead"), Error, "declared schedule groups: deadlines");
    slip(
        "SLICES = \"4\"",
        "DEADLINES_TARGET_ORDERS = \"4\"",
        Error,
        "needs the variable DEADLINES_TARGET_ORDERS",
    );
    let text =
        good().replacen("orders    = { queue = \"work\" }", "orders    = { queue = \"x\" }", 1);
    let mistakes = check_text(&text).unwrap_err();
    assert_eq!(mistakes.len(), 1);
    assert_eq!(mistakes[0].position.line, line_of(&text, "orders    = { queue = \"x\" }"));
}
