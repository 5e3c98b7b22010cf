//! What the command-line programs have in common: how they start and end, what they write, and where they find the system.

pub mod account;
pub mod connection;
pub mod counted;
pub mod endpoint;
pub mod escape;
pub mod local_system;
pub mod misuse;
pub mod name_prefix;
pub mod output;
pub mod problem;
pub mod program;
pub mod table;
