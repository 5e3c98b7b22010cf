//! Chooses the parts of a call that are to blame: items of a transaction, statements of a batch.

use super::kind::Fault;
use super::site::Site;

/// Probability with which a part is to blame.
const NAMED: f64 = 0.5;

/// Returns for each part of a call whether it is to blame.
///
/// Seed and site determine which parts are to blame; at least one is.
pub(super) fn chosen(site: &Site, fault: &Fault, parts: usize) -> Vec<bool> {
    let drawn = |part: usize| site.draw(fault.seed.unwrap_or_default(), &format!("item {part}"));
    let mut chosen: Vec<bool> = (0..parts).map(|part| drawn(part) < NAMED).collect();
    if !chosen.contains(&true)
        && let Some(first) = chosen.first_mut()
    {
        *first = true;
    }
    chosen
}
