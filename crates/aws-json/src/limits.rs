//! Limits of the reader.

/// Most levels of nesting (`StreamReadConstraints.DEFAULT_MAX_DEPTH` of Jackson).
pub const DEEPEST: usize = 1_000;

/// Most digits of a number, exponent included (`StreamReadConstraints.DEFAULT_MAX_NUM_LEN` of
/// Jackson).
pub const LONGEST_NUMBER: usize = 1_000;
