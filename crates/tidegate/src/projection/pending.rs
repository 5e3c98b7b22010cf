//! What readers add to counters: amounts of deltas that are not counted yet.

use std::collections::{BTreeMap, HashMap};

use super::delta::{Aside, Delta, Head};
use super::read_model::ReadModel;
use crate::failure::Failure;

/// Amounts that belong to counters and are not in them yet.
///
/// When nothing is in flight there are none, unless an environment died and nobody has finished its
/// work yet. With them, a counter's value is exact at any time.
/// [`View::counter`](crate::query::View::counter) adds them.
///
/// Read them first, and the counters afterwards. For each item that is
/// [a counter](super::is_counter) take what is missing, by the number in its attribute
/// [`COUNTED`](super::COUNTED). What is left belongs to counters that do not exist yet.
///
/// ```
/// # use tidegate::projection::{Pending, ReadModel};
/// # async fn example(model: &dyn ReadModel) -> Result<(), tidegate::failure::Failure> {
/// let mut pending = Pending::read(model).await?;
/// // A counter of slice 3 was read. It has the deltas up to 127, and 10 units.
/// let missing = pending.take("product#85123A", 3, 127);
/// let units = 10 + missing.get("units").copied().unwrap_or(0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pending {
    deltas: HashMap<(String, u32), Vec<Numbered>>,
    /// Amounts that are set aside, because their counter cannot take them. They are in no sum.
    pub aside: Vec<Aside>,
}

/// Amounts for one counter, with the number of their delta.
type Numbered = (u64, BTreeMap<String, i64>);

impl Pending {
    /// Reads what is not counted yet.
    ///
    /// # Errors
    /// Any failure to read it.
    pub async fn read(model: &dyn ReadModel) -> Result<Self, Failure> {
        let (heads, aside) = futures::try_join!(model.heads(), model.aside())?;
        let mut pending = Self { aside, ..Self::default() };
        for head in heads.into_iter().filter(|head| head.applied < head.last) {
            // A delta that is missing was counted meanwhile, and the counters are read later.
            pending.extend(head, model.deltas(head.slice).await?);
        }
        Ok(pending)
    }

    fn extend(&mut self, head: Head, deltas: Vec<Delta>) {
        for delta in deltas.into_iter().filter(|delta| delta.number > head.applied) {
            for (key, add) in delta.counters {
                let add = add.into_iter().map(|(name, amount)| (name.into_owned(), amount));
                let of = self.deltas.entry((key, delta.slice)).or_default();
                of.push((delta.number, add.collect()));
            }
        }
    }

    /// Takes the amounts that a counter does not have yet, whose newest delta has the number
    /// `counted`; 0 if it has none.
    pub fn take(&mut self, key: &str, slice: u32, counted: u64) -> BTreeMap<String, i128> {
        let deltas = self.deltas.remove(&(key.to_owned(), slice)).unwrap_or_default();
        sum(deltas.into_iter().filter(|(number, _)| *number > counted))
    }

    /// Returns the amounts of the counters that were not taken, by key and slice.
    pub fn rest(self) -> impl Iterator<Item = (String, u32, BTreeMap<String, i128>)> {
        self.deltas.into_iter().map(|((key, slice), deltas)| (key, slice, sum(deltas)))
    }
}

fn sum(deltas: impl IntoIterator<Item = Numbered>) -> BTreeMap<String, i128> {
    let mut sums: BTreeMap<String, i128> = BTreeMap::new();
    for (name, amount) in deltas.into_iter().flat_map(|(_, amounts)| amounts) {
        let sum = sums.entry(name).or_default();
        *sum = sum.saturating_add(i128::from(amount));
    }
    sums
}
