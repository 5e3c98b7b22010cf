//! Errors for inputs that the state does not allow.

use super::batch::BatchState;
use super::step::Input;
use crate::driver::IllegalInput;

pub(super) fn illegal_batch(batch: u64, state: Option<BatchState>, input: &Input) -> IllegalInput {
    let state = state.map_or_else(
        || format!("batch {batch}, which does not exist,"),
        |state| format!("batch {batch}, {state},"),
    );
    illegal(state, input)
}

pub(super) fn illegal(state: String, input: &Input) -> IllegalInput {
    IllegalInput { machine: "queue mapping".to_owned(), state, input: input.to_string() }
}
