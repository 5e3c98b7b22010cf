//! Generations of a read model: which one is read, and who builds another.
//!
//! A projection may have several *generations*: read models with the same keys and settings, each
//! complete by itself. Generation 1 is in the tables that the topology names; generation `n` is in
//! tables with the suffix `.gn`. The function of the projection feeds all declared generations.
//!
//! The *pointer* of a projection says which generation is live. Readers follow it
//! ([`Views`](crate::query::Views)), and a rebuild moves it after it proved the new generation. It
//! also has the state of a rebuild, and the *fence* that stops the writers of the projection while
//! two generations are compared.
//!
//! Every change of a pointer is a function of the pointer that was read ([`Pointer`]), and is
//! written only if the stored one is still the same ([`Pointers::write`], [`change()`]).

mod change;
mod dynamodb;
mod generations;
#[cfg(any(test, feature = "test-kit"))]
pub(crate) mod memory;
mod pointer;
mod port;
mod refused;
mod transitions;

pub use change::change;
pub use dynamodb::{DynamoDbPointers, POINTER_KEY};
pub use generations::{Generations, InvalidGenerations, table_of};
pub use pointer::{Fence, Pointer, Rebuild, Segment};
pub use port::{PointerReader, Pointers};
pub use refused::Refused;

#[cfg(test)]
mod tests;
