//! Answers HTTP requests of API Gateway's HTTP APIs (payload 2.0) and of function URLs (feature
//! `http`).
//!
//! An [`Api`] has [`Route`]s. A handler gets a [`Call`] with the body, the path and the query in
//! types of its own, and returns an [`Answer`] or a [`Problem`]. Before it runs, the API checks:
//!
//! | check | otherwise |
//! |---|---|
//! | path is UTF-8, without control characters and `..` | 400, 414 |
//! | path and method of a route | 404, 405 with `Allow` |
//! | caller, as the authorizer established it; scopes | 401, 403 |
//! | `Accept` | 406 |
//! | `Idempotency-Key`, where the route takes one | 400 |
//! | size and type of the body | 413, 415 |
//! | body is JSON, and all parts fit their types | 400, 422 |
//!
//! Every error is a problem document of RFC 9457.
//!
//! # Repeated requests
//!
//! A client repeats a request with the same `Idempotency-Key`. Two ways lead to one effect:
//!
//! | handler | how | cost |
//! |---|---|---|
//! | decides a command of an aggregate | [`Request::origin`] and
//! [`execute`](crate::store::execute()) | none |
//! | has an effect elsewhere | [`Route::once`] | two writes |
//!
//! `docs/concepts/requests.md` in the repository has guarantees, costs and limits.

mod answer;
mod api;
mod call;
mod caller;
mod correlation;
mod decode;
mod event;
mod headers;
mod key;
mod media;
mod metrics;
mod once;
mod path;
mod problem;
mod problem_of;
mod response;
mod route;
mod router;
mod rules;
mod service;
mod spans;

pub use answer::Answer;
pub use api::Api;
pub use call::{Call, Request};
pub use caller::{Caller, Iam, Jwt};
pub use headers::Headers;
#[doc(no_inline)]
pub use http::{Method, StatusCode};
pub use key::{InvalidKey, RequestKey};
pub use problem::Problem;
pub use route::Route;
pub use service::ApiService;

#[cfg(test)]
mod tests;
