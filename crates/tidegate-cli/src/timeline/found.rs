//! A timeline that was found, and what the search could not read.

use serde::Serialize;
use tidegate::timeline::Timeline;

/// A timeline that was found, and what the search could not read.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    /// The timeline.
    #[serde(flatten)]
    pub(crate) timeline: Timeline,
    /// Commits in a format that only a newer version of this command reads. They may have the
    /// correlation id, and their streams may not be in the timeline.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) unknown_commits: u64,
}

impl Found {
    /// Returns lines about what cannot be read or was left out.
    pub(crate) fn missing(&self) -> Vec<String> {
        self.timeline.missing().into_iter().chain(self.unknown()).collect()
    }

    /// Returns all lines about the whole.
    pub(crate) fn summary(&self) -> Vec<String> {
        self.timeline.summary().into_iter().chain(self.unknown()).collect()
    }

    fn unknown(&self) -> Option<String> {
        let count = self.unknown_commits;
        (count > 0).then(|| {
            format!(
                "unreadable: {count} commits of the event store have a format that only a newer \
                 version reads; they may have the correlation id"
            )
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_that_the_search_could_not_read_are_in_all_forms_of_the_answer() {
        let found = |unknown_commits| Found { timeline: Timeline::default(), unknown_commits };
        assert_eq!(found(0).missing(), Vec::<String>::new());
        let json = serde_json::to_value(found(0)).unwrap();
        assert!(json["entries"].is_array() && json.get("unknown_commits").is_none(), "{json}");
        let some = found(3);
        assert_eq!(serde_json::to_value(&some).unwrap()["unknown_commits"], 3);
        for lines in [some.missing(), some.summary()] {
            assert!(lines[0].starts_with("unreadable: 3 commits"), "{lines:?}");
        }
    }
}
