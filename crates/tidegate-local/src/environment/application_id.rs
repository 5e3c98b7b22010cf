//! The application id of a process, by which the proxy knows from which environment a call comes.
//!
//! AWS's SDKs send it with every call, in the user agent.

use super::phase::EnvironmentId;

/// The variable from which an SDK takes it.
pub(crate) const VARIABLE: &str = "AWS_SDK_UA_APP_ID";
/// What it begins with; the environment's number follows.
const PREFIX: &str = "tidegate-environment-";

/// The application id of an environment's process.
pub(crate) fn application_id(environment: EnvironmentId) -> String {
    format!("{PREFIX}{}", environment.0)
}

/// The environment whose process sent this user agent.
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
