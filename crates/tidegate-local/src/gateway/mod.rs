//! Answers HTTP: a port for each HTTP API and for each function URL.
//!
//! A request becomes an event in payload format 2.0, and the function's answer becomes the response
//! (AWS docs: Create AWS Lambda proxy integrations for HTTP APIs; Invoking Lambda function URLs).
//! The order of the steps: `server` finds the route, takes a token of the stage's bucket
//! (`throttle`), reads the body within the limits, checks the caller (`authorizer`), builds the
//! event (`event`), invokes the function, and reads its answer (`answer`).
//!
//! What differs from AWS, because AWS does not document it or because it runs on one machine:
//!
//! - Tokens. API Gateway takes only RSA signatures. The engine's own [`Issuer`] signs with ES256;
//!   keys of a key-set file must be RSA keys.
//! - Callers. There is one set of local credentials, of the account's root, which may call
//!   everything. No policy is evaluated.
//! - Steps. AWS does not say whether throttling or authorization comes first.
//! - Web pages. No CORS is declared, so requests of web pages are refused.

mod answer;
mod authorizer;
mod check;
mod counts;
mod event;
mod issuer;
mod keys;
mod limits;
mod refusal;
mod request;
mod server;
mod service;
mod signature;
mod throttle;
mod token;

pub(crate) use check::Check;
pub use counts::GatewayStatus;
pub use issuer::{Issuer, IssuerError};
pub(crate) use keys::KeySet;
pub use keys::KeySetError;
pub(crate) use server::{Gateway, Served, ServedRoute};
pub use service::Service;
pub(crate) use throttle::Bucket;
