//! The slice in which an execution environment counts.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Returns the slice of this execution environment, of so many: 0 to `slices - 1`.
///
/// Each environment has one slice, so concurrent environments rarely write the same counter. The
/// slice follows from the name of the log stream, which is different for each environment.
///
/// ```
/// let slice = tidegate::projection::own_slice(4);
/// assert!(slice < 4);
/// assert_eq!(slice, tidegate::projection::own_slice(4));
/// ```
pub fn own_slice(slices: u64) -> u32 {
    slice_of(std::env::var_os("AWS_LAMBDA_LOG_STREAM_NAME"), slices)
}

fn slice_of(name: impl Hash, slices: u64) -> u32 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    u32::try_from(hasher.finish() % slices.max(1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn environments_spread_over_all_slices() {
        let slices = |of| (0..64).map(|name: u32| slice_of(name, of)).collect::<BTreeSet<_>>();
        assert_eq!(slices(4), BTreeSet::from([0, 1, 2, 3]));
        assert_eq!(slices(0), BTreeSet::from([0]));
    }
}
