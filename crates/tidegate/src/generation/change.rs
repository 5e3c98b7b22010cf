//! Changes a stored pointer.

use super::pointer::Pointer;
use super::port::Pointers;
use super::refused::Refused;
use crate::failure::{Class, Failure};
use crate::store::Retry;

/// Changes the pointer of a projection: reads it, calls `next`, and writes the result. After a lost
/// race or a transient failure it reads again, so `next` may be called several times. It must
/// return the pointer as it is if its change is already there.
///
/// Returns the pointer as it is stored now. The inner error is that of `next`.
///
/// # Errors
/// Any failure to read or write the pointer. It may be written all the same.
pub async fn change(
    pointers: &dyn Pointers,
    projection: &str,
    retry: Retry,
    mut next: impl FnMut(&Pointer) -> Result<Pointer, Refused>,
) -> Result<Result<Pointer, Refused>, Failure> {
    let mut last = Failure::transient(
        "pointer_moved",
        format!("other changes of the pointer of {projection} were faster in every attempt"),
    );
    for attempt in 0..retry.attempts {
        if attempt > 0 {
            tokio::time::sleep(retry.pause_after(attempt - 1)).await;
        }
        match once(pointers, projection, &mut next).await {
            Ok(Some(changed)) => return Ok(changed),
            Ok(None) => {}
            Err(failure) if failure.class() == Class::Permanent => return Err(failure),
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

async fn once(
    pointers: &dyn Pointers,
    projection: &str,
    next: &mut impl FnMut(&Pointer) -> Result<Pointer, Refused>,
) -> Result<Option<Result<Pointer, Refused>>, Failure> {
    let there = pointers.read(projection).await?;
    match next(&there) {
        Err(refused) => Ok(Some(Err(refused))),
        Ok(same) if same == there => Ok(Some(Ok(there))),
        Ok(changed) => Ok(pointers.write(&changed).await?.map(Ok)),
    }
}
