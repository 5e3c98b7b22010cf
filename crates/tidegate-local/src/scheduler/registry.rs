//! All schedules and groups: what Scheduler's API changes, and the machine follows.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::definition::Definition;
use super::invalid::Invalid;
use super::key::{DEFAULT_GROUP, Key};
use super::progress::Progress;
use super::step::Input;
use super::store::Store;

/// All schedules and groups.
#[derive(Debug)]
pub struct Registry {
    known: Mutex<Known>,
    store: Store,
    machine: mpsc::UnboundedSender<Input>,
    /// Taken by the machine's driver.
    inputs: Mutex<Option<mpsc::UnboundedReceiver<Input>>>,
}

#[derive(Debug, Default)]
struct Known {
    schedules: BTreeMap<Key, Arc<Definition>>,
    groups: BTreeMap<String, Timestamp>,
}

/// Why a request changes nothing.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// AWS's `ValidationException`.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// AWS's `ConflictException`.
    #[error("{0}")]
    Conflict(String),
    /// AWS's `ResourceNotFoundException`.
    #[error("{0}")]
    NotFound(String),
    /// The state directory cannot be written to.
    #[error("the schedule cannot be stored: {0}")]
    Store(#[from] io::Error),
}

impl Registry {
    /// Opens the schedules in a directory, with those that are declared.
    ///
    /// Groups and schedules of `owned` that are no longer declared are deleted.
    ///
    /// # Errors
    /// The directory cannot be used, or holds a file that is not a schedule's.
    pub fn open(
        directory: &Path,
        declared: Vec<Definition>,
        groups: impl IntoIterator<Item = String>,
        owned: &str,
    ) -> io::Result<Self> {
        let (store, stored) = Store::open(directory)?;
        let (machine, inputs) = mpsc::unbounded_channel();
        let now = Timestamp::now();
        let mut known = Known { groups: stored.groups, ..Known::default() };
        let fixed = [DEFAULT_GROUP.to_owned(), owned.to_owned()];
        for group in groups.into_iter().chain(fixed) {
            known.groups.entry(group).or_insert(now);
        }
        store.keep_groups(&known.groups)?;
        let registry =
            Self { known: Mutex::new(known), store, machine, inputs: Mutex::new(Some(inputs)) };
        let mut progress: BTreeMap<Key, Progress> = BTreeMap::new();
        for (definition, kept) in stored.schedules {
            let is_gone = definition.key.group == owned
                && declared.iter().all(|declared| declared.key != definition.key);
            if is_gone {
                registry.store.remove_definition(&definition.key)?;
                registry.store.remove_progress(&definition.key)?;
                continue;
            }
            progress.extend(kept.map(|kept| (definition.key.clone(), kept)));
            registry.known.lock().schedules.insert(definition.key.clone(), Arc::new(definition));
        }
        for mut definition in declared {
            let mut known = registry.known.lock();
            if let Some(earlier) = known.schedules.get(&definition.key) {
                definition.created = earlier.created;
                definition.revision = earlier.revision + 1;
                if earlier.asks_for_the_same(&definition) {
                    continue;
                }
            }
            registry.store.keep_definition(&definition)?;
            known.schedules.insert(definition.key.clone(), Arc::new(definition));
        }
        let definitions: Vec<_> = registry.known.lock().schedules.values().cloned().collect();
        for definition in definitions {
            let progress = progress.remove(&definition.key);
            registry.tell(&definition, progress).map_err(io::Error::other)?;
        }
        Ok(registry)
    }

    fn tell(&self, definition: &Definition, progress: Option<Progress>) -> Result<(), Invalid> {
        let spec = Box::new(definition.spec()?);
        self.send(Input::Put { key: definition.key.clone(), spec, progress });
        Ok(())
    }

    fn send(&self, input: Input) {
        // Nobody receives after the end of the machine, and the file has everything.
        let _ = self.machine.send(input);
    }

    /// Returns the inputs for the machine, once.
    pub(super) fn inputs(&self) -> Option<mpsc::UnboundedReceiver<Input>> {
        self.inputs.lock().take()
    }

    pub(super) fn keep(&self, key: &Key, progress: &Progress) -> io::Result<()> {
        self.store.keep_progress(key, progress)
    }

    pub(super) fn forget(&self, key: &Key) -> io::Result<()> {
        self.store.remove_progress(key)
    }

    /// Returns the definition of a schedule.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Arc<Definition>> {
        self.known.lock().schedules.get(key).cloned()
    }

    /// Returns all definitions, by group and name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Definition>> {
        self.known.lock().schedules.values().cloned().collect()
    }

    /// Returns the groups and when each was created.
    #[must_use]
    pub fn groups(&self) -> BTreeMap<String, Timestamp> {
        self.known.lock().groups.clone()
    }

    /// Creates a schedule. A repetition with the same client token changes nothing.
    ///
    /// # Errors
    /// The name exists, the group does not, or it cannot be stored.
    pub fn create(&self, definition: Definition) -> Result<(), Refused> {
        let mut known = self.known.lock();
        check_group(&known, &definition.key.group)?;
        if let Some(existing) = known.schedules.get(&definition.key) {
            let is_repeated = definition.client_token.is_some()
                && existing.client_token == definition.client_token
                && existing.asks_for_the_same(&definition);
            if is_repeated {
                return Ok(());
            }
            let Key { group, name } = &definition.key;
            return Err(Refused::Conflict(format!(
                "Schedule {name} already exists in schedule group {group}."
            )));
        }
        self.store.keep_definition(&definition)?;
        self.tell(&definition, None)?;
        known.schedules.insert(definition.key.clone(), Arc::new(definition));
        Ok(())
    }

    /// Replaces the definition of a schedule.
    ///
    /// # Errors
    /// The schedule does not exist, or it cannot be stored.
    pub fn update(&self, mut definition: Definition) -> Result<(), Refused> {
        let mut known = self.known.lock();
        check_group(&known, &definition.key.group)?;
        let existing =
            known.schedules.get(&definition.key).ok_or_else(|| missing(&definition.key))?;
        definition.identity.clone_from(&existing.identity);
        definition.created = existing.created;
        definition.revision = existing.revision + 1;
        definition.client_token.clone_from(&existing.client_token);
        self.store.keep_definition(&definition)?;
        self.tell(&definition, None)?;
        known.schedules.insert(definition.key.clone(), Arc::new(definition));
        Ok(())
    }

    /// Deletes a schedule. What it owes is not delivered any more.
    ///
    /// # Errors
    /// The schedule does not exist, or its file cannot be removed.
    pub fn delete(&self, key: &Key) -> Result<(), Refused> {
        let mut known = self.known.lock();
        if !known.schedules.contains_key(key) {
            return Err(missing(key));
        }
        self.store.remove_definition(key)?;
        known.schedules.remove(key);
        self.send(Input::Removed { key: key.clone() });
        Ok(())
    }

    /// Deletes a schedule that is done, unless its definition has changed since.
    pub(super) fn complete(&self, key: &Key, revision: u64) -> io::Result<()> {
        let mut known = self.known.lock();
        let is_same = known.schedules.get(key).is_some_and(|known| known.revision == revision);
        if is_same {
            self.store.remove_definition(key)?;
            known.schedules.remove(key);
        }
        Ok(())
    }

    /// Fires a schedule once, now, whether it is enabled or not.
    ///
    /// # Errors
    /// The schedule does not exist.
    pub fn fire(&self, key: &Key) -> Result<(), Refused> {
        self.get(key).ok_or_else(|| missing(key))?;
        self.send(Input::Fire { key: key.clone() });
        Ok(())
    }

    /// Creates a group.
    ///
    /// # Errors
    /// The name exists, or it cannot be stored.
    pub fn create_group(&self, name: &str, now: Timestamp) -> Result<(), Refused> {
        let mut known = self.known.lock();
        if known.groups.contains_key(name) {
            return Err(Refused::Conflict(format!("Schedule group {name} already exists.")));
        }
        let mut groups = known.groups.clone();
        groups.insert(name.to_owned(), now);
        self.store.keep_groups(&groups)?;
        known.groups = groups;
        Ok(())
    }

    /// Deletes a group with its schedules.
    ///
    /// # Errors
    /// It does not exist, is AWS's own, or cannot be removed.
    pub fn delete_group(&self, name: &str) -> Result<(), Refused> {
        if name == DEFAULT_GROUP {
            return Err(Invalid("The default schedule group cannot be deleted.".to_owned()).into());
        }
        let keys: Vec<Key> = {
            let mut known = self.known.lock();
            check_group(&known, name)?;
            let mut groups = known.groups.clone();
            groups.remove(name);
            self.store.keep_groups(&groups)?;
            known.groups = groups;
            known.schedules.keys().filter(|key| key.group == name).cloned().collect()
        };
        keys.iter().try_for_each(|key| self.delete(key))
    }
}

fn missing(key: &Key) -> Refused {
    Refused::NotFound(format!("Schedule {} does not exist.", key.name))
}

fn check_group(known: &Known, group: &str) -> Result<(), Refused> {
    if known.groups.contains_key(group) {
        return Ok(());
    }
    Err(Refused::NotFound(format!("Schedule group {group} does not exist.")))
}
