//! The trips that customers book, and how each must end.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tidegate::envelope::{Data, DataSchema, Envelope};
use tidegate::ids::StreamId;

/// Legs of a trip, in their order.
pub(super) const LEGS: [&str; 3] = ["flight", "hotel", "car"];
/// Ways in which a trip can go.
const WAYS: usize = 9;
/// Time that no test takes, in seconds.
const LONG: u32 = 24 * 3600;
/// Time after which a deadline passes that a service does not meet, in seconds.
const SHORT: u32 = 2;

/// How a trip ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Booked,
    Compensated,
    /// A service refused to cancel.
    Stuck,
}

/// A trip, and how it must end.
#[derive(Clone, Debug)]
pub(super) struct Trip {
    /// Key of the booking.
    pub(super) key: String,
    /// Offer of each leg, which says how its service behaves.
    offers: [String; 3],
    patience: u32,
    /// Time at which it is booked.
    now: Timestamp,
    within: u32,
    /// How it must end.
    pub(super) end: End,
    /// Number of legs that are reserved in the end, from the first.
    pub(super) reserved: usize,
}

impl Trip {
    /// Creates the trip with this number. Three times as many numbers as there are ways have all
    /// ways at all legs.
    pub(super) fn numbered(number: usize) -> Self {
        let (way, place) = (number % WAYS, number / WAYS % LEGS.len());
        let mut trip = Self::plain(number);
        let mut offer = |place: usize, behaviour: &str| {
            trip.offers[place] = format!("{behaviour}-{number}");
        };
        match way {
            0 => {}
            1 => (0..LEGS.len()).for_each(|place| offer(place, "twice")),
            2 => offer(place, "full"),
            3 => {
                (0..place).for_each(|place| offer(place, "twice"));
                offer(place, "full");
            }
            4 => {
                // Of two legs, the service of the first refuses to cancel, that of the second
                // refuses to reserve.
                let (keep, full) = [(0, 1), (0, 2), (1, 2)][place];
                offer(keep, "keep");
                offer(full, "full");
                trip.reserved = keep + 1;
            }
            5 | 6 => offer(place, "late"),
            _ => offer(place, "slow"),
        }
        trip.end = match way {
            0 | 1 => End::Booked,
            4 => End::Stuck,
            _ => End::Compensated,
        };
        if trip.end == End::Booked {
            trip.reserved = LEGS.len();
        }
        match way {
            5 | 7 => trip.patience = SHORT,
            6 => trip.within = SHORT,
            8 => {
                trip.patience = SHORT;
                trip.key = format!("lost-{number}");
            }
            _ => {}
        }
        trip
    }

    /// Creates a trip of which the car is refused: six steps, from the command to the last of two
    /// cancellations.
    pub(super) fn of_six_steps(number: usize) -> Self {
        let mut trip = Self::plain(number);
        trip.offers[2] = format!("full-{number}");
        trip
    }

    fn plain(number: usize) -> Self {
        Self {
            key: number.to_string(),
            offers: LEGS.map(|leg| format!("{leg}-{number}")),
            patience: LONG,
            now: Timestamp::now(),
            within: LONG,
            end: End::Compensated,
            reserved: 0,
        }
    }

    /// Returns the stream of the booking.
    pub(super) fn booking(&self) -> StreamId {
        StreamId::new("booking", &self.key).unwrap()
    }

    /// Returns the command that starts the booking, under an id that `name` tells apart.
    pub(super) fn command(&self, name: &str) -> String {
        let [flight, hotel, car] = &self.offers;
        let content = json!({
            "booking": self.key,
            "legs": [{ "Flight": flight }, { "Hotel": hotel }, { "Car": car }],
            "patience_seconds": self.patience,
            "until": self.now + SignedDuration::from_secs(self.within.into()),
        });
        let content = serde_json::value::to_raw_value(&content).unwrap();
        let envelope = Envelope::new(
            format!("{name}-{}", self.key),
            "travel.desk",
            StreamId::new("customer", &self.key).unwrap(),
            self.now,
            DataSchema::new("BookTrip", 1),
            Data::Inline(content),
        );
        serde_json::to_string(&envelope).unwrap()
    }
}

/// Returns commands that cannot be carried out, with the code of the letter that each becomes.
///
/// The first has the id of a trip's command, and other content.
pub(super) fn hostile(trip: &Trip) -> [(&'static str, String); 4] {
    let good = trip.command("first");
    let change = |of: &str, to: &str| {
        assert!(good.contains(of), "{of} is not in {good}");
        good.replace(of, to)
    };
    let key = format!("\"booking\":\"{}\"", trip.key);
    [
        ("cause_reused", change("\"Car\"", "\"Hotel\"")),
        ("unknown_type", change("BookTrip", "BookCruise")),
        ("invalid_id", change(&key, "\"booking\":\"\"")),
        ("not_json", "{".to_owned()),
    ]
}
