//! Parts that the command-line programs share: start and end, output, and the search for the
//! system.

pub mod account;
pub mod account_id;
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
pub mod timeline;
