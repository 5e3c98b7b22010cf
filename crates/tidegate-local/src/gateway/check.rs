//! What a route asks of its callers.

use topology::{Api, Authorization, Authorizer, Route};

/// What a route asks of its callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Nothing.
    Open,
    /// A signature with local credentials.
    Iam,
    /// A token that an authorizer accepts, with one of the scopes if there are any.
    Token {
        /// The authorizer.
        authorizer: Authorizer,
        /// Scopes of the route.
        scopes: Vec<String>,
    },
}

impl From<Authorization> for Check {
    fn from(authorization: Authorization) -> Self {
        match authorization {
            Authorization::Iam => Self::Iam,
            Authorization::None => Self::Open,
        }
    }
}

impl Check {
    /// Returns what a route of an API asks.
    ///
    /// Returns `None` unless the route names a declared authorizer or an authorization, as in every
    /// checked topology.
    pub(crate) fn from_route(route: &Route, api: &Api) -> Option<Self> {
        match (&route.authorizer, route.authorization) {
            (None, authorization) => authorization.map(Self::from),
            (Some(name), None) => Some(Self::Token {
                authorizer: api.authorizers.get(name)?.clone(),
                scopes: route.scopes.clone(),
            }),
            (Some(_), Some(_)) => None,
        }
    }
}
