//! Which emulator is used.

use std::env;

use super::error::EmulatorError;

/// An AWS-compatible backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// MiniStack, started by the engine: the default.
    MiniStack,
    /// LocalStack, started by the engine: through Docker when a daemon answers, otherwise as a process of this machine.
    LocalStack,
    /// Something that runs already, at this URL.
    External(String),
}

impl Backend {
    /// Chooses by the environment: `AWS_ENDPOINT_URL`, else `BACKEND` (`ministack` or `localstack`), else MiniStack. Empty counts as unset.
    ///
    /// Errors: `BACKEND` names something else.
    pub fn from_environment() -> Result<Self, EmulatorError> {
        Self::choose(|name| env::var(name).ok())
    }

    /// The name in messages and in the status.
    pub fn name(&self) -> &'static str {
        match self {
            Self::MiniStack => "ministack",
            Self::LocalStack => "localstack",
            Self::External(_) => "external",
        }
    }

    fn choose(variable: impl Fn(&str) -> Option<String>) -> Result<Self, EmulatorError> {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        if let Some(url) = set("AWS_ENDPOINT_URL") {
            return Ok(Self::External(url.trim_end_matches('/').to_owned()));
        }
        match set("BACKEND").as_deref() {
            None | Some("ministack") => Ok(Self::MiniStack),
            Some("localstack") => Ok(Self::LocalStack),
            Some(other) => Err(EmulatorError::UnknownBackend(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(variables: &[(&str, &str)]) -> Result<Backend, String> {
        let find =
            |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
        Backend::choose(find).map_err(|error| error.to_string())
    }

    #[test]
    fn ministack_is_used_unless_something_else_is_asked_for() {
        assert_eq!(choose(&[]), Ok(Backend::MiniStack));
        assert_eq!(choose(&[("AWS_ENDPOINT_URL", ""), ("BACKEND", "")]), Ok(Backend::MiniStack));
        assert_eq!(choose(&[("BACKEND", "ministack")]), Ok(Backend::MiniStack));
        assert_eq!(choose(&[("BACKEND", "localstack")]), Ok(Backend::LocalStack));
    }

    #[test]
    fn a_given_endpoint_goes_before_the_backend() {
        let chosen = choose(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1/"), ("BACKEND", "localstack")]);
        assert_eq!(chosen, Ok(Backend::External("http://127.0.0.1:1".to_owned())));
    }

    #[test]
    fn an_unknown_backend_is_an_error_that_lists_the_allowed_ones() {
        let error = choose(&[("BACKEND", "moto")]).expect_err("unknown");
        assert_eq!(error, "BACKEND is moto; allowed are ministack and localstack");
    }
}
