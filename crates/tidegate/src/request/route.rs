//! The declaration of a route: method, path, and what a request must have.

use std::fmt;

use http::Method;

use super::media::JSON;
use crate::idempotency::{AfterCrash, Effects};

/// Largest body that a route takes unless it declares another, in bytes.
const BODY_BYTES: usize = 256 * 1024;
/// Largest body that reaches a function, in bytes: Lambda's limit of a request.
const LAMBDA_BYTES: usize = 6 * 1024 * 1024;

/// A route: method, path, and what a request must have before the handler sees it.
///
/// Parameters of the path are in braces (`/orders/{order}`). `{*rest}` at the end takes all further
/// segments.
///
/// Without a further declaration, a request needs a caller that an authorizer checked, has a body
/// of 256 KiB at most, and accepts JSON.
///
/// ```
/// use tidegate::request::Route;
///
/// let _ = Route::post("/orders").key_required().scope("orders:write").body_limit(16 * 1024);
/// let _ = Route::get("/health").anonymous();
/// ```
#[derive(Clone)]
pub struct Route {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) key: KeyPolicy,
    pub(super) once: Option<Once>,
    pub(super) anonymous: bool,
    pub(super) scopes: Vec<String>,
    pub(super) body_limit: usize,
    pub(super) produces: String,
}

/// Whether requests of a route have an `Idempotency-Key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyPolicy {
    /// A key is not looked at.
    Ignored,
    Optional,
    Required,
}

/// How a route runs once for each key.
#[derive(Clone, Debug)]
pub(super) struct Once {
    pub(super) effects: Effects,
    pub(super) after_crash: AfterCrash,
}

impl Route {
    /// Creates a route of this method and path.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            key: KeyPolicy::Ignored,
            once: None,
            anonymous: false,
            scopes: Vec::new(),
            body_limit: BODY_BYTES,
            produces: JSON.to_owned(),
        }
    }

    /// Creates a route of GET. It answers HEAD too, unless there is a route of HEAD.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// Creates a route of POST.
    pub fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    /// Creates a route of PUT.
    pub fn put(path: impl Into<String>) -> Self {
        Self::new(Method::PUT, path)
    }

    /// Creates a route of PATCH.
    pub fn patch(path: impl Into<String>) -> Self {
        Self::new(Method::PATCH, path)
    }

    /// Creates a route of DELETE.
    pub fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// Requires an `Idempotency-Key`: a request without one gets a 400.
    #[must_use]
    pub fn key_required(self) -> Self {
        Self { key: KeyPolicy::Required, ..self }
    }

    /// Takes an `Idempotency-Key` if there is one. A request without one runs each time.
    #[must_use]
    pub fn key_optional(self) -> Self {
        Self { key: KeyPolicy::Optional, ..self }
    }

    /// Runs the handler once for each caller and key, and keeps its answer.
    ///
    /// For handlers with an effect outside the event store. A command of an aggregate does not need
    /// it: use [`Request::origin`](super::Request::origin), which writes nothing more.
    ///
    /// An answer is kept and given to every further request with the key. A
    /// [problem](super::Problem) says that the effect did not take place: the key is free again. If
    /// the handler does not know, it returns
    /// [`EffectError::Unknown`](crate::idempotency::EffectError), and `after_crash` decides.
    #[must_use]
    pub fn once(self, effects: Effects, after_crash: AfterCrash) -> Self {
        Self { once: Some(Once { effects, after_crash }), ..self }
    }

    /// Takes requests of callers whom nobody checked. Such a route cannot have a key, because
    /// strangers would share their keys.
    #[must_use]
    pub fn anonymous(self) -> Self {
        Self { anonymous: true, ..self }
    }

    /// Requires that the caller's token has this scope. Further calls add further scopes.
    ///
    /// An IAM principal passes: its policies decide what it may invoke.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Sets the largest body, in bytes; at most 6 MiB, which is Lambda's own limit.
    #[must_use]
    pub fn body_limit(self, bytes: usize) -> Self {
        Self { body_limit: bytes, ..self }
    }

    /// Sets the media type of the answers, which is compared with the client's `Accept`.
    #[must_use]
    pub fn produces(self, media_type: impl Into<String>) -> Self {
        Self { produces: media_type.into(), ..self }
    }

    /// Returns method and pattern, the name of the route in logs and metrics.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Returns what is wrong with the declaration.
    pub(super) fn mistakes(&self) -> Vec<String> {
        let name = self.name();
        let mut mistakes = Vec::new();
        if !self.path.starts_with('/') {
            mistakes.push(format!("route {name}: the path must begin with `/`"));
        }
        if self.path.len() > 256 {
            mistakes.push(format!("route {name}: the path has more than 256 bytes"));
        }
        if self.anonymous && (self.key != KeyPolicy::Ignored || self.once.is_some()) {
            mistakes.push(format!(
                "route {name}: an anonymous route has no key, because strangers would share keys; \
                 put an authorizer in front of it"
            ));
        }
        if self.anonymous && !self.scopes.is_empty() {
            mistakes.push(format!("route {name}: an anonymous caller has no scopes"));
        }
        if self.once.is_some() && self.key == KeyPolicy::Ignored {
            mistakes.push(format!(
                "route {name}: it runs once for each key, and takes no key; add `key_required`"
            ));
        }
        if self.body_limit > LAMBDA_BYTES {
            mistakes.push(format!(
                "route {name}: the body limit is {}; Lambda takes {LAMBDA_BYTES} bytes at most",
                self.body_limit
            ));
        }
        mistakes
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("name", &self.name())
            .field("key", &self.key)
            .field("anonymous", &self.anonymous)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
