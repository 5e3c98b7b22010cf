//! Says in the message of a panic what was tried.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::test::fail::fail;

/// Says in the message of a panic how the scenario was played.
#[track_caller]
pub(super) fn explained(how: &str, play: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(play)) {
        fail(&format!("{how}: {}", text(panic.as_ref())));
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked")
}
