//! Account and region of the local system.

/// Region of all local resources.
pub const REGION: &str = "us-east-1";

/// Account of all local resources, as in MiniStack and LocalStack.
pub const ACCOUNT: &str = "000000000000";
