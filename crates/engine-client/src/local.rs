//! The account and the region of the local system.

/// The region of everything local.
pub const REGION: &str = "us-east-1";

/// The account of everything local, as MiniStack and LocalStack have it.
pub const ACCOUNT: &str = "000000000000";
