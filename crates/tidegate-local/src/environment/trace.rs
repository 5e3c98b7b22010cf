//! X-Ray trace headers.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// Returns a new X-Ray trace header. It is not sampled: the engine collects no traces.
pub(crate) fn trace_id() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut random = [0; 20];
    fastrand::fill(&mut random);
    let (mut root, mut parent) = (String::with_capacity(24), String::with_capacity(16));
    for (place, byte) in random.iter().enumerate() {
        let text = if place < 12 { &mut root } else { &mut parent };
        let _ = write!(text, "{byte:02x}");
    }
    format!("Root=1-{seconds:08x}-{root};Parent={parent};Sampled=0")
}
