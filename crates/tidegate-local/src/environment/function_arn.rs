//! ARNs of functions.

use engine_client::local::ACCOUNT;

/// Returns the ARN of a function, as event sources, the runtime and dead letters name it.
pub fn function_arn(region: &str, function: &str) -> String {
    format!("arn:aws:lambda:{region}:{ACCOUNT}:function:{function}")
}
