//! Limits what a dead letter or a record can make a command do to what the topology declares.
//!
//! A dead-letter queue or a table may contain forged function names, ARNs, buckets and keys. An
//! operator's credentials may reach further than those of the author. So the commands use none of
//! these names before they have compared it with the topology and with the account and region of
//! the system.

mod inputs;

use terminal::name_prefix::NamePrefix;
use topology::{DECLARED_SCHEDULES, LARGE_LETTERS, ScheduleTarget, Source, Topology, Use};

use crate::arn::Home;

/// A declared function, with its name in Lambda.
#[derive(Clone, Debug)]
pub(crate) struct Function<'a> {
    pub(crate) declared: &'a topology::Function,
    /// Name in Lambda. It is computed from the topology, not taken from a dead letter.
    pub(crate) name: String,
}

/// How the names of a system's buckets are formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BucketNames {
    /// The local engine's: the names of the topology.
    Plain,
    /// Terraform's: prefix, name and account.
    WithAccount,
    /// A foreign endpoint: either of both forms.
    Either,
}

/// A topology, with the names, account and region of its system.
#[derive(Debug)]
pub(crate) struct Declared<'a> {
    pub(crate) topology: &'a Topology,
    pub(crate) prefix: &'a NamePrefix,
    pub(crate) home: Home,
    pub(crate) buckets: BucketNames,
    /// Alias or version that is invoked.
    pub(crate) qualifier: &'a str,
}

impl<'a> Declared<'a> {
    /// Returns the function with this name in Lambda.
    ///
    /// # Errors
    /// The topology does not declare it.
    pub(crate) fn function(&self, name: &str) -> Result<Function<'a>, String> {
        let mut functions = self.topology.functions.iter();
        let found = functions.find(|(declared, _)| self.prefix.physical(declared).as_str() == name);
        let (_, declared) = found.ok_or_else(|| {
            let named = if self.prefix.is_empty() { "" } else { " with this name prefix" };
            format!("`{name}` is not a function of the topology{named}")
        })?;
        Ok(Function { declared, name: name.to_owned() })
    }

    /// Returns the function that an ARN names. Ignores the version in the ARN.
    ///
    /// Commands invoke the alias, because the version that failed may have been rolled back since.
    ///
    /// # Errors
    /// The function is not declared, is in another account or region, or has an alias that this
    /// system does not use.
    pub(crate) fn function_of(&self, arn: &str) -> Result<Function<'a>, String> {
        let resource = self.home.resource("lambda", arn)?;
        let parts: Vec<&str> = resource.split(':').collect();
        let (name, qualifier) = match parts.as_slice() {
            ["function", name] => (*name, None),
            ["function", name, qualifier] => (*name, Some(*qualifier)),
            _ => return Err(format!("{arn} is not the ARN of a function")),
        };
        let is_version =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(qualifier) = qualifier
            && !(qualifier == "$LATEST" || is_version(qualifier) || qualifier == self.qualifier)
        {
            return Err(format!(
                "{arn} names an alias other than {}; --qualifier names another one",
                self.qualifier
            ));
        }
        self.function(name)
    }

    /// Returns the source with which a function reads a Kinesis stream.
    ///
    /// # Errors
    /// The stream is in another account or region, or the function does not read it.
    pub(crate) fn stream(&self, function: &Function<'a>, arn: &str) -> Result<&'a Source, String> {
        let resource = self.home.resource("kinesis", arn)?;
        let name = resource.strip_prefix("stream/").unwrap_or_default();
        self.source(function, arn, name, |source| source.stream.as_deref())
    }

    /// Returns the source with which a function reads a table's stream.
    ///
    /// The stream gets a new label each time it is switched on, so any label is accepted.
    ///
    /// # Errors
    /// The same as for [`Declared::stream`].
    pub(crate) fn table_stream(
        &self,
        function: &Function<'a>,
        arn: &str,
    ) -> Result<&'a Source, String> {
        let resource = self.home.resource("dynamodb", arn)?;
        let parts: Vec<&str> = resource.split('/').collect();
        let name = match parts.as_slice() {
            ["table", name, "stream", label] if !label.is_empty() => name,
            _ => "",
        };
        self.source(function, arn, name, |source| source.table.as_deref())
    }

    fn source(
        &self,
        function: &Function<'a>,
        arn: &str,
        name: &str,
        of: impl Fn(&'a Source) -> Option<&'a str>,
    ) -> Result<&'a Source, String> {
        let is_it = |declared: &str| self.prefix.physical(declared).as_str() == name;
        let mut sources = function.declared.sources.values();
        let found = sources.find(|source| of(source).is_some_and(is_it));
        found.ok_or_else(|| format!("{arn} is not a source of {}", function.name))
    }

    /// Refuses an object that is not the payload of the dead letter with this id.
    ///
    /// The toolkit writes each payload under exactly one key. An object with another key belongs to
    /// another dead letter, whose payload the command would delete.
    ///
    /// # Errors
    /// The bucket is not the dead-letter bucket of the function, or the key is not that of the dead
    /// letter.
    pub(crate) fn payload(
        &self,
        function: &Function<'_>,
        id: &str,
        bucket: &str,
        key: &str,
    ) -> Result<(), String> {
        let letters = function.declared.uses.get(LARGE_LETTERS);
        if !self.is_one_of(letters.into_iter(), bucket) {
            return Err(format!(
                "bucket `{bucket}` is not the dead-letter bucket of {}",
                function.name
            ));
        }
        let own = format!("{}/{id}.json", function.name);
        if is_segment(id) && key == own {
            return Ok(());
        }
        Err(format!("key `{key}` is not `{own}`, the name of the record of this letter"))
    }

    /// Refuses an object that cannot be the event of a held effect of this function.
    ///
    /// The key must be `held/<function>/<name>`, or `held/<name>` of an older version of the
    /// toolkit. The content of the event says whether it belongs to the effect
    /// ([`Repeat::names`](tidegate::idempotency::Repeat::names)).
    ///
    /// # Errors
    /// The function does not use the bucket, or the key is not that of one of its held effects.
    pub(crate) fn held_event(
        &self,
        function: &Function<'_>,
        bucket: &str,
        key: &str,
    ) -> Result<(), String> {
        if !self.is_one_of(function.declared.uses.values(), bucket) {
            return Err(format!("bucket `{bucket}` is not one that {} uses", function.name));
        }
        let is_own = match key.split('/').collect::<Vec<_>>().as_slice() {
            ["held", owner, name] => *owner == function.name && is_segment(name),
            ["held", name] => is_segment(name),
            _ => false,
        };
        if is_own {
            return Ok(());
        }
        Err(format!("key `{key}` is not that of a held effect of {0}, held/{0}/…", function.name))
    }

    fn is_one_of<'u>(&self, uses: impl Iterator<Item = &'u Use>, bucket: &str) -> bool {
        let mut buckets = uses.filter_map(|used| used.bucket.as_deref());
        buckets.any(|declared| self.bucket_names(declared).iter().any(|name| name == bucket))
    }

    /// Returns the names that a bucket of the topology may have in S3.
    pub(crate) fn bucket_names(&self, declared: &str) -> Vec<String> {
        let plain = self.prefix.physical(declared).to_string();
        // Bucket names are unique among all accounts.
        let with_account = format!("{plain}-{}", self.home.account);
        match self.buckets {
            BucketNames::Plain => vec![plain],
            BucketNames::WithAccount => vec![with_account],
            BucketNames::Either => vec![plain, with_account],
        }
    }

    /// Returns the target of a rule or a schedule that could not hand over an event to it.
    ///
    /// A schedule in a group that the topology does not declare may have any declared function as
    /// its target.
    ///
    /// # Errors
    /// The rule is not declared, is in another account or region, or has another target.
    pub(crate) fn target(&self, rule: &str, target: &str) -> Result<Function<'a>, String> {
        let function = self.function_of(target)?;
        let Some(declared) = self.rule(rule)? else {
            let is_target = |name: &String| self.prefix.physical(name).as_str() == function.name;
            let fires = self.schedule(rule)?.is_none_or(|schedule| {
                let mut targets = schedule.targets.iter().filter_map(|to| to.function.as_ref());
                targets.any(is_target)
            });
            return match fires {
                true => Ok(function),
                false => Err(format!("{} is not the target of {rule}", function.name)),
            };
        };
        if self.targets(declared, &function).next().is_some() {
            return Ok(function);
        }
        Err(format!("{} is not the target of {rule}", function.name))
    }

    /// Returns the rule with this ARN, or `None` for a schedule.
    ///
    /// # Errors
    /// The rule is not declared, or is in another account or region.
    pub(crate) fn rule(&self, rule: &str) -> Result<Option<&'a topology::Rule>, String> {
        if self
            .home
            .resource("scheduler", rule)
            .is_ok_and(|resource| resource.starts_with("schedule/"))
        {
            return Ok(None);
        }
        let resource = self.home.resource("events", rule)?;
        let mut rules = self.topology.rules.iter();
        let found = rules.find(|(name, declared)| {
            let name = self.prefix.physical(name);
            let on_bus = format!("rule/{}/{name}", self.bus(&declared.bus));
            let on_default =
                declared.bus == topology::DEFAULT_BUS && resource == format!("rule/{name}");
            on_default || resource == on_bus
        });
        let (_, declared) = found.ok_or_else(|| format!("{rule} is not a rule of the topology"))?;
        Ok(Some(declared))
    }

    /// Returns what the topology declares of the schedule with this ARN, or `None` if it does not
    /// declare the group.
    ///
    /// # Errors
    /// It is not declared in the group of the declared schedules.
    pub(crate) fn schedule(&self, arn: &str) -> Result<Option<DeclaredSchedule<'a>>, String> {
        let resource = self.home.resource("scheduler", arn)?;
        let mut parts = resource.split('/').skip(1);
        let (group, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let is = |declared: &str, found: &str| self.prefix.physical(declared).as_str() == found;
        if is(DECLARED_SCHEDULES, group) {
            let mut schedules = self.topology.schedules.iter();
            let found = schedules.find(|(declared, _)| is(declared, name));
            let (_, one) =
                found.ok_or_else(|| format!("{arn} is not a schedule of the topology"))?;
            let (targets, letters) = (vec![&one.target], one.dead_letter_queue.as_ref());
            return Ok(Some(DeclaredSchedule { targets, letters }));
        }
        let mut groups = self.topology.schedule_groups.iter();
        let found = groups.find(|(declared, _)| is(declared, group)).map(|(_, group)| group);
        Ok(found.map(|group| DeclaredSchedule {
            targets: group.targets.values().collect(),
            letters: group.dead_letter_queue.as_ref(),
        }))
    }

    /// Returns the name of a bus in EventBridge.
    ///
    /// The default bus has the same name in every account.
    fn bus(&self, declared: &str) -> String {
        match declared {
            topology::DEFAULT_BUS => declared.to_owned(),
            _ => self.prefix.physical(declared).to_string(),
        }
    }
}

/// What the topology declares of a schedule, or of a group's schedules.
#[derive(Clone, Debug)]
pub(crate) struct DeclaredSchedule<'a> {
    /// What it may fire at.
    pub(crate) targets: Vec<&'a ScheduleTarget>,
    /// Its dead-letter queue.
    pub(crate) letters: Option<&'a String>,
}

/// Returns whether a text is one segment of a key, without dots that a resolver would follow.
fn is_segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && !text.contains(['/', '\\'])
}

#[cfg(test)]
mod tests;
