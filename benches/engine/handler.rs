//! The function: it does nothing but report each event and its time to the collector.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{SystemTime, UNIX_EPOCH};

use benchmarks::problem::Problem;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use memchr::memmem;
use parking_lot::Mutex;
use serde_json::value::RawValue;

use crate::function::{COLLECTOR, FAILS, TALKS};

/// Serves invocations until the process is killed.
pub(crate) async fn run() -> Result<(), Problem> {
    let collector =
        std::env::var(COLLECTOR).map_err(|_| Problem::new(format!("{COLLECTOR} is not set")))?;
    let collector = Mutex::new(UnixStream::connect(collector)?);
    let (talks, fails) = (std::env::var_os(TALKS).is_some(), std::env::var_os(FAILS).is_some());
    let handle = |event: LambdaEvent<Box<RawValue>>| {
        let told = tell(&mut collector.lock(), event.payload.get());
        async move {
            told?;
            if talks {
                writeln!(std::io::stdout().lock(), "handled")?;
            }
            if fails { Err(Error::from("asked to fail")) } else { Ok(()) }
        }
    };
    lambda_runtime::run(service_fn(handle)).await.map_err(|error| Problem::new(error.to_string()))
}

/// Returns the report of an invocation: time, number of records, length of the event, and the
/// event.
fn tell(collector: &mut UnixStream, event: &str) -> Result<(), Error> {
    let at = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let mut head = [0; crate::collector::HEAD];
    head[..8].copy_from_slice(&u64::try_from(at.as_nanos())?.to_le_bytes());
    head[8..12].copy_from_slice(&records(event.as_bytes()).to_le_bytes());
    head[12..].copy_from_slice(&u32::try_from(event.len())?.to_le_bytes());
    collector.write_all(&head)?;
    Ok(collector.write_all(event.as_bytes())?)
}

/// Counts the records of an event by text search.
///
/// Every record of a mapping names its source, and an event of a bus has a `detail`. Neither text
/// can occur in a record's own data, which is base64 or has escaped quotes.
fn records(event: &[u8]) -> u32 {
    let count = |text: &str| memmem::find_iter(event, text).count();
    u32::try_from(count("\"eventSourceARN\"") + count("\"detail-type\"")).unwrap_or(u32::MAX)
}
