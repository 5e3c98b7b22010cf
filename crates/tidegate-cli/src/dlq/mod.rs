//! `tidegate dlq`: lists and replays dead letters.

mod content;
mod elsewhere;
mod letter;
mod list;
mod mailbox;
mod order;
mod origin;
mod pointer;
mod queues;
mod range;
mod replay;
mod subscriber;
mod summary;
mod verdict;

use std::process::ExitCode;

use crate::arguments::Dlq;
use crate::connection::System;
use crate::declared::Declared;
use letter::Letter;
use mailbox::Mailbox;
use terminal::account::Intent;
use terminal::name_prefix::NamePrefix;
use terminal::output;
use terminal::problem::Problem;

/// Lists or replays dead letters.
///
/// # Errors
/// The system cannot be reached, or a named queue or function is not declared.
pub(crate) async fn run(options: &Dlq) -> Result<ExitCode, Problem> {
    let intent = if options.yes { Intent::Change } else { Intent::Read };
    let system = System::open(&options.place, intent).await?;
    let topology = system.topology()?;
    let queues = queues::chosen(&topology, system.prefix(), &options.queue)?;
    if let Some(function) = &options.function
        && !topology.functions.contains_key(function)
        && !topology.functions.contains_key(system.prefix().declared(function))
    {
        let names: Vec<&str> = topology.functions.keys().map(String::as_str).collect();
        return Err(Problem::misuse(format!(
            "`{function}` is not a function of the topology; the functions are {}",
            names.join(", ")
        )));
    }
    let home = system.home(queues.first().map(|queue| &queue.physical)).await;
    let declared = Declared {
        topology: &topology,
        prefix: system.prefix(),
        home: home.map_err(|problem| system.explain(problem))?,
        buckets: system.bucket_names(),
        qualifier: options.invoking.qualifier(),
    };
    let mailbox = Mailbox::new(&system);
    let received = mailbox.receive_all(&queues).await;
    let letters = match received {
        Ok(received) => {
            received.notes.iter().for_each(|note| output::note(note));
            received.letters
        }
        Err(problem) => {
            mailbox.release_all().await;
            return Err(system.explain(problem));
        }
    };
    let (chosen, others): (Vec<Letter>, Vec<Letter>) =
        letters.into_iter().partition(|letter| is_chosen(letter, options, system.prefix()));
    mailbox.release(others.iter().map(|letter| letter.message_id.as_str())).await;
    let chosen = order::ordered(chosen);
    if options.queue.is_empty() {
        elsewhere::elsewhere(&topology).iter().for_each(|line| output::note(line));
    }
    if let Some(id) = options.id.as_ref().filter(|_| chosen.is_empty()) {
        return Err(Problem::new(format!("no dead letter's id begins with `{id}`")));
    }
    if !options.yes {
        mailbox.release_all().await;
        if options.json {
            output::json(&list::json(&chosen, &declared))?;
        } else {
            output::line(&list::table(&chosen, &declared))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let summary = replay::replay(&system, &declared, &mailbox, chosen, options).await;
    mailbox.release_all().await;
    let printed =
        if options.json { output::json(&summary) } else { output::line(&summary.to_string()) };
    match printed {
        // If nobody reads the output any more, the exit code still reports failures.
        Ok(()) | Err(Problem::OutputClosed) => {}
        Err(problem) => return Err(problem),
    }
    Ok(if summary.failed.is_empty() && summary.refused.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Returns whether the options choose this letter.
///
/// Letters contain the physical name of a function. The options may also use the name in the
/// topology.
fn is_chosen(letter: &Letter, options: &Dlq, prefix: &NamePrefix) -> bool {
    let function = options.function.as_deref().is_none_or(|name| {
        letter.content.function().is_some_and(|physical| prefix.means(name, physical))
    });
    let id = options.id.as_deref().is_none_or(|id| letter.is_named(id));
    function && id
}
