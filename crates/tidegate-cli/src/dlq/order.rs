//! Sorts dead letters for a replay.

use std::collections::BTreeMap;

use super::content::Content;
use super::letter::Letter;

type Group = (String, String, String);

/// Sorts letters by queue, and within a queue from old to new.
///
/// Pointers into one shard of one function must be replayed in the order of the stream. So they are
/// sorted among themselves, within the places that their ages give them. Example, from old to new:
/// 100, another letter, 9 becomes 9, the other letter, 100.
pub(crate) fn ordered(mut letters: Vec<Letter>) -> Vec<Letter> {
    letters.sort_by(|a, b| {
        (&a.queue, a.since(), &a.message_id).cmp(&(&b.queue, b.since(), &b.message_id))
    });
    let mut places: BTreeMap<(String, Group), Vec<usize>> = BTreeMap::new();
    for (place, letter) in letters.iter().enumerate() {
        if let Content::Pointer(pointer) = &letter.content {
            let group =
                (pointer.function_arn.clone(), pointer.stream_arn.clone(), pointer.shard.clone());
            places.entry((letter.queue.clone(), group)).or_default().push(place);
        }
    }
    let mut slots: Vec<Option<Letter>> = letters.into_iter().map(Some).collect();
    for places in places.into_values() {
        let mut group: Vec<Letter> =
            places.iter().filter_map(|place| slots.get_mut(*place)?.take()).collect();
        group.sort_by(|a, b| match (&a.content, &b.content) {
            (Content::Pointer(a), Content::Pointer(b)) => a.start.cmp(&b.start),
            _ => std::cmp::Ordering::Equal,
        });
        for (place, letter) in places.into_iter().zip(group) {
            if let Some(slot) = slots.get_mut(place) {
                *slot = Some(letter);
            }
        }
    }
    slots.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn letter(queue: &str, id: &str, second: u32, range: Option<(&str, &str)>) -> Letter {
        let timestamp = format!("2026-01-01T00:00:{second:02}Z");
        let body = match range {
            Some((shard, start)) => json!({
                "requestContext": {"functionArn": "arn:f", "condition": "RetryAttemptsExhausted"},
                "timestamp": timestamp,
                "KinesisBatchInfo": {"shardId": shard, "startSequenceNumber": start, "endSequenceNumber": start, "batchSize": 1, "streamArn": "arn:s"}
            }),
            None => json!({}),
        };
        Letter {
            queue: queue.to_owned(),
            message_id: id.to_owned(),
            sent_at: Some(timestamp.parse().unwrap()),
            receives: 1,
            content: Content::parse(&body.to_string(), &BTreeMap::new(), None),
            body: body.to_string(),
        }
    }

    #[test]
    fn letters_come_by_queue_and_age_and_pointers_of_a_shard_in_stream_order() {
        let letters = vec![
            letter("z", "plain", 9, None),
            letter("s", "later-but-first", 3, Some(("shard-0", "9"))),
            letter("s", "other-shard", 2, Some(("shard-1", "5"))),
            letter("s", "earlier-but-last", 1, Some(("shard-0", "100"))),
            letter("a", "new", 8, None),
            letter("a", "old", 1, None),
        ];
        let ids: Vec<String> =
            ordered(letters).into_iter().map(|letter| letter.message_id).collect();
        assert_eq!(
            ids,
            ["old", "new", "later-but-first", "other-shard", "earlier-but-last", "plain"]
        );
    }
}
