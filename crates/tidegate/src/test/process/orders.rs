//! Tries inputs in every order.

use super::explained::explained;
use crate::envelope::Envelope;
use crate::test::fail::fail;

/// Most inputs that are tried in every order: 720 orders.
const MOST_INPUTS: usize = 6;

/// Calls `try_order` with each order of the inputs.
#[track_caller]
pub(super) fn in_every_order(inputs: Vec<Envelope>, mut try_order: impl FnMut(&[Envelope])) {
    if inputs.len() > MOST_INPUTS {
        fail(&format!("{} inputs have too many orders: give at most {MOST_INPUTS}", inputs.len()));
    }
    let mut inputs = inputs;
    let places = inputs.len();
    permute(&mut inputs, places, &mut |order: &[Envelope]| {
        let kinds: Vec<_> = order.iter().map(|envelope| &*envelope.kind).collect();
        let how = format!("in the order {}", kinds.join(", "));
        explained(&how, || try_order(order));
    });
}

/// Heap's algorithm: visits each order of the first `places` items once.
fn permute<T>(items: &mut [T], places: usize, visit: &mut impl FnMut(&[T])) {
    if places <= 1 {
        return visit(items);
    }
    for place in 0..places {
        permute(items, places - 1, visit);
        if place + 1 < places {
            items.swap(if places.is_multiple_of(2) { place } else { 0 }, places - 1);
        }
    }
}
