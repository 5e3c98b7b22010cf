//! The messages that follow from the stored events of processes.

use super::deadline::deadline_message;
use super::events::{ProcessForced, ProcessMoved, StoredEvent};
use crate::envelope::DataSchema;
use crate::failure::Failure;
use crate::publish::{Action, Outgoing, Published, schedule_name};

/// Returns the messages that follow from an event of a process: commands, deadlines to set and
/// deadlines to cancel. Nothing follows from any other event.
///
/// For [`Publisher::messages`](crate::publish::Publisher::messages). A command goes to the target
/// with the name that the step gave. Deadlines go to the target with the name of the stream's kind:
/// a `publish::Scheduler` whose queue is that of the process's inputs.
///
/// # Errors
/// [`Failure::NEWER`] (transient): a newer version of the toolkit wrote the event.
pub fn messages(event: &Published<'_>) -> Result<Vec<Outgoing>, Failure> {
    if !StoredEvent::knows(&event.event().kind) {
        return Ok(Vec::new());
    }
    match event.decode()? {
        StoredEvent::ProcessMoved(moved) => of_step(event, moved),
        StoredEvent::ProcessForced(ProcessForced { cancelled, .. }) => {
            Ok(cancelled.iter().map(|id| event.cancel(event.stream().kind(), id)).collect())
        }
        _ => Ok(Vec::new()),
    }
}

fn of_step(event: &Published<'_>, moved: ProcessMoved) -> Result<Vec<Outgoing>, Failure> {
    let stream = event.stream();
    let ProcessMoved { commands, deadlines, cancelled, .. } = moved;
    let mut messages = Vec::with_capacity(commands.len() + deadlines.len() + cancelled.len());
    messages.extend(cancelled.iter().map(|id| event.cancel(stream.kind(), id)));
    for deadline in deadlines {
        let message = deadline_message(stream, &deadline.name, &deadline.id, deadline.due)?;
        let name = schedule_name(stream, &deadline.id);
        messages.push(Outgoing {
            to: stream.kind().to_owned(),
            action: Action::Schedule { name, due: deadline.due },
            envelope: Some(event.follow(message)),
        });
    }
    for (place, command) in commands.into_iter().enumerate() {
        let schema = DataSchema::new(command.kind, command.version);
        let name = format!("command {place}");
        messages.push(Outgoing {
            to: command.to,
            action: Action::Send,
            envelope: Some(event.raw(&name, command.subject, schema, command.data.into_raw())),
        });
    }
    Ok(messages)
}
