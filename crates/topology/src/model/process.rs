//! Process managers: coordinators that keep the state of each business key in the event store.

use serde::Deserialize;

/// A process manager. Its name is the kind of its streams: an instance of `booking` is
/// `booking#42`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// The function that decides on its inputs.
    pub function: String,
    /// Queue of its inputs: start commands, answers, deadlines, and the words of operators.
    pub queue: String,
    /// Table with a row for each instance.
    pub view: String,
    /// Table with the streams of its instances: the event store.
    pub store: String,
    /// Whether it sets deadlines; true by default.
    #[serde(default = "default_deadlines")]
    pub deadlines: bool,
    /// The function that a schedule fires to send the deadlines whose own schedule was lost.
    pub sweep: Option<String>,
}

fn default_deadlines() -> bool {
    true
}
