//! Application ids of processes, by which the proxy knows the environment that makes a call.
//!
//! AWS's SDKs send the id with every call, in the user agent.

use super::phase::EnvironmentId;

/// Environment variable from which an SDK takes the application id.
pub(crate) const VARIABLE: &str = "AWS_SDK_UA_APP_ID";
/// Prefix of the application id; the number of the environment follows.
const PREFIX: &str = "tidegate-environment-";

/// Returns the application id of an environment's process.
pub(crate) fn application_id(environment: EnvironmentId) -> String {
    format!("{PREFIX}{}", environment.0)
}

/// Returns the environment whose process sent this user agent.
pub(crate) fn environment_of(user_agent: &str) -> Option<EnvironmentId> {
    let (_, rest) = user_agent.split_once(PREFIX)?;
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    number.parse().ok().map(EnvironmentId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_found_in_the_user_agent_of_its_process() {
        let sent = format!("aws-sdk-rust/1.3 app/{} lang/rust", application_id(EnvironmentId(12)));
        assert_eq!(environment_of(&sent), Some(EnvironmentId(12)));
        assert_eq!(environment_of("aws-sdk-rust/1.3 lang/rust"), None);
    }
}
