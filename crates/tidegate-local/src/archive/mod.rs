//! Archives of EventBridge buses, and replays from them.
//!
//! The engine archives every event of a bus that declares `archive_days`, except replayed ones, and
//! answers the calls of EventBridge about archives and replays at the endpoint and at the ports of
//! the functions. An emulator keeps an archive only in memory, if it has one.
//!
//! An archive is a target of its bus ([`crate::bus`]): an event leaves the bus's queue only when
//! the archive has it. Archives and replays are files of the state directory, so they outlive
//! engine and emulator.
//!
//! A replay puts events on the bus again, with their ids and with `replay-name`, minute by minute
//! of their times. Within a minute the order is random, because AWS promises none.

mod archives;
mod calls;
mod line;
mod listing;
mod refusal;
mod replay;
mod replays;
mod sender;
mod store;

pub(crate) use archives::BusParts;
pub use archives::{ArchiveStatus, Archives};
pub(crate) use calls::{ArchiveCalls, archive_arn};
pub use replay::{Replay, ReplayState};
pub use replays::Replays;
pub use store::Archive;
