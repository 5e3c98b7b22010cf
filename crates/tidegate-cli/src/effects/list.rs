//! `tidegate effects ls`.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use serde::Serialize;
use terminal::account::Intent;
use terminal::output;
use terminal::problem::Problem;
use terminal::table::{self, cell};
use tidegate::idempotency::{HeldEffect, RepeatEvent, Status};

use super::records::Records;
use crate::arguments::EffectsList;

/// One listed record.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Listed {
    Held(HeldEffect),
    /// A record that cannot be read. It may be a held effect.
    Unreadable {
        key: String,
        status: &'static str,
        reason: String,
    },
}

impl Listed {
    fn row(&self) -> [String; 4] {
        match self {
            Self::Held(effect) => [
                effect.key.clone(),
                effect
                    .repeat
                    .as_ref()
                    .map_or("(no event kept)", |repeat| repeat.function.as_str())
                    .to_owned(),
                effect.lease_until.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                reason(effect),
            ],
            Self::Unreadable { key, reason, .. } => {
                [key.clone(), "?".to_owned(), "?".to_owned(), format!("unreadable: {reason}")]
            }
        }
    }
}

/// Lists held effects. Reads the whole table, page by page, because held effects have no index, and
/// prints each page as it arrives.
///
/// # Errors
/// The system cannot be reached, or its table cannot be read.
pub(super) async fn list(options: &EffectsList) -> Result<ExitCode, Problem> {
    let records = Records::open(&options.at, Intent::Read).await?;
    let (mut from, mut read, mut shown) = (None, 0, 0);
    let mut all = Vec::new();
    loop {
        let page = records.page(from.as_deref()).await?;
        read += page.records;
        let unreadable = page.unreadable.into_iter().map(|record| Listed::Unreadable {
            key: record.key,
            status: "unreadable",
            reason: record.reason,
        });
        let mut listed: Vec<_> =
            page.effects.into_iter().map(Listed::Held).chain(unreadable).collect();
        listed.sort_by_cached_key(Listed::row);
        let more = page.next.is_some() || shown + listed.len() > options.limit;
        listed.truncate(options.limit - shown);
        shown += listed.len();
        if options.at.json {
            all.extend(listed);
        } else if !listed.is_empty() {
            let mut rows = table::table(["key", "function", "since", "reason"]);
            listed.iter().for_each(|listed| {
                rows.add_row(listed.row().map(cell));
            });
            output::line(&rows.to_string())?;
        }
        if more && shown == options.limit {
            output::note(&format!("{shown} are listed, and there may be more: --limit N lists N"));
            break;
        }
        from = page.next;
        if from.is_none() {
            break;
        }
        if io::stderr().is_terminal() {
            output::note(&format!("{read} records read, {shown} effects wait"));
        }
    }
    if options.at.json {
        output::json(&all)?;
    } else if shown == 0 {
        output::line("no effect is held")?;
    } else {
        output::line(
            "\n`tidegate effects complete KEY` records that an effect took place, `tidegate \
             effects release KEY` runs it again.",
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn reason(effect: &HeldEffect) -> String {
    let reason = match (effect.status, &effect.reason) {
        (Status::Released, _) => "released, and not run since",
        (_, Some(reason)) => reason,
        (_, None) => "its run ended without an answer",
    };
    match effect.repeat.as_ref().map(|repeat| &repeat.event) {
        Some(RepeatEvent::Object { bucket, key }) => {
            format!("{reason} (its event: s3://{bucket}/{key})")
        }
        _ => reason.to_owned(),
    }
}
