//! Letters that name what is declared, and letters that do not.

use super::*;

const TOPOLOGY: &str = r#"
streams = { orders = {}, other = {} }
tables  = { events = { partition_key = { name = "k", type = "S" }, stream_view = "NEW_IMAGE" } }
queues  = { dead = {} }
buckets = { letters = {}, given-up = {} }
buses   = { shop = {} }
rules   = {
  placed = { bus = "shop", pattern = { source = ["s"] }, target = { function = "mail", dead_letter_queue = "dead" } }
  plain  = { bus = "default", pattern = { source = ["s"] }, target = { function = "mail" } }
}
schedules = {
  nightly = { expression = "rate(1 days)", target = { function = "mail" }, dead_letter_queue = "dead" }
}
schedule_groups = {
  deadlines = { targets = { mail = { function = "mail" } }, dead_letter_queue = "dead" }
}
functions = {
  processor = {
    uses = { DEAD_LETTER_QUEUE_URL = { queue = "dead", access = "write" }, DEAD_LETTER_BUCKET = { bucket = "letters", access = "write" } }
    sources = {
      orders = { stream = "orders", starting_position = "LATEST" }
      events = { table = "events", starting_position = "LATEST" }
    }
  }
  mail = { asynchronous = { on_failure = { bucket = "given-up" } } }
}
"#;

fn topology() -> Topology {
    topology::parse(TOPOLOGY).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// Runs a check in account 111111111111, where names begin with `dev-`.
fn with<T>(check: impl FnOnce(&Declared<'_>) -> T) -> T {
    let (topology, prefix) = (topology(), "dev-".parse().unwrap());
    let home = Home::new("aws", "eu-west-1", "111111111111");
    let buckets = BucketNames::WithAccount;
    check(&Declared { topology: &topology, prefix: &prefix, home, buckets, qualifier: "live" })
}

fn refused<T: std::fmt::Debug>(result: Result<T, String>, because: &str) {
    let said = result.unwrap_err();
    assert!(said.contains(because), "`{because}` is not in `{said}`");
}

const MAIL: &str = "arn:aws:lambda:eu-west-1:111111111111:function:dev-mail";

#[test]
fn only_a_declared_function_with_the_prefix_is_invoked() {
    with(|declared| {
        assert_eq!(declared.function("dev-mail").unwrap().name, "dev-mail");
        for foreign in ["mail", "prod-mail", "dev-admin", "dev-mail:live", "dev-dev-mail", MAIL, ""]
        {
            refused(declared.function(foreign), "is not a function of the topology");
        }
    });
}

#[test]
fn only_a_function_of_this_account_and_region_is_invoked_and_its_alias_is_ours() {
    with(|declared| {
        for own in ["", ":live", ":$LATEST", ":17"] {
            assert_eq!(
                declared.function_of(&format!("{MAIL}{own}")).unwrap().name,
                "dev-mail",
                "{own}"
            );
        }
        for (foreign, because) in [
            (MAIL.replace("111111111111", "999999999999"), "account 999999999999"),
            (MAIL.replace("eu-west-1", "us-east-1"), "region us-east-1"),
            (MAIL.replace("aws:", "aws-cn:"), "partition aws-cn"),
            (MAIL.replace("lambda", "states"), "service states"),
            (MAIL.replace("dev-mail", "dev-admin"), "not a function of the topology"),
            (MAIL.replace("dev-mail", "prod-mail"), "not a function of the topology"),
            (format!("{MAIL}:attacker"), "an alias other than live"),
            (format!("{MAIL}:live:1"), "not the ARN of a function"),
            (format!("{MAIL}:"), "an alias other than live"),
            (format!("{MAIL}/../admin"), "not a function of the topology"),
            (format!("{MAIL}?Qualifier=attacker"), "not a function of the topology"),
            (MAIL.replace("function:dev-mail", "layer:dev-mail"), "not the ARN of a function"),
            ("dev-mail".to_owned(), "is not an ARN"),
            (format!("arn:aws:lambda:eu-west-1::{MAIL}"), "is not an ARN"),
        ] {
            refused(declared.function_of(&foreign), because);
        }
    });
}

#[test]
fn only_a_declared_source_of_the_function_is_read() {
    let stream = "arn:aws:kinesis:eu-west-1:111111111111:stream/dev-orders";
    let table =
        "arn:aws:dynamodb:eu-west-1:111111111111:table/dev-events/stream/2026-01-01T00:00:00.000";
    with(|declared| {
        let [processor, mail] =
            ["dev-processor", "dev-mail"].map(|name| declared.function(name).unwrap());
        assert_eq!(declared.stream(&processor, stream).unwrap().stream.as_deref(), Some("orders"));
        assert_eq!(
            declared.table_stream(&processor, table).unwrap().table.as_deref(),
            Some("events")
        );
        for (foreign, because) in [
            (stream.replace("dev-orders", "dev-other"), "is not a source of dev-processor"),
            (stream.replace("dev-orders", "prod-orders"), "is not a source of dev-processor"),
            (stream.replace("dev-orders", "orders"), "is not a source of dev-processor"),
            (
                stream.replace("dev-orders", "dev-orders/consumer/c:1"),
                "is not a source of dev-processor",
            ),
            (stream.replace("1111", "9999"), "account 999999999999"),
            (stream.replace("eu-west-1", "eu-west-2"), "region eu-west-2"),
            (table.to_owned(), "service dynamodb"),
        ] {
            refused(declared.stream(&processor, &foreign), because);
        }
        for (foreign, because) in [
            (table.replace("dev-events", "dev-secrets"), "is not a source of dev-processor"),
            (table.replace("1111", "9999"), "account 999999999999"),
            (table.replace("/stream/", "/index/"), "is not a source of dev-processor"),
            (table.replace("2026", "x/2026"), "is not a source of dev-processor"),
        ] {
            refused(declared.table_stream(&processor, &foreign), because);
        }
        refused(declared.stream(&mail, stream), "is not a source of dev-mail");
    });
}

#[test]
fn only_the_functions_own_part_of_its_dead_letter_bucket_is_read_and_deleted() {
    let bucket = "dev-letters-111111111111";
    with(|declared| {
        let [processor, mail] =
            ["dev-processor", "dev-mail"].map(|name| declared.function(name).unwrap());
        assert_eq!(declared.payload(&processor, "id", bucket, "dev-processor/id.json"), Ok(()));
        for own in ["held/dev-processor/id.json", "held/id.json"] {
            assert_eq!(declared.held_event(&processor, bucket, own), Ok(()));
        }
        for foreign in [
            "attacker",
            "dev-letters",
            "letters",
            "dev-letters-999999999999",
            "dev-given-up-111111111111",
        ] {
            let because = "is not the dead-letter bucket of dev-processor";
            refused(declared.payload(&processor, "id", foreign, "dev-processor/id.json"), because);
            let because = "is not one that dev-processor uses";
            refused(declared.held_event(&processor, foreign, "held/id.json"), because);
        }
        refused(
            declared.payload(&mail, "id", bucket, "dev-mail/id.json"),
            "is not the dead-letter bucket",
        );
        for key in [
            "dev-processor/other.json",
            "dev-processor/id.letter.json",
            "dev-processor/id",
            "dev-processor/below/id.json",
            "dev-mail/id.json",
            "dev-processor-2/id.json",
            "dev-processor/../dev-mail/id.json",
            "dev-processor/./id.json",
            "dev-processor//id.json",
            "/dev-processor/id.json",
            "dev-processor/",
            "dev-processor",
            "dev-processor\\..\\dev-mail",
            "held/id.json",
            "aws/lambda/uuid/shardId-0/2026/01/01/x",
            "",
        ] {
            refused(
                declared.payload(&processor, "id", bucket, key),
                "is not `dev-processor/id.json`",
            );
        }
        // The key follows from the id, and an id is not a path.
        for id in ["../dev-mail/id", "..", "", "a/b", "a\\b"] {
            let key = format!("dev-processor/{id}.json");
            refused(
                declared.payload(&processor, id, bucket, &key),
                "the name of the record of this letter",
            );
        }
        for key in [
            "held/dev-mail/id.json",
            "held/dev-processor/below/id.json",
            "held/../dev-mail/id.json",
            "held/dev-processor/..",
            "held/dev-processor/",
            "held/..",
            "held/",
            "held",
            "dev-processor/id.json",
        ] {
            refused(
                declared.held_event(&processor, bucket, key),
                "is not that of a held effect of",
            );
        }
    });
}

#[test]
fn only_the_declared_target_of_a_declared_rule_gets_its_event() {
    let rule = "arn:aws:events:eu-west-1:111111111111:rule/dev-shop/dev-placed";
    let schedule = "arn:aws:scheduler:eu-west-1:111111111111:schedule/default/nightly";
    let processor = MAIL.replace("dev-mail", "dev-processor");
    with(|declared| {
        for own in [rule, "arn:aws:events:eu-west-1:111111111111:rule/dev-plain", schedule] {
            assert_eq!(
                declared.target(own, &format!("{MAIL}:live")).unwrap().name,
                "dev-mail",
                "{own}"
            );
        }
        refused(declared.target(rule, &processor), "dev-processor is not the target of");
        for (foreign, because) in [
            (rule.replace("dev-placed", "placed"), "is not a rule of the topology"),
            (rule.replace("dev-shop", "dev-other"), "is not a rule of the topology"),
            (rule.replace("1111", "9999"), "account 999999999999"),
            (schedule.replace("1111", "9999"), "service scheduler"),
            ("r".to_owned(), "is not an ARN"),
        ] {
            refused(declared.target(&foreign, MAIL), because);
        }
        refused(declared.target(schedule, &MAIL.replace("1111", "9999")), "account 999999999999");
    });
}

#[test]
fn only_a_target_of_a_declared_schedule_or_of_its_group_gets_its_event() {
    let schedule = |rest: &str| format!("arn:aws:scheduler:eu-west-1:111111111111:schedule/{rest}");
    let (nightly, deadline) =
        (schedule("dev-declared/dev-nightly"), schedule("dev-deadlines/order-1"));
    let processor = MAIL.replace("dev-mail", "dev-processor");
    with(|declared| {
        for own in [&nightly, &deadline] {
            assert_eq!(declared.target(own, MAIL).unwrap().name, "dev-mail", "{own}");
            refused(declared.target(own, &processor), "dev-processor is not the target of");
            let found = declared.schedule(own).unwrap().unwrap();
            assert_eq!(found.letters.map(String::as_str), Some("dead"));
        }
        let unknown = schedule("dev-declared/dev-hourly");
        refused(declared.target(&unknown, MAIL), "is not a schedule of the topology");
        // Without the prefix it is a group of somebody else.
        assert!(declared.schedule(&schedule("deadlines/order-1")).unwrap().is_none());
    });
}

#[test]
fn buckets_have_the_names_of_the_system_that_made_them() {
    with(|declared| {
        let names = |buckets| {
            let home = declared.home.clone();
            Declared { home, buckets, ..*declared }.bucket_names("letters")
        };
        assert_eq!(names(BucketNames::Plain), ["dev-letters"]);
        assert_eq!(names(BucketNames::WithAccount), ["dev-letters-111111111111"]);
        assert_eq!(names(BucketNames::Either), ["dev-letters", "dev-letters-111111111111"]);
    });
}
