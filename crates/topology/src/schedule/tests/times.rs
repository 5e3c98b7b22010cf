//! When expressions fire: the calendar, and clocks that are changed.

use jiff::Timestamp;

use super::super::{Expression, Timetable, time_zone};

pub(super) fn timetable(expression: &str, zone: &str, created: &str) -> Timetable {
    Timetable {
        expression: Expression::parse(expression).unwrap_or_else(|error| panic!("{error}")),
        zone: time_zone(zone).unwrap(),
        start: None,
        end: None,
        created: created.parse().unwrap(),
    }
}

fn all(timetable: &Timetable, most: usize) -> Vec<String> {
    let first = timetable.next(None);
    let times = std::iter::successors(first, |last| timetable.next(Some(*last)));
    times.take(most).map(|time| time.to_string()).collect()
}

fn times(expression: &str, zone: &str, created: &str, most: usize) -> Vec<String> {
    all(&timetable(expression, zone, created), most)
}

#[test]
fn calendars_are_read_as_documented() {
    for (expression, expected) in [
        ("cron(15 10 ? * 6L 2022-2023)", ["2022-01-28T10:15:00Z", "2022-02-25T10:15:00Z"]),
        ("cron(0 9 ? * 3#2 *)", ["2022-01-11T09:00:00Z", "2022-02-08T09:00:00Z"]),
        ("cron(0 9 ? * 7#5 *)", ["2022-01-29T09:00:00Z", "2022-04-30T09:00:00Z"]),
        ("cron(0 9 L * ? *)", ["2022-01-31T09:00:00Z", "2022-02-28T09:00:00Z"]),
        ("cron(0 9 ? * L *)", ["2022-01-01T09:00:00Z", "2022-01-08T09:00:00Z"]),
        // The first is a Saturday, and its nearest weekday in the month the third; in May it is a
        // Sunday.
        ("cron(0 9 1W 1,5 ? *)", ["2022-01-03T09:00:00Z", "2022-05-02T09:00:00Z"]),
        // The 31st of July is a Sunday, and the 31st of December a Saturday.
        ("cron(0 9 31W 7,12 ? *)", ["2022-07-29T09:00:00Z", "2022-12-30T09:00:00Z"]),
        ("cron(0 9 31W 6,10 ? *)", ["2022-10-31T09:00:00Z", "2023-10-31T09:00:00Z"]),
        ("cron(1/25 0 1 1 ? *)", ["2022-01-01T00:01:00Z", "2022-01-01T00:26:00Z"]),
        ("cron(0 0 29 2 ? *)", ["2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z"]),
        ("cron(0 3 ? * MON-FRI *)", ["2022-01-03T03:00:00Z", "2022-01-04T03:00:00Z"]),
    ] {
        assert_eq!(times(expression, "UTC", "2022-01-01T00:00:00Z", 2), expected, "{expression}");
    }
}

/// The example of AWS's documentation.
#[test]
fn a_time_that_the_clocks_skip_does_not_fire_and_one_that_they_repeat_fires_once() {
    let daily = |created| times("cron(30 2 * * ? *)", "America/Los_Angeles", created, 3);
    assert_eq!(
        daily("2026-03-07T00:00:00Z"),
        ["2026-03-07T10:30:00Z", "2026-03-09T09:30:00Z", "2026-03-10T09:30:00Z"]
    );
    let daily = |created| times("cron(30 1 * * ? *)", "America/Los_Angeles", created, 3);
    assert_eq!(
        daily("2026-10-31T00:00:00Z"),
        ["2026-10-31T08:30:00Z", "2026-11-01T08:30:00Z", "2026-11-02T09:30:00Z"]
    );
    // From within the hour that is repeated.
    let half = times("cron(0/30 * * * ? *)", "America/Los_Angeles", "2026-11-01T09:10:00Z", 2);
    assert_eq!(half, ["2026-11-01T10:00:00Z", "2026-11-01T10:30:00Z"]);
}

#[test]
fn a_day_that_a_time_zone_skips_has_no_times() {
    let times = times("cron(0 12 * * ? *)", "Pacific/Apia", "2011-12-29T12:00:00Z", 2);
    assert_eq!(times, ["2011-12-29T22:00:00Z", "2011-12-30T22:00:00Z"]);
}

#[test]
fn a_one_time_schedule_has_one_time_even_a_past_or_a_skipped_one() {
    let created = "2026-11-30T00:00:00Z";
    let of = |expression, zone| times(expression, zone, created, 2);
    assert_eq!(of("at(2026-12-01T08:00:00)", "Europe/Berlin"), ["2026-12-01T07:00:00Z"]);
    assert_eq!(of("at(2022-12-31T23:59:59)", "UTC"), ["2022-12-31T23:59:59Z"]);
    assert_eq!(of("at(2026-03-29T02:30:00)", "Europe/Berlin"), ["2026-03-29T01:30:00Z"]);
    assert_eq!(of("at(2026-10-25T02:30:00)", "Europe/Berlin"), ["2026-10-25T00:30:00Z"]);
    let mut ended = timetable("at(2026-12-01T08:00:00)", "UTC", created);
    ended.end = Some("2026-11-01T00:00:00Z".parse().unwrap());
    ended.start = Some("2027-11-01T00:00:00Z".parse().unwrap());
    assert_eq!(all(&ended, 2), ["2026-12-01T08:00:00Z"], "it ignores both dates");
}

#[test]
fn a_rate_counts_from_its_start_and_begins_at_once_without_one() {
    let rate = "rate(1 days)";
    let mut daily = timetable(rate, "America/New_York", "2026-10-31T12:00:00Z");
    // A day is 24 hours also when the clocks are changed.
    assert_eq!(
        all(&daily, 3),
        ["2026-10-31T12:00:00Z", "2026-11-01T12:00:00Z", "2026-11-02T12:00:00Z"]
    );
    daily.start = Some("2026-10-01T09:00:00Z".parse().unwrap());
    assert_eq!(all(&daily, 1), ["2026-11-01T09:00:00Z"], "nothing is made up for");
    daily.start = Some("2026-11-05T09:00:00Z".parse().unwrap());
    daily.end = Some("2026-11-07T09:00:00Z".parse().unwrap());
    assert_eq!(all(&daily, 9), ["2026-11-05T09:00:00Z", "2026-11-06T09:00:00Z"]);
}

#[test]
fn start_and_end_bound_a_calendar() {
    let mut daily = timetable("cron(0 9 * * ? *)", "UTC", "2026-11-01T00:00:00Z");
    daily.start = Some("2026-11-05T09:00:00Z".parse().unwrap());
    daily.end = Some("2026-11-07T08:00:00Z".parse().unwrap());
    assert_eq!(all(&daily, 9), ["2026-11-05T09:00:00Z", "2026-11-06T09:00:00Z"]);
}

#[test]
fn what_never_comes_has_no_next_time_and_takes_no_time_to_find() {
    let created = "2026-11-30T00:00:00Z";
    for expression in ["cron(0 0 31 2 ? *)", "cron(0 0 30 2 ? *)", "cron(0 0 1 1 ? 2020)"] {
        assert_eq!(timetable(expression, "UTC", created).next(None), None, "{expression}");
    }
    // In this time zone the second Sunday of March has no 2:30.
    let skipped = timetable("cron(30 2 ? 3 1#2 *)", "America/New_York", created);
    assert_eq!(skipped.next(None), None);
    let last = Timestamp::MAX;
    assert_eq!(timetable("rate(1 minute)", "UTC", created).next(Some(last)), None);
}
