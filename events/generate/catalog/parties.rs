//! Who sends and who reads a message, and over what.

use std::fmt;

use serde::Serialize;

/// What carries messages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Channel {
    pub kind: ChannelKind,
    /// Declared name.
    pub name: String,
}

/// Kind of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    Api,
    Bus,
    Queue,
    ScheduleGroup,
    Stream,
    TableStream,
}

/// Who sends a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Producer {
    Function { function: String },
    Outside { outside: String },
}

/// A function that reads a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Consumer {
    pub function: String,
    pub channel: Channel,
    /// Rule of the bus that hands the message to the function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

impl Producer {
    pub fn function(name: &str) -> Self {
        Self::Function { function: name.to_owned() }
    }

    pub fn outside(name: &str) -> Self {
        Self::Outside { outside: name.to_owned() }
    }

    pub fn is_outside(&self) -> bool {
        matches!(self, Self::Outside { .. })
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Function { function } => function,
            Self::Outside { outside } => outside,
        }
    }
}

impl ChannelKind {
    /// Returns whether functions send to the channel. Records of a table's stream and firings of a
    /// schedule follow from what was written.
    pub fn takes_messages(self) -> bool {
        !matches!(self, Self::ScheduleGroup | Self::TableStream)
    }
}

impl Channel {
    pub fn new(kind: ChannelKind, name: &str) -> Self {
        Self { kind, name: name.to_owned() }
    }

    /// Returns a name that is unique among all channels.
    pub fn id(&self) -> String {
        self.to_string().replace(' ', "-")
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ChannelKind::Api => "API",
            ChannelKind::Bus => "bus",
            ChannelKind::Queue => "queue",
            ChannelKind::ScheduleGroup => "schedules",
            ChannelKind::Stream => "stream",
            ChannelKind::TableStream => "stream of table",
        };
        write!(f, "{kind} {}", self.name)
    }
}
