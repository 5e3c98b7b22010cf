//! Next times against a search through every minute, which knows nothing of the fast one.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::times::timetable;

/// A field of a generated expression: its text, and the values that it means.
#[derive(Clone, Debug)]
struct Field(String, Vec<i32>);

fn list(first: i32, last: i32) -> impl Strategy<Value = Field> {
    let all = Just(Field("*".to_owned(), (first..=last).collect()));
    let one = (first..=last).prop_map(|value| Field(value.to_string(), vec![value]));
    let two =
        ((first..=last), (first..=last)).prop_map(|(a, b)| Field(format!("{a},{b}"), vec![a, b]));
    let range = ((first..=last), (first..=last)).prop_map(|(a, b)| {
        let (a, b) = (a.min(b), a.max(b));
        Field(format!("{a}-{b}"), (a..=b).collect())
    });
    let steps = ((first..=last), 1..=(last - first + 1)).prop_map(move |(from, step)| {
        let values = (0..).map(|n| from + n * step).take_while(|value| *value <= last);
        Field(format!("{from}/{step}"), values.collect())
    });
    prop_oneof![all, one, two, range, steps]
}

/// How a generated expression names its days.
#[derive(Clone, Debug)]
enum Day {
    Month(Field),
    Last,
    Nearest(i32),
    Week(Field),
    LastWeek(i32),
    Nth(i32, i32),
}

fn day() -> impl Strategy<Value = Day> {
    let week = prop_oneof![
        (1..=7_i32).prop_map(|day| Field(day.to_string(), vec![day])),
        (1..=3, 3..=7).prop_map(|(a, b)| Field(format!("{a}-{b}"), (a..=b).collect())),
    ];
    prop_oneof![
        list(1, 31).prop_map(Day::Month),
        Just(Day::Last),
        (1..=31).prop_map(Day::Nearest),
        week.prop_map(Day::Week),
        (1..=7).prop_map(Day::LastWeek),
        (1..=7, 1..=5).prop_map(|(day, nth)| Day::Nth(day, nth)),
    ]
}

impl Day {
    fn text(&self) -> (String, String) {
        let (month, week) = match self {
            Self::Month(Field(text, _)) => (text.clone(), "?".to_owned()),
            Self::Last => ("L".to_owned(), "?".to_owned()),
            Self::Nearest(day) => (format!("{day}W"), "?".to_owned()),
            Self::Week(Field(text, _)) => ("?".to_owned(), text.clone()),
            Self::LastWeek(day) => ("?".to_owned(), format!("{day}L")),
            Self::Nth(day, nth) => ("?".to_owned(), format!("{day}#{nth}")),
        };
        (month, week)
    }

    fn includes(&self, date: jiff::civil::Date) -> bool {
        let day = i32::from(date.day());
        let length = i32::from(date.days_in_month());
        let weekday = i32::from(date.weekday().to_sunday_zero_offset()) + 1;
        match self {
            Self::Month(Field(_, days)) => days.contains(&day),
            Self::Last => day == length,
            Self::Week(Field(_, days)) => days.contains(&weekday),
            Self::LastWeek(of) => weekday == *of && length - day < 7,
            Self::Nth(of, nth) => weekday == *of && (day + 6) / 7 == *nth,
            Self::Nearest(near) if *near > length => false,
            // The first weekday, when the days are ordered by their distance.
            Self::Nearest(near) => {
                let weekdays = (1..=length).filter(|other| {
                    let weekday = (weekday - 1 + other - day).rem_euclid(7) + 1;
                    (2..=6).contains(&weekday)
                });
                weekdays.min_by_key(|other| (other - near).abs()) == Some(day)
            }
        }
    }
}

/// Returns the local time of an instant if it has that local time for the first time.
fn first_local(zone: &TimeZone, at: Timestamp) -> Option<jiff::civil::DateTime> {
    let local = zone.to_datetime(at);
    let earlier = (1..=180).map(|minutes| at - SignedDuration::from_mins(minutes));
    earlier.into_iter().all(|earlier| zone.to_datetime(earlier) != local).then_some(local)
}

const ZONES: [&str; 6] = [
    "UTC",
    "Europe/London",
    "America/New_York",
    // Half an hour of summer time; midnight is skipped; half an hour beside the hour.
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Asia/Kolkata",
];

/// Moments before changes of clocks, and an ordinary one.
const FROM: [&str; 6] = [
    "2026-03-28T20:00:00Z",
    "2026-10-24T20:00:00Z",
    "2026-03-08T03:00:00Z",
    "2026-11-01T03:00:00Z",
    "2026-04-04T12:00:00Z",
    "2026-04-23T20:00:00Z",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_next_time_is_the_first_minute_that_the_fields_include(
        minutes in list(0, 59),
        hours in list(0, 23),
        day in day(),
        months in list(1, 12),
        zone in prop::sample::select(&ZONES[..]),
        from in prop::sample::select(&FROM[..]),
        offset in 0_i64..1_440,
    ) {
        let (month_day, week_day) = day.text();
        let text =
            format!("cron({} {} {month_day} {} {week_day} *)", minutes.0, hours.0, months.0);
        let timetable = timetable(&text, zone, "2026-01-01T00:00:00Z");
        let after: Timestamp = from.parse::<Timestamp>().unwrap() + SignedDuration::from_mins(offset);
        let horizon = after + SignedDuration::from_hours(72);

        let every_minute = (1..=72 * 60).map(|n| after + SignedDuration::from_mins(n));
        let slow = every_minute.into_iter().find(|at| {
            let local = timetable.zone.to_datetime(*at);
            let included = minutes.1.contains(&i32::from(local.minute()))
                && hours.1.contains(&i32::from(local.hour()))
                && months.1.contains(&i32::from(local.month()))
                && day.includes(local.date());
            included && first_local(&timetable.zone, *at).is_some()
        });
        let fast = timetable.next(Some(after)).filter(|at| *at <= horizon);
        prop_assert_eq!(fast, slow, "{} in {} after {}", text, zone, after);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,40}", inside in "[0-9A-Z*?/#,\\- ]{0,30}") {
        for text in [text, format!("cron({inside})"), format!("rate({inside})"), format!("at({inside})")] {
            if let Ok(expression) = super::super::Expression::parse(&text) {
                let timetable = super::super::Timetable {
                    expression,
                    zone: TimeZone::UTC,
                    start: None,
                    end: None,
                    created: Timestamp::UNIX_EPOCH,
                };
                let _ = timetable.next(None);
            }
        }
    }
}
