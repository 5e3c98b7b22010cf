//! `tidegate process resume`, `skip` and `force`.

use std::process::ExitCode;
use std::time::Duration;

use terminal::account::Intent;
use terminal::output;
use terminal::problem::Problem;
use tidegate::ids::{StreamId, Version};
use tidegate::process::{
    ForceState, ForcedState, Json, Outline, ProcessRow, ResumeProcess, SkipInput, StoredEvent,
};

use super::decided::{Decided, Resolution};
use super::history::stored;
use super::places::Places;
use super::stuck;
use super::unknown::unknown;
use super::wait::{Answer, Sending, judged};
use crate::arguments::{ProcessForce, ProcessPlace, ProcessResume, ProcessSkip, Speaking};
use crate::connection::System;

/// How often a word is sent again because the instance got another input meanwhile.
const ATTEMPTS: usize = 5;
/// Code of a refusal of the toolkit: the instance has moved since the operator looked.
const MOVED: &str = "version_moved";

/// What an operator says, without the version that the operator saw.
enum Word {
    Resume,
    Skip,
    Force(ForcedState),
}

/// Who says it, and why.
struct Speaker {
    operator: String,
    note: String,
    timeout: Duration,
}

impl Speaker {
    fn new(speaking: &Speaking, note: &str) -> Result<Self, Problem> {
        let operator = speaking.operator().ok_or_else(|| {
            Problem::misuse("the name of the operator is not known; name it with --operator NAME")
        })?;
        let timeout = Duration::try_from_secs_f64(speaking.timeout).unwrap_or(Duration::MAX);
        Ok(Self { operator, note: note.to_owned(), timeout: timeout.min(MAX_TIMEOUT) })
    }
}

/// A week: long enough for any wait, and short enough to be added to a time.
const MAX_TIMEOUT: Duration = Duration::from_secs(7 * 86_400);

/// Resumes instances, one after the other.
///
/// # Errors
/// The system cannot be reached, or a table or queue of it.
pub(super) async fn resume(options: &ProcessResume) -> Result<ExitCode, Problem> {
    let speaker = Speaker::new(&options.speaking, &options.note)?;
    let places = open(&options.at).await?;
    let instances =
        if options.all { all(&places, options).await? } else { options.instances.clone() };
    let mut decided = Vec::new();
    for instance in &instances {
        let one = say(&places, instance, &Word::Resume, &speaker).await?;
        if !options.at.json {
            // A closed output must not stop the work halfway.
            let _ = output::line(&one.line());
        }
        decided.push(one);
    }
    if options.at.json {
        output::json(&decided)?;
    } else if decided.is_empty() {
        let code =
            options.code.as_ref().map_or_else(String::new, |code| format!(" with the code {code}"));
        output::line(&format!("no instance is stuck{code}"))?;
    }
    Ok(code_of(&decided))
}

/// Returns the stuck instances that `--all` means.
async fn all(places: &Places, options: &ProcessResume) -> Result<Vec<StreamId>, Problem> {
    let named = places.named(options.process.as_deref())?;
    let rows = stuck::stuck(places, &named, usize::MAX).await?;
    let fits = |row: &ProcessRow| {
        options.code.as_ref().is_none_or(|code| Some(code) == row.stuck_code.as_ref())
    };
    Ok(rows.into_iter().filter(fits).map(|row| row.instance).collect())
}

/// Drops the stuck input of an instance.
///
/// # Errors
/// The same as of [`resume`].
pub(super) async fn skip(options: &ProcessSkip) -> Result<ExitCode, Problem> {
    let speaker = Speaker::new(&options.speaking, &options.note)?;
    let places = open(&options.at).await?;
    let one = say(&places, &options.instance, &Word::Skip, &speaker).await?;
    printed(&options.at, one)
}

/// Sets the state of an instance.
///
/// # Errors
/// The same as of [`resume`].
pub(super) async fn force(options: &ProcessForce) -> Result<ExitCode, Problem> {
    let speaker = Speaker::new(&options.speaking, &options.note)?;
    let data = Json::parse(options.state.clone())
        .map_err(|error| Problem::misuse(format!("the state is not JSON: {error}")))?;
    let places = open(&options.at).await?;
    let word = Word::Force(ForcedState { version: options.state_version, data });
    let one = say(&places, &options.instance, &word, &speaker).await?;
    printed(&options.at, one)
}

async fn open(at: &ProcessPlace) -> Result<Places, Problem> {
    Places::of(System::open(&at.place, Intent::Change).await?)
}

fn printed(at: &ProcessPlace, one: Decided) -> Result<ExitCode, Problem> {
    if at.json {
        output::json(&one)?;
    } else {
        output::line(&one.line())?;
    }
    Ok(code_of(&[one]))
}

fn code_of(decided: &[Decided]) -> ExitCode {
    if decided.iter().all(Decided::is_good) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Says a word to one instance, and waits for what becomes of it.
async fn say(
    places: &Places,
    instance: &StreamId,
    word: &Word,
    speaker: &Speaker,
) -> Result<Decided, Problem> {
    let place = places.of_instance(instance)?;
    let sending = Sending { places, place, instance, timeout: speaker.timeout };
    let mut seen = None;
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let commits = places.read(place, instance, Version::NONE).await?;
        if commits.is_empty() {
            let problem = unknown(places, place, instance).await.to_string();
            return Ok(Decided::new(instance, Resolution::Unknown, problem));
        }
        let outline = match Outline::of(&commits) {
            Ok(outline) => outline,
            Err(failure) => return Err(places.system.explain(Problem::new(failure.reason()))),
        };
        // Another stuck input is another question: the operator has not seen it.
        let stuck = outline.stuck.as_ref().map(|stuck| stuck.version);
        if let Some(decided) = last
            && seen != Some(stuck)
        {
            return Ok(decided);
        }
        seen = Some(stuck);
        if stuck.is_none() && outline.held.is_empty() {
            let verb = if outline.ended { "has ended in" } else { "is in" };
            let said = format!(
                "it {verb} {} and is not stuck, so there is nothing to decide",
                outline.state
            );
            return Ok(Decided::new(instance, Resolution::NotStuck, said));
        }
        let version = outline.version;
        let (operator, note) = (speaker.operator.clone(), speaker.note.clone());
        let answer = match word {
            Word::Resume => {
                sending.send(version, &ResumeProcess { operator, note, version }).await?
            }
            Word::Skip => sending.send(version, &SkipInput { operator, note, version }).await?,
            Word::Force(state) => {
                let state = state.clone();
                sending.send(version, &ForceState { operator, note, version, state }).await?
            }
        };
        let Answer::Events(events) = answer else {
            let said = format!(
                "the word is in the queue, and {} has not decided it within {} s; look at its log and \
                 at `tidegate dlq`, then at `tidegate process show {instance}`",
                place.function,
                speaker.timeout.as_secs_f64()
            );
            return Ok(Decided::new(instance, Resolution::Waiting, said));
        };
        let decided = judged(instance, &outline, &events);
        let moved = events.first().and_then(stored).is_some_and(
            |event| matches!(event, StoredEvent::ProcessRefused(refused) if refused.code == MOVED),
        );
        if !moved {
            return Ok(decided);
        }
        last = Some(decided);
    }
    let said = "it gets inputs so fast that the word is late each time; try again";
    Ok(last.unwrap_or_else(|| Decided::new(instance, Resolution::Refused, said)))
}
