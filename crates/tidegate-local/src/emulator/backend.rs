//! The choice of an emulator.

use std::env;

use super::error::EmulatorError;

/// An AWS-compatible backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// MiniStack, started by the engine. This is the default.
    MiniStack,
    /// LocalStack, started by the engine: with Docker if a daemon answers, otherwise as a local
    /// process.
    LocalStack,
    /// A service that already runs, at this URL.
    External(String),
}

impl Backend {
    /// Chooses a backend from environment variables.
    ///
    /// `AWS_ENDPOINT_URL` comes first, then `BACKEND` (`ministack` or `localstack`). The default is
    /// MiniStack. An empty variable counts as unset.
    ///
    /// # Errors
    /// `BACKEND` has another value.
    pub fn from_environment() -> Result<Self, EmulatorError> {
        let variable = |name| env::var(name).ok();
        Self::named(variable("AWS_ENDPOINT_URL").as_deref(), variable("BACKEND").as_deref())
    }

    /// Chooses a backend by endpoint, otherwise by name (`ministack` or `localstack`).
    ///
    /// The default is MiniStack. An empty text counts as not given.
    ///
    /// # Errors
    /// No backend has the name.
    pub fn named(endpoint: Option<&str>, name: Option<&str>) -> Result<Self, EmulatorError> {
        if let Some(url) = endpoint.filter(|url| !url.is_empty()) {
            return Ok(Self::External(url.trim_end_matches('/').to_owned()));
        }
        match name.filter(|name| !name.is_empty()) {
            None | Some("ministack") => Ok(Self::MiniStack),
            Some("localstack") => Ok(Self::LocalStack),
            Some(other) => Err(EmulatorError::UnknownBackend(other.to_owned())),
        }
    }

    /// Returns the name in messages and in the status.
    pub fn name(&self) -> &'static str {
        match self {
            Self::MiniStack => "ministack",
            Self::LocalStack => "localstack",
            Self::External(_) => "external",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(endpoint: &str, name: &str) -> Result<Backend, String> {
        Backend::named(Some(endpoint), Some(name)).map_err(|error| error.to_string())
    }

    #[test]
    fn ministack_is_used_unless_something_else_is_asked_for() {
        assert_eq!(Backend::named(None, None).unwrap(), Backend::MiniStack);
        assert_eq!(choose("", ""), Ok(Backend::MiniStack));
        assert_eq!(choose("", "ministack"), Ok(Backend::MiniStack));
        assert_eq!(choose("", "localstack"), Ok(Backend::LocalStack));
    }

    #[test]
    fn a_given_endpoint_goes_before_the_backend() {
        let chosen = choose("http://127.0.0.1:1/", "localstack");
        assert_eq!(chosen, Ok(Backend::External("http://127.0.0.1:1".to_owned())));
    }

    #[test]
    fn an_unknown_backend_is_an_error_that_lists_the_allowed_ones() {
        let error = choose("", "moto").unwrap_err();
        assert_eq!(
            error,
            "unknown backend moto (BACKEND or --backend); use ministack or localstack"
        );
    }
}
