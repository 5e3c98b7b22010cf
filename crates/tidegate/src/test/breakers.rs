//! Faults of the rows of breakers.

use futures::future::{BoxFuture, FutureExt};

use super::{Call, Faulty};
use crate::breaker::{BreakerState, BreakerStore, Change, Changed, Count};
use crate::failure::Failure;

impl<P: BreakerStore + ?Sized> BreakerStore for Faulty<P> {
    fn look<'a>(&'a self, breaker: &'a str) -> BoxFuture<'a, Result<BreakerState, Failure>> {
        self.call(Call::LookAtBreaker, None, move |port| port.look(breaker)).boxed()
    }

    fn count<'a>(
        &'a self,
        breaker: &'a str,
        count: &'a Count,
    ) -> BoxFuture<'a, Result<BreakerState, Failure>> {
        self.call(Call::CountCalls, None, move |port| port.count(breaker, count)).boxed()
    }

    fn change<'a>(
        &'a self,
        breaker: &'a str,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<Changed, Failure>> {
        self.call(Call::ChangeBreaker, None, move |port| port.change(breaker, change)).boxed()
    }
}
