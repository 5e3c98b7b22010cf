//! Which texts are expressions.

use super::super::{Expression, ZoneError, time_zone};

fn refused(text: &str) -> String {
    match Expression::parse(text) {
        Ok(read) => panic!("{text} is read as {read}"),
        Err(error) => error.to_string(),
    }
}

/// Recorded against AWS by LocalStack's test suite (`test_scheduler.snapshot.json`, 2025).
#[test]
fn what_aws_was_recorded_to_refuse_is_refused() {
    for text in [
        "cron(0 1 * * * *)",
        "cron(7 20 * * NOT *)",
        "cron(INVALID)",
        "cron(0 dummy ? * MON-FRI *)",
        "cron(71 8 1 * ? *)",
        "cron()",
        "rate(10 seconds)",
        "rate(10 years)",
        "rate()",
        "rate(10)",
        "rate(10 minutess)",
        "rate(foo minutes)",
        "rate(-10 minutes)",
        "rate( 10 minutes )",
        " rate(10 minutes)",
        "at(2021-12-31T23:59:59Z)",
        "at(2021-12-31)",
    ] {
        refused(text);
    }
}

#[test]
fn what_aws_was_recorded_to_take_and_documents_is_taken() {
    for text in [
        "rate(1 minute)",
        "rate(2 minute)",
        "rate(1 days)",
        "at(2022-12-31T23:59:59)",
        "cron(30 8 * * ? *)",
        "cron(15 10 ? * 6L 2022-2023)",
        "cron(0 9 ? * 3#2 *)",
        "cron(0 9 3W * ? *)",
        "cron(0 9 L * ? *)",
        "cron(0 9 ? * L *)",
        "cron(1/10 0-23 1-15 JAN,FEB,MAR ? 1970-2199)",
        "cron(*/15 * ? * MON-FRI)",
    ] {
        Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[test]
fn a_refusal_names_the_field_and_what_is_allowed() {
    for (text, says) in [
        ("every 5 minutes", "is not an expression of Scheduler; use at("),
        ("Rate(5 minutes)", "is not an expression of Scheduler"),
        ("rate(5 minutes", "does not end with a closing parenthesis"),
        ("rate(0 minutes)", "needs a whole number from 1"),
        ("rate(5000000000 days)", "needs a whole number from 1"),
        ("rate(+5 minutes)", "needs a whole number from 1"),
        ("rate(5 Minutes)", "has the unit Minutes; use minutes, hours or days"),
        ("at(2026-02-30T00:00:00)", "names no time"),
        ("at(2026-12-01T08:00:00.5)", "is not a time; use yyyy-mm-ddThh:mm:ss"),
        ("at(2026-12-01T08:00)", "is not a time"),
        ("cron(0 3 * *)", "has 4 fields; it needs minutes"),
        ("cron(60 3 * * ? *)", "minutes has \"60\"; use 0 to 59"),
        ("cron(0 24 * * ? *)", "hours has \"24\"; use 0 to 23"),
        ("cron(0 3 0 * ? *)", "day-of-month has \"0\"; use 1 to 31"),
        ("cron(0 3 * 13 ? *)", "month has \"13\"; use 1 to 12 or JAN to DEC"),
        ("cron(0 3 ? * 8 *)", "day-of-week has \"8\"; use 1 to 7 or SUN to SAT"),
        ("cron(0 3 * * ? 1969)", "year has \"1969\"; use 1970 to 2199"),
        ("cron(0 3 ? * ? *)", "are both ?"),
        ("cron(0 3 1 * MON *)", "one of them must be ?"),
        ("cron(0/0 3 * * ? *)", "minutes 0/0 has no step from 1 to 60"),
        ("cron(50-10 3 * * ? *)", "minutes 50-10 ends before it begins"),
        ("cron(0, 3 * * ? *)", "minutes has \"\""),
        ("cron(0 3 ? * 3#1,6#3 *)", "with # no other value is allowed"),
        ("cron(0 3 ? * 3#6 *)", "is not one day and its number"),
        ("cron(0 3 1,L * ? *)", "uses L or W together with other values"),
        ("cron(0 3 LW * ? *)", "uses L or W together with other values"),
        ("cron(0 3 ? * MON/2 *)", "has a step; AWS documents none there"),
        ("cron(0 3 ? * MON,6L *)", "day-of-week has \"6L\""),
    ] {
        let said = refused(text);
        assert!(said.contains(says), "{text}: {said}");
    }
    let long = format!("cron({} 3 * * ? *)", "1,".repeat(130));
    assert!(refused(&long).contains("at most 256 are allowed"));
}

#[test]
fn time_zones_are_those_of_the_iana_database_as_it_writes_them() {
    for name in ["UTC", "Europe/London", "America/Argentina/Buenos_Aires", "Asia/Kolkata"] {
        assert_eq!(time_zone(name).unwrap().iana_name(), Some(name));
    }
    assert_eq!(
        time_zone("europe/london"),
        Err(ZoneError::Case("europe/london".to_owned(), "Europe/London".to_owned()))
    );
    for name in ["", "London", "GMT+25", "../UTC", "Europe/Londonn"] {
        assert_eq!(time_zone(name), Err(ZoneError::Unknown(name.to_owned())));
    }
}
