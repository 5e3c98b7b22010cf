//! The handlers of the routes: each takes a checked request and returns an answer or a problem.

mod cancel;
mod list;
mod place;
mod show;
mod stock;

pub(crate) use cancel::cancel;
pub(crate) use list::list;
pub(crate) use place::place;
pub(crate) use show::show;
pub(crate) use stock::stock;
