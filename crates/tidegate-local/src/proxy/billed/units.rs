//! Converts bytes into billed units.

/// Bytes of a write unit of DynamoDB.
pub(super) const WRITE: usize = 1024;
/// Factor of transactional reads and writes of DynamoDB.
pub(super) const TRANSACTIONAL: f64 = 2.0;

/// Returns bytes in whole units of this size, at least one.
#[expect(clippy::cast_precision_loss, reason = "requests have at most 16 MB")]
pub(super) fn units(bytes: usize, size: usize) -> f64 {
    bytes.div_ceil(size).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::units;

    #[test]
    fn a_part_of_a_unit_counts_as_a_whole_one() {
        assert_eq!([0, 1, 1024, 1025].map(|bytes| units(bytes, 1024)), [1.0, 1.0, 1.0, 2.0]);
    }
}
