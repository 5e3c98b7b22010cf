//! Changes of the attributes of a row.

use std::collections::{BTreeMap, BTreeSet};

use super::value::{NUMBER_BYTES, Value};

/// Attributes of the row that belong to its key and its guard.
const GUARD_ATTRIBUTES: [&str; 11] = [
    "stream",
    "version",
    "event_id",
    "counted",
    "part",
    "cut",
    "parked",
    "parked_at",
    "parked_code",
    "parked_reason",
    "applied_at",
];

/// Changes of the source aggregate's row.
///
/// The attributes `stream`, `version`, `event_id`, `counted`, `part`, `cut`, `parked`, `parked_at`,
/// `parked_code`, `parked_reason` and `applied_at` belong to the guard. Changing one of them is a
/// permanent failure.
///
/// ```
/// use tidegate::projection::RowUpdate;
///
/// let placed = RowUpdate::default()
///     .set("status", "placed")
///     .set_some("customer", None::<&str>)
///     .add("orders", 1);
/// assert_eq!(placed.set.len(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowUpdate {
    /// Attributes to set.
    pub set: BTreeMap<&'static str, Value>,
    /// Attributes to set if they do not exist yet.
    pub defaults: BTreeMap<&'static str, Value>,
    /// Amounts to add to attributes. A missing attribute counts as 0.
    pub add: BTreeMap<&'static str, i64>,
    /// Attributes to remove, before all other changes.
    pub remove: BTreeSet<&'static str>,
}

impl RowUpdate {
    /// Sets an attribute.
    #[must_use]
    pub fn set(self, name: &'static str, value: impl Into<Value>) -> Self {
        self.followed_by(Self { set: BTreeMap::from([(name, value.into())]), ..Self::default() })
    }

    /// Sets an attribute if there is a value.
    #[must_use]
    pub fn set_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    /// Sets an attribute if it does not exist yet.
    #[must_use]
    pub fn set_if_absent(self, name: &'static str, value: impl Into<Value>) -> Self {
        let defaults = BTreeMap::from([(name, value.into())]);
        self.followed_by(Self { defaults, ..Self::default() })
    }

    /// Adds an amount to an attribute.
    #[must_use]
    pub fn add(self, name: &'static str, amount: i64) -> Self {
        self.followed_by(Self { add: BTreeMap::from([(name, amount)]), ..Self::default() })
    }

    /// Removes an attribute.
    ///
    /// ```
    /// use tidegate::projection::RowUpdate;
    ///
    /// let paid = RowUpdate::default().set("status", "paid").remove("due_at");
    /// assert!(paid.remove.contains("due_at"));
    /// ```
    #[must_use]
    pub fn remove(self, name: &'static str) -> Self {
        self.followed_by(Self { remove: BTreeSet::from([name]), ..Self::default() })
    }

    /// Merges a later change at once, because DynamoDB allows only one clause per attribute.
    fn followed_by(mut self, later: Self) -> Self {
        self.then(&later);
        self
    }

    /// Returns an attribute that this update changes although it belongs to the guard.
    pub(super) fn touches_guard(&self) -> Option<&'static str> {
        self.touches(&GUARD_ATTRIBUTES)
    }

    /// Returns one of these attributes, if this update changes it.
    pub(crate) fn touches(&self, attributes: &[&str]) -> Option<&'static str> {
        let written = self.set.keys().chain(self.defaults.keys()).chain(self.add.keys());
        written.chain(&self.remove).copied().find(|name| attributes.contains(name))
    }

    /// Returns an attribute whose value has more levels than DynamoDB stores.
    pub(crate) fn too_deep(&self) -> Option<&'static str> {
        let mut values = self.set.iter().chain(&self.defaults);
        values.find(|(_, value)| value.is_too_deep()).map(|(name, _)| *name)
    }

    /// Estimates the bytes of the update in a request and in the row.
    pub(super) fn size(&self) -> usize {
        let values =
            self.set.iter().chain(&self.defaults).map(|(name, value)| name.len() + value.size());
        let added = self.add.keys().map(|name| name.len() + NUMBER_BYTES);
        values.chain(added).chain(self.remove.iter().map(|name| name.len())).sum()
    }

    /// Appends a later update, so that this update has the effect of both.
    ///
    /// For example, `set a = 1` followed by `add 2 to a` becomes `set a = 3`. An amount added to a
    /// text stays a second change of the attribute, which DynamoDB refuses. After `remove a`, a
    /// default and an amount set the attribute, because it does not exist.
    pub(super) fn then(&mut self, later: &Self) {
        for name in &later.remove {
            self.forget(name);
            self.remove.insert(name);
        }
        for (name, value) in &later.set {
            self.forget(name);
            self.set.insert(name, value.clone());
        }
        for (name, value) in &later.defaults {
            if self.remove.remove(name) {
                self.set.insert(name, value.clone());
            }
            // An earlier change has written the attribute, so it exists.
            if !self.set.contains_key(name) && !self.add.contains_key(name) {
                self.defaults.entry(name).or_insert_with(|| value.clone());
            }
        }
        for (name, amount) in &later.add {
            if self.remove.remove(name) {
                self.set.insert(name, Value::Number(0));
            }
            match self.set.get_mut(name) {
                Some(Value::Number(number)) => *number = number.saturating_add(*amount),
                _ => {
                    let sum = self.add.entry(name).or_default();
                    *sum = sum.saturating_add(*amount);
                }
            }
        }
    }

    /// Drops every earlier change of an attribute.
    fn forget(&mut self, name: &str) {
        self.set.remove(name);
        self.defaults.remove(name);
        self.add.remove(name);
        self.remove.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn then(first: RowUpdate, later: &RowUpdate) -> RowUpdate {
        let mut merged = first;
        merged.then(later);
        merged
    }

    #[test]
    fn a_default_gives_way_to_a_value_before_and_after_it() {
        let placed = RowUpdate::default().set("status", "placed");
        let rejected =
            RowUpdate::default().set_if_absent("status", "rejected").add("rejections", 1);
        for merged in [then(placed.clone(), &rejected), then(rejected.clone(), &placed)] {
            assert_eq!(merged.set["status"], Value::from("placed"));
            assert!(merged.defaults.is_empty());
        }
        assert_eq!(then(rejected.clone(), &rejected).add["rejections"], 2);
    }

    #[test]
    fn setting_and_adding_one_attribute_merge_as_if_done_one_after_the_other() {
        let set = RowUpdate::default().set("count", 10);
        let add = RowUpdate::default().add("count", 1);
        let set_add = then(set.clone(), &add);
        assert_eq!((&set_add.set["count"], set_add.add.len()), (&Value::from(11), 0));
        let add_set = then(add.clone(), &set);
        assert_eq!((&add_set.set["count"], add_set.add.len()), (&Value::from(10), 0));
        let default = RowUpdate::default().set_if_absent("count", 5);
        assert!(then(add, &default).defaults.is_empty());
    }

    #[test]
    fn what_is_removed_does_not_exist_for_later_changes() {
        let update = RowUpdate::default;
        let gone = update().set("a", 1).set_if_absent("b", 1).add("c", 1).remove("d");
        let removed = then(gone, &update().remove("a").remove("b").remove("c").remove("e"));
        let only = update().remove("a").remove("b").remove("c").remove("d").remove("e");
        assert_eq!(removed, only);
        assert_eq!(removed.remove.len(), 5);
        let again =
            update().set("a", "x").set_if_absent("b", "y").set_if_absent("b", "z").add("c", 7);
        let again = then(removed, &again.set_if_absent("d", 5).add("d", 2));
        let set = update().set("a", "x").set("b", "y").set("c", 7).set("d", 7).remove("e");
        assert_eq!(again, set);
    }

    #[test]
    fn a_size_counts_names_and_values_as_dynamodb_does() {
        for (row, bytes) in [
            (RowUpdate::default().set("text", "größe"), 4 + 7),
            (RowUpdate::default().set_if_absent("number", 1), 6 + 21),
            (
                RowUpdate::default().set("list", vec!["a".to_owned(), "bc".to_owned()]),
                4 + 3 + 2 + 3,
            ),
            (RowUpdate::default().add("n", 1).add("units", 1), 1 + 21 + 5 + 21),
            (RowUpdate::default().remove("due"), 3),
        ] {
            assert_eq!(row.size(), bytes, "{row:?}");
        }
    }

    #[test]
    fn an_update_is_built_as_if_its_steps_were_done_one_after_the_other() {
        let built = RowUpdate::default().add("n", 1).set("n", 5).add("n", 2).set_if_absent("n", 9);
        assert_eq!(
            (&built.set["n"], built.add.len(), built.defaults.len()),
            (&Value::from(7), 0, 0)
        );
        let optional =
            RowUpdate::default().set("n", 1).set_some("n", None::<i64>).set_some("m", Some(2));
        assert_eq!((&optional.set["n"], &optional.set["m"]), (&Value::from(1), &Value::from(2)));
        let default = RowUpdate::default().set_if_absent("n", 5).add("n", 2);
        assert_eq!(
            (&default.defaults["n"], default.add["n"]),
            (&Value::from(5), 2),
            "5, or what is there, and 2"
        );
    }
}
