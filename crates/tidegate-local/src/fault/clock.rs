//! Wrong clocks of functions, with libfaketime.

use std::path::{Path, PathBuf};

/// Where Debian's package `libfaketime` and others install the library.
const PLACES: [&str; 5] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
    "/usr/local/lib/faketime/libfaketime.so.1",
];

/// libfaketime is missing, so a clock cannot be skewed.
#[derive(Debug, thiserror::Error)]
#[error(
    "the fault plan skews a clock, which needs libfaketime: install it (Debian: apt-get install libfaketime), or name its library in TIDEGATE_LIBFAKETIME"
)]
pub struct ClockError;

/// Returns the variables of a process whose clock is off by `skew_seconds`.
///
/// Only the time of day is wrong; timers are right.
///
/// # Errors
/// Returns [`ClockError`] if libfaketime is not installed.
pub fn variables(skew_seconds: i64) -> Result<Vec<(String, String)>, ClockError> {
    let library = library().ok_or(ClockError)?;
    let set = [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME", format!("{skew_seconds:+}")),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    Ok(set.map(|(name, value)| (name.to_owned(), value)).into())
}

fn library() -> Option<PathBuf> {
    match std::env::var_os("TIDEGATE_LIBFAKETIME") {
        Some(named) => Some(PathBuf::from(named)).filter(|path| path.is_file()),
        None => PLACES.iter().map(Path::new).find(|path| path.is_file()).map(Path::to_owned),
    }
}
