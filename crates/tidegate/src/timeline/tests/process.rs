//! Timelines of a process that runs by its handler.

use super::world::*;
use crate::timeline::{Trail, Wait, What};

#[tokio::test]
async fn a_message_is_followed_over_commands_and_answers_with_its_causes() {
    let world = World::default();
    let [hotel, _, _] = world.booked().await;
    let reserved = world.event("hotel#7", &Reserved {}, &hotel).await;
    world.deliver(&reserved).await;
    let timeline = world.timeline(&trail()).await;
    assert_eq!(
        drawn(&timeline),
        [
            "1 ●     booking#7 Booked ← desk-1 of desk",
            "2 ╰─◆   trip#7 New → Asking on Booked ← #1",
            "3   ○   trip#7 sets answer@1 ← #2",
            "4   ▸   trip#7 sends Reserve to hotels for hotel#7 ← #2",
            "5   ▸   trip#7 sends Reserve to cars for car#7, not taken ← #2",
            "6   ├─● hotel#7 Reserved ← #4",
            "7   ◆─╯ trip#7 Asking → Done (end) on Reserved ← #6",
            "8   ○   trip#7 cancels answer@1 ← #7",
            "9   ●   trip#7 TripConfirmed ← #7",
        ]
    );
    let [instance] = &timeline.instances[..] else { panic!("{:?}", timeline.instances) };
    assert_eq!(
        (instance.state.as_str(), instance.ended, instance.uncertain),
        ("Done", true, false)
    );
    // The car was never answered for, whatever the process thinks of it.
    let [Wait::Command { number: 5, subject, .. }] = &timeline.waits[..] else {
        panic!("{:?}", timeline.waits)
    };
    assert_eq!(subject.as_str(), "car#7");
    assert!(timeline.left_out.is_empty() && timeline.unreadable.is_empty());
}

#[tokio::test]
async fn it_says_where_a_process_waits() {
    let world = World::default();
    assert!(world.timeline(&trail()).await.is_empty());
    let [hotel, _, _] = world.booked().await;
    let waits = |timeline: &crate::timeline::Timeline| -> Vec<String> {
        let short = |wait: &Wait| match wait {
            Wait::Operator { code, held, .. } => format!("operator: {code}, {held} held"),
            Wait::Deadline { deadline, passed, .. } => format!("{deadline} passed: {passed}"),
            Wait::Command { number, .. } => format!("#{number} not taken"),
            Wait::Answer { number, .. } => format!("#{number} not answered"),
        };
        timeline.waits.iter().map(short).collect()
    };
    let timeline = world.timeline(&trail()).await;
    assert_eq!(waits(&timeline), ["answer@1 passed: false", "#4 not taken", "#5 not taken"]);
    // The hotel took the command, and its answer is on the way.
    let full = world.event("hotel#7", &Full {}, &hotel).await;
    let timeline = world.timeline(&trail()).await;
    assert_eq!(waits(&timeline), ["answer@1 passed: false", "#4 not answered", "#5 not taken"]);
    world.deliver(&full).await;
    let timeline = world.timeline(&trail()).await;
    let expected = ["operator: full, 0 held", "answer@1 passed: false", "#5 not taken"];
    assert_eq!(waits(&timeline), expected);
}

#[tokio::test]
async fn a_deadline_that_passes_follows_from_the_step_that_set_it_also_if_it_is_held() {
    let world = World::default();
    let [hotel, _, deadline] = world.booked().await;
    let full = world.event("hotel#7", &Full {}, &hotel).await;
    world.deliver(&full).await;
    world.deliver(&deadline).await;
    let timeline = world.timeline(&trail()).await;
    assert_eq!(
        drawn(&timeline)[6..],
        [
            "7   ✗─╯ trip#7 is stuck on Full: full: nothing is left ← #6",
            "8   ○   trip#7 answer@1 passed ← #3",
            "9   ◇   trip#7 holds Overdue behind the stuck input ← #8",
        ]
    );
    assert!(matches!(&timeline.waits[0], Wait::Operator { held: 1, .. }), "{:?}", timeline.waits);
    let word = crate::process::SkipInput {
        operator: "ada".to_owned(),
        note: "by phone".to_owned(),
        version: crate::ids::Version::new(3),
    };
    let mut envelope = outside("word-1");
    envelope.subject = "trip#7".parse().unwrap();
    envelope.kind = "SkipInput".to_owned();
    envelope.schema = crate::envelope::DataSchema::new("SkipInput", 1);
    envelope.data = crate::envelope::Data::Inline(serde_json::value::to_raw_value(&word).unwrap());
    world.deliver(&envelope).await;
    let timeline = world.timeline(&trail()).await;
    // The held input has the cause that it came with, and passes once.
    assert_eq!(
        drawn(&timeline)[9..],
        [
            "10   ◇   trip#7 ada skips the stuck input: by phone ← word-1 of desk",
            "11   ◆   trip#7 Asking → Failed (end) on Overdue ← #8",
        ]
    );
}

#[tokio::test]
async fn it_begins_at_the_end_as_well_where_a_candidate_leads_back() {
    let world = World::default();
    let [hotel, car, _] = world.booked().await;
    world.event("hotel#7", &Reserved {}, &hotel).await;
    world.event("car#7", &Reserved {}, &car).await;
    let from_hotel = Trail::from_streams(["hotel#7".parse().unwrap()]);
    let alone = world.timeline(&from_hotel).await;
    assert_eq!(alone.entries.len(), 1, "the command names no stream: {alone:?}");
    assert_eq!(alone.entries[0].outside.as_ref().unwrap().id, hotel.id);
    let candidates = ["trip#7", "booking#7", "nothing#7"].map(|id| id.parse().unwrap());
    let whole = world.timeline(&from_hotel.also(candidates)).await;
    assert_eq!(whole.entries.len(), 7, "{whole:?}");
    assert_eq!(whole.streams.len(), 4);
}

#[tokio::test]
async fn its_json_has_numbers_causes_durations_and_no_content() {
    let world = World::default();
    world.booked().await;
    let timeline = world.timeline(&trail()).await;
    let json = serde_json::to_value(&timeline).unwrap();
    let entry = &json["entries"][3];
    assert_eq!((&entry["number"], &entry["cause"]), (&4.into(), &2.into()));
    assert_eq!((&entry["what"], &entry["type"]), (&"command".into(), &"Reserve".into()));
    assert_eq!((&entry["since_cause_ms"], &entry["taken"]), (&0.into(), &false.into()));
    assert_eq!(entry["correlation_id"], "desk-1-correlated");
    assert_eq!(json["waits"][0]["for"], "deadline");
    assert!(!json.to_string().contains("\"data\""), "{json}");
    let set = &timeline.entries[2].what;
    assert!(matches!(set, What::DeadlineSet { deadline, .. } if deadline == "answer@1"), "{set:?}");
}
