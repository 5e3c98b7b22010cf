//! Checks process managers: what they name, and what their instances need around them.

use super::Check;
use super::names::PROCESS;
use crate::lookup::Resource;
use crate::model::{Access, Function, Key, KeyType, Process, StreamView, Table};
use crate::scheduled::Scheduled;

/// Keys of an event store, by which the toolkit finds the commits of a stream.
const STORE_KEYS: [(&str, KeyType); 2] = [("stream", KeyType::S), ("version", KeyType::N)];
/// Partition key of a view of processes, the toolkit's `process::Processes`.
const VIEW_KEY: (&str, KeyType) = ("stream", KeyType::S);
/// Partition key of the indexes of a view.
const INDEX_KEY: (&str, KeyType) = ("process", KeyType::S);
/// Index of the instances that wait for an operator, and its sort key.
const BY_STUCK: (&str, &str) = ("by-stuck", "stuck_at");
/// Index of the instances with open deadlines, and its sort key.
const BY_DUE: (&str, &str) = ("by-due", "due");
/// Kind that the event store uses itself.
const RESERVED: &str = "chunk";

impl<'a> Check<'a> {
    pub(super) fn processes(&mut self) {
        let topology = self.topology;
        for (name, process) in &topology.processes {
            let path = ["processes", name.as_str()];
            self.name(&path, name, &PROCESS);
            if name == RESERVED {
                self.mistake(&path, "is a name that is taken: the event store uses it itself");
            }
            let at = |field| [path[0], path[1], field];
            let function = process.function.as_str();
            self.declared(&at("function"), "functions", function, &topology.functions);
            self.declared(&at("queue"), "queues", &process.queue, &topology.queues);
            self.declared(&at("view"), "tables", &process.view, &topology.tables);
            self.declared(&at("store"), "tables", &process.store, &topology.tables);
            if let Some(function) = topology.functions.get(function) {
                self.process_function(&path, process, function);
            }
            if let Some(store) = topology.tables.get(&process.store) {
                self.process_store(&at("store"), &process.store, store);
            }
            if let Some(view) = topology.tables.get(&process.view) {
                self.process_view(&at("view"), process, view);
            }
            self.process_deadlines(&path, process);
            self.process_inputs(&at("queue"), name, process);
        }
    }

    /// Checks that the function reads the inputs and may write the decisions.
    fn process_function(&mut self, path: &[&str; 2], process: &Process, function: &Function) {
        let Process { function: name, queue, store, .. } = process;
        let mut sources = function.sources.values();
        if self.topology.queues.contains_key(queue)
            && !sources.any(|source| source.queue.as_deref() == Some(queue))
        {
            let what = format!(
                "is {queue}, which is not a source of {name}, so no input is decided; add it to \
                 functions.{name}.sources"
            );
            self.mistake(&[path[0], path[1], "queue"], what);
        }
        let writes = |access| matches!(access, Access::Append | Access::ReadWrite);
        if self.topology.tables.contains_key(store) && !uses_table(function, store, writes) {
            let what = format!(
                "is {store}, which {name} may not write; give it access = \"append\" in \
                 functions.{name}.uses"
            );
            self.mistake(&[path[0], path[1], "store"], what);
        }
    }

    /// Checks that the store is an event store whose stream delivers what is decided.
    fn process_store(&mut self, path: &[&str], name: &str, table: &Table) {
        let [partition, sort] = STORE_KEYS;
        if !is_key(Some(&table.partition_key), partition) || !is_key(table.sort_key.as_ref(), sort)
        {
            let what = format!(
                "is {name}, which is not an event store: its keys must be `{}` (S) and `{}` (N)",
                partition.0, sort.0
            );
            self.mistake(path, what);
        }
        let images = [Some(StreamView::NewImage), Some(StreamView::NewAndOldImages)];
        if !images.contains(&table.stream_view) {
            let what = format!(
                "is {name}, which has no stream with new images, so the commands of the process \
                 never leave; add stream_view = \"NEW_IMAGE\" to tables.{name}"
            );
            self.mistake(path, what);
        }
    }

    /// Checks the table of the view, and that a projection keeps it.
    fn process_view(&mut self, path: &[&str], process: &Process, table: &Table) {
        let Process { view: name, store, .. } = process;
        if !is_key(Some(&table.partition_key), VIEW_KEY) || table.sort_key.is_some() {
            let what = format!(
                "is {name}, which is not a view of processes: its partition key must be `{}` (S), \
                 without a sort key",
                VIEW_KEY.0
            );
            self.mistake(path, what);
        }
        let needed = [Some(BY_STUCK), process.deadlines.then_some(BY_DUE)];
        for (index, sort) in needed.into_iter().flatten() {
            let is_it = table.indexes.get(index).is_some_and(|index| {
                is_key(Some(&index.partition_key), INDEX_KEY)
                    && is_key(index.sort_key.as_ref(), (sort, KeyType::N))
            });
            if !is_it {
                let what = format!(
                    "is {name}, whose index {index} must have the keys `{}` (S) and `{sort}` (N), \
                     with projection = \"KEYS_ONLY\"",
                    INDEX_KEY.0
                );
                self.mistake(path, what);
            }
        }
        let keeps = |function: &Function| {
            reads_stream_of(function, store)
                && uses_table(function, name, |access| access == Access::ReadWrite)
        };
        let stored = self.topology.tables.contains_key(store);
        if stored && !self.topology.functions.values().any(keeps) {
            let what = format!(
                "is {name}, which no function keeps, so `tidegate process` finds nothing; declare \
                 one that reads the stream of {store} and uses {name} with access = \"read-write\""
            );
            self.warning(path, what);
        }
    }

    /// Checks what makes deadlines come: a group for their schedules, and a sweep behind them.
    fn process_deadlines(&mut self, path: &[&str; 2], process: &Process) {
        let topology = self.topology;
        let at = |field| [path[0], path[1], field];
        let Process { queue, view, store, .. } = process;
        if !process.deadlines {
            if process.sweep.is_some() {
                let what = "is for deadlines, and deadlines = false says that there are none";
                self.warning(&at("sweep"), what);
            }
            return;
        }
        let sends_to_queue = |group: &str| {
            let group = topology.schedule_groups.get(group);
            group.is_some_and(|group| {
                group.targets.values().any(|to| to.kind() == Some(Scheduled::Queue(queue)))
            })
        };
        let sets = |function: &Function| {
            let mut used = function.uses.values();
            reads_stream_of(function, store)
                && used.any(|used| match used.resource() {
                    Some(Resource::ScheduleGroup(group)) => sends_to_queue(group),
                    _ => false,
                })
        };
        let declared = topology.tables.contains_key(store) && topology.queues.contains_key(queue);
        if declared && !topology.functions.values().any(sets) {
            let what = format!(
                "has deadlines, and no function that reads the stream of {store} uses a schedule \
                 group with the target queue = \"{queue}\", so no schedule is set; declare both, \
                 or deadlines = false"
            );
            self.warning(path, what);
        }
        let Some(sweep) = &process.sweep else {
            let what = "has deadlines and no sweep: a schedule that is lost would be a lost \
                        deadline; name the function of a sweep, or declare deadlines = false";
            return self.warning(path, what);
        };
        self.declared(&at("sweep"), "functions", sweep, &topology.functions);
        let Some(function) = topology.functions.get(sweep) else { return };
        let mut schedules = topology.schedules.values();
        if !schedules.any(|schedule| schedule.target.function.as_ref() == Some(sweep)) {
            let what = format!("is {sweep}, which no schedule fires; declare one in schedules");
            self.warning(&at("sweep"), what);
        }
        if topology.tables.contains_key(view)
            && !uses_table(function, view, |access| access != Access::Write)
        {
            let what = format!(
                "is {sweep}, which may not read {view}; give it access = \"read\" in \
                 functions.{sweep}.uses"
            );
            self.mistake(&at("sweep"), what);
        }
        let mut used = function.uses.values();
        let sends = used.any(|used| {
            used.queue.as_ref() == Some(queue)
                && matches!(used.access, Access::Write | Access::ReadWrite)
        });
        if topology.queues.contains_key(queue) && !sends {
            let what = format!(
                "is {sweep}, which may not send to {queue}; give it access = \"write\" in \
                 functions.{sweep}.uses"
            );
            self.mistake(&at("sweep"), what);
        }
    }

    /// Checks that no other process has the same queue.
    fn process_inputs(&mut self, path: &[&str], name: &str, process: &Process) {
        let mut earlier = self.topology.processes.iter().take_while(|(other, _)| *other != name);
        if let Some((other, _)) = earlier.find(|(_, other)| other.queue == process.queue) {
            let what = format!(
                "is {}, which has the inputs of {other} too; each process needs a queue of its own",
                process.queue
            );
            self.mistake(path, what);
        }
    }
}

fn is_key(key: Option<&Key>, (name, kind): (&str, KeyType)) -> bool {
    key.is_some_and(|key| key.name == name && key.kind == kind)
}

fn uses_table(function: &Function, table: &str, access: impl Fn(Access) -> bool) -> bool {
    let mut used = function.uses.values();
    used.any(|used| used.table.as_deref() == Some(table) && access(used.access))
}

fn reads_stream_of(function: &Function, table: &str) -> bool {
    function.sources.values().any(|source| source.table.as_deref() == Some(table))
}
