//! Adds faults to the port of pointers.

use futures::future::{BoxFuture, FutureExt};

use super::{Call, Faulty};
use crate::failure::Failure;
use crate::generation::{Pointer, PointerReader, Pointers};

impl<P: PointerReader + ?Sized> PointerReader for Faulty<P> {
    fn read<'a>(&'a self, projection: &'a str) -> BoxFuture<'a, Result<Pointer, Failure>> {
        self.call(Call::PointerRead, None, move |port| port.read(projection)).boxed()
    }
}

impl<P: Pointers + ?Sized> Pointers for Faulty<P> {
    fn write<'a>(
        &'a self,
        pointer: &'a Pointer,
    ) -> BoxFuture<'a, Result<Option<Pointer>, Failure>> {
        self.call(Call::PointerWrite, Some(Ok(None)), move |port| port.write(pointer)).boxed()
    }
}
