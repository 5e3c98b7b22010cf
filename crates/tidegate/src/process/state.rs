//! The states of a process.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// The states of a process: an enum whose variants have names.
///
/// [`derive(State)`](derive@tidegate_derive::State) implements it. The default is the state of an
/// instance before its first event.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the state of a process",
    label = "this type has no names of states",
    note = "write `#[derive(Clone, Serialize, Deserialize, State)]` on the enum `{Self}`"
)]
pub trait State:
    Serialize + DeserializeOwned + Default + Clone + std::fmt::Debug + Send + Sync + 'static
{
    /// Version of the type, from 1.
    const VERSION: u32;
    /// Newest version that this type reads: [`Self::VERSION`], or a newer one whose variants and
    /// fields it has already.
    const READS: u32 = Self::VERSION;
    /// Names of all variants, in their order.
    const NAMES: &'static [&'static str];
    /// Names of the end states.
    const ENDS: &'static [&'static str];

    /// Returns the name of this variant.
    fn name(&self) -> &'static str;

    /// Returns whether this is an end state.
    fn is_end(&self) -> bool {
        Self::ENDS.contains(&self.name())
    }

    /// Decodes a state of any version up to [`Self::READS`].
    ///
    /// # Errors
    /// - `newer_version` (transient): a newer version of the function wrote the state.
    /// - `unsupported_version` (permanent): no chain of versions starts at this one.
    /// - `invalid_data` (permanent): the JSON does not have the shape of the type.
    fn decode(version: u32, data: &str) -> Result<Self, Failure> {
        decode_newest(version, data)
    }
}

/// Decodes a state of the newest version.
///
/// # Errors
/// As [`State::decode`].
fn decode_newest<S: State>(version: u32, data: &str) -> Result<S, Failure> {
    if version > S::READS {
        let reason = format!(
            "the state has version {version}; the newest that this function reads is {}",
            S::READS
        );
        return Err(Failure::transient(Failure::NEWER, reason));
    }
    if version < S::VERSION {
        let reason = format!(
            "the state has version {version}, which this function no longer reads; the oldest is {}",
            S::VERSION
        );
        return Err(Failure::permanent("unsupported_version", reason));
    }
    serde_json::from_str(data).map_err(|error| {
        Failure::permanent("invalid_data", format!("state version {version}: {error}"))
    })
}

/// A state that can be made from the version before it.
///
/// Implemented for each state that implements `From` of that version.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made from `{Previous}`",
    label = "the version before `{Self}`, which it must be made from",
    note = "write `impl From<{Previous}> for {Self}`"
)]
pub trait StateFrom<Previous> {
    /// Converts a state of the version before.
    fn state_from(previous: Previous) -> Self;
}

#[diagnostic::do_not_recommend]
impl<P, S: From<P>> StateFrom<P> for S {
    fn state_from(previous: P) -> Self {
        Self::from(previous)
    }
}

/// Decodes a state of any version up to that of `S`, whose version before is `P`.
///
/// The code that `derive(State)` writes calls it.
///
/// # Errors
/// As [`State::decode`].
#[doc(hidden)]
pub fn decode_from<P: State, S: State + StateFrom<P>>(
    version: u32,
    data: &str,
) -> Result<S, Failure> {
    if version < S::VERSION {
        return P::decode(version, data).map(S::state_from);
    }
    decode_newest(version, data)
}
