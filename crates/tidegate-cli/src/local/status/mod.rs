//! Renders the status of the local system on one screen.

mod archives;
mod gateways;
mod lanes;
mod routes;

use comfy_table::Table;
use jiff::Timestamp;
use serde_json::Value;
use terminal::counted::counted;
use terminal::escape::escaped_value;
use terminal::table::{right, table};

/// Metrics of a function that are shown.
const METRICS: [&str; 4] = ["Applied", "Duplicate", "Failed", "DeadLettered"];

/// Renders the status.
///
/// The status contains output and errors of functions. Their control characters are escaped, so
/// that none reaches the terminal.
pub(crate) fn screen(status: &Value) -> String {
    let status = &escaped_value(status);
    let mut parts = vec![head(status), mappings(status)];
    parts.extend(asynchronous(status));
    parts.extend(routes::routes(status, &routes::BUSES, errors_of));
    parts.extend(archives::archives(status));
    parts.extend(routes::routes(status, &routes::TOPICS, errors_of));
    parts.extend(gateways::gateways(status));
    parts.extend(schedules(status));
    parts.extend([functions(status), records(status), dead_letters(status)]);
    parts.extend(waits_for_operator(status));
    parts.extend(faults(status));
    parts.join("\n\n")
}

fn head(status: &Value) -> String {
    let (emulator, engine) = (&status["emulator"], &status["engine"]);
    let state = if status["idle"] == Value::Bool(true) {
        "idle".to_owned()
    } else {
        format!(
            "busy: {} in flight, {} waiting",
            count(&status["in_flight"]),
            count(&status["lag"])
        )
    };
    let cpu = emulator["cpu_seconds"]
        .as_f64()
        .map_or_else(|| "not started here".to_owned(), |cpu| format!("{cpu:.1} s CPU"));
    let away = emulator["unanswered_seconds"].as_u64().map_or_else(String::new, |seconds| {
        format!("\n! the emulator has not answered for {seconds} s; deliveries wait until it does")
    });
    let statements = &emulator["statements"];
    let single = statements["why"].as_str().filter(|_| statements["mode"] == "single");
    let single = single.map_or_else(String::new, |why| {
        format!("\n! functions send conditional writes one by one, not in batches: {why}")
    });
    format!(
        "{state}\nemulator  {} at {} ({cpu}){away}{single}\nengine    up {:.0} s, {:.1} s CPU, {} MB",
        text(&emulator["name"]),
        text(&emulator["endpoint"]),
        float(&engine["uptime_seconds"]),
        float(&engine["cpu_seconds"]),
        megabytes(&engine["rss_bytes"]),
    )
}

fn mappings(status: &Value) -> String {
    let columns = [("lag", "lag"), ("open", "in_flight"), ("done", "records_delivered")];
    let shown = troubles(list(&status["mappings"]));
    let header = ["mapping", "age"].into_iter();
    let header = header
        .chain(columns.iter().map(|(title, _)| *title))
        .chain(shown.iter().map(|(title, _)| *title));
    let mut table = table(header);
    for mapping in list(&status["mappings"]) {
        let mut row = vec![comfy_table::Cell::new(text(&mapping["name"])), right(age(mapping))];
        row.extend(columns.iter().chain(&shown).map(|(_, field)| right(count(&mapping[*field]))));
        table.add_row(row);
    }
    let errors = with_errors(&table, list(&status["mappings"]), "name");
    let now = Timestamp::now();
    std::iter::once(errors)
        .chain(list(&status["mappings"]).flat_map(|mapping| lanes::waiting(mapping, now)))
        .chain(list(&status["mappings"]).filter_map(position))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns the columns that have a number other than zero in some row.
///
/// A screen has eighty columns, and most systems have few failures.
fn troubles<'a>(
    rows: impl Iterator<Item = &'a Value> + Clone,
) -> Vec<(&'static str, &'static str)> {
    let all = [
        ("retry", "retries"),
        ("fail", "failures"),
        ("throt", "throttled"),
        ("drop", "discarded"),
        ("filtered", "filtered"),
    ];
    let any = |field: &str| rows.clone().any(|row| row[field].as_u64() > Some(0));
    all.into_iter().filter(|(_, field)| any(field)).collect()
}

/// Returns the age of the oldest waiting record, or else how far the source says that reading is
/// behind.
fn age(mapping: &Value) -> String {
    let millis = mapping["oldest_ms"].as_u64().or_else(|| mapping["millis_behind"].as_u64());
    match millis {
        None | Some(0) => String::new(),
        Some(millis @ ..1000) => format!("{millis} ms"),
        Some(millis) if millis < 600_000 => format!("{} s", millis / 1000),
        Some(millis) => format!("{} min", millis / 60_000),
    }
}

/// Returns the positions in a mapping's shards, if the mapping has made progress.
fn position(mapping: &Value) -> Option<String> {
    const SHOWN: usize = 4;
    let shards = mapping["positions"].as_object()?.iter();
    let done: Vec<String> = shards
        .filter_map(|(shard, position)| Some(format!("{shard} at {}", position.as_str()?)))
        .collect();
    let more = done.len().saturating_sub(SHOWN);
    let more = (more > 0).then(|| format!("  {more} more (--json has them all)"));
    let name = format!("@ {}", text(&mapping["name"]));
    let lines = std::iter::once(name)
        .chain(done.iter().take(SHOWN).map(|shard| format!("  {shard}")))
        .chain(more);
    (!done.is_empty()).then(|| lines.collect::<Vec<_>>().join("\n"))
}

fn asynchronous(status: &Value) -> Option<String> {
    list(&status["asynchronous"]).next()?;
    let mut columns = vec![
        ("waiting", "waiting"),
        ("in flight", "in_flight"),
        ("delivered", "delivered"),
        ("retries", "retries"),
        ("failed", "failed"),
    ];
    let rare = [("on success", "told"), ("throt", "throttled")];
    let any =
        |field: &str| list(&status["asynchronous"]).any(|queue| queue[field].as_u64() > Some(0));
    columns.extend(rare.into_iter().filter(|(_, field)| any(field)));
    let mut shown =
        table(std::iter::once("events for").chain(columns.iter().map(|(title, _)| *title)));
    for queue in list(&status["asynchronous"]) {
        let mut row = vec![comfy_table::Cell::new(text(&queue["function"]))];
        row.extend(columns.iter().map(|(_, field)| right(count(&queue[*field]))));
        shown.add_row(row);
    }
    Some(with_errors(&shown, list(&status["asynchronous"]), "function"))
}

/// Renders the groups of schedules, and which schedule comes next.
fn schedules(status: &Value) -> Option<String> {
    let schedules = &status["schedules"];
    if count(&schedules["schedules"]) == 0 && schedules["groups"].as_object()?.is_empty() {
        return None;
    }
    let all = counted(count(&schedules["schedules"]), "schedule", "schedules");
    let next = list(&schedules["next"]).find_map(|one| {
        let name = format!("{}/{}", text(&one["group"]), text(&one["name"]));
        Some(format!("; next {name} at {}", one["comes"].as_str()?))
    });
    let waiting = count(&schedules["waiting"]);
    let waiting = if waiting > 0 { format!("; {waiting} waiting") } else { String::new() };
    let mut lines = vec![format!("{all}{}{waiting}", next.unwrap_or_default())];
    for (group, counts) in schedules["groups"].as_object().into_iter().flatten() {
        let [fired, delivered, retries, failed] =
            ["fired", "handed_over", "retries", "failed"].map(|field| count(&counts[field]));
        lines.push(format!(
            "  {group}: {fired} fired, {delivered} delivered, {retries} retries, {failed} discarded"
        ));
    }
    lines.extend(errors_of("schedules", schedules));
    Some(lines.join("\n"))
}

fn with_errors<'a>(shown: &Table, rows: impl Iterator<Item = &'a Value>, name: &str) -> String {
    let mut lines = vec![shown.to_string()];
    lines.extend(rows.flat_map(|row| errors_of(text(&row[name]), row)));
    lines.join("\n")
}

/// Returns the last error with its age, and the number of lost on-failure records.
fn errors_of(name: &str, row: &Value) -> Vec<String> {
    let ago = lanes::ago(&row["last_error_at"], Timestamp::now());
    let error = row["last_error"].as_str().map(|why| format!("! {name}: {why}{ago}"));
    let failures = &row["destination_failures"];
    let lost = Some(count(&failures["count"])).filter(|lost| *lost > 0).map(|lost| {
        let lost = counted(lost, "on-failure record", "on-failure records");
        format!("! {name}: {lost} refused by the destination and lost: {}", text(&failures["last"]))
    });
    error.into_iter().chain(lost).collect()
}

fn functions(status: &Value) -> String {
    let mut shown = table([
        "function", "env", "calls", "p50 ms", "p99 ms", "err", "t/o", "throt", "MB", "peak of",
    ]);
    for (name, function) in status["functions"].as_object().into_iter().flatten() {
        let mut row = vec![comfy_table::Cell::new(name)];
        row.extend(["environments", "invocations"].map(|field| right(count(&function[field]))));
        let durations = &function["duration_ms"];
        let measured = count(&durations["count"]) > 0;
        let duration = |field| durations.get(field).filter(|_| measured)?.as_f64();
        row.extend(["p50", "p99"].map(|field| right(milliseconds(duration(field)))));
        row.extend(["errors", "timeouts", "throttles"].map(|field| right(count(&function[field]))));
        row.push(right(megabytes(&function["rss_bytes"])));
        row.push(right(format!(
            "{}/{}",
            megabytes(&function["peak_rss_bytes"]),
            count(&function["memory_mb"])
        )));
        shown.add_row(row);
    }
    let mut lines = vec![shown.to_string()];
    for (name, function) in status["functions"].as_object().into_iter().flatten() {
        let start =
            function["start_failure"].as_str().map(|why| format!("cannot be started: {why}"));
        let log = function["log_failure"].as_str().map(str::to_owned);
        let left_out = Some(count(&function["metrics_left_out"])).filter(|left_out| *left_out > 0);
        let left_out = left_out.map(|left_out| {
            format!(
                "its metrics have too many names: {left_out} values of further ones are not kept"
            )
        });
        lines.extend(
            start
                .into_iter()
                .chain(log)
                .chain(left_out)
                .map(|trouble| format!("! {name}: {trouble}")),
        );
    }
    lines.join("\n")
}

/// Renders what the functions report about their records.
fn records(status: &Value) -> String {
    let mut shown = table(["function", "applied", "duplicate", "failed", "dead", "CPU s"]);
    let mut silent = false;
    for (name, function) in status["functions"].as_object().into_iter().flatten() {
        let mut row = vec![comfy_table::Cell::new(name)];
        let counted = METRICS.map(|metric| function["metrics"].get(metric).and_then(Value::as_f64));
        if counted.iter().all(Option::is_none) {
            silent = true;
        }
        row.extend(
            counted.map(|sum| right(sum.map_or_else(|| "–".to_owned(), |sum| format!("{sum:.0}")))),
        );
        row.push(right(format!("{:.1}", float(&function["cpu_seconds"]))));
        shown.add_row(row);
    }
    let why = match status["metrics_namespace"].as_str() {
        _ if !silent => return shown.to_string(),
        None => "the topology has no metrics_namespace, which makes the toolkit print these counts",
        Some(_) => {
            "the function has printed no such counts: it has not run, or does not use the toolkit"
        }
    };
    format!("{shown}\n– {why}")
}

fn dead_letters(status: &Value) -> String {
    let queues: Vec<String> = status["dead_letters"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(queue, _)| *queue != "total")
        .map(|(queue, number)| format!("{queue} {}", count(number)))
        .collect();
    // Without an answer within its time, the engine sends no counts, and no total either.
    let no_answer = status.pointer("/emulator/unanswered_seconds").is_some_and(Value::is_u64)
        || status["dead_letters"].as_object().is_some_and(serde_json::Map::is_empty);
    let queues = match (queues.is_empty(), no_answer) {
        (true, true) => "not counted, because the emulator does not answer".to_owned(),
        (true, false) => "no queue for them".to_owned(),
        (false, _) => queues.join(", "),
    };
    // A record that went to a queue may have been removed from it since. Nothing else counts what
    // went to other destinations.
    let is_queue = |given_up: &Value| given_up.pointer("/to/kind").map(text) == Some("queue");
    let others = list(&status["given_up"]).filter(|given_up| !is_queue(given_up));
    let others: String = others
        .map(|given_up| {
            let (to, number) = (&given_up["to"], count(&given_up["count"]));
            let (function, kind, name) =
                (text(&given_up["function"]), text(&to["kind"]), text(&to["name"]));
            format!("\n{function}: {number} sent to {kind} {name}")
        })
        .collect();
    format!("dead letters: {queues}{others}")
}

/// Renders what waits for an operator, one line each.
fn waits_for_operator(status: &Value) -> Option<String> {
    let lines = list(&status["waits_for_operator"]).map(|waits| {
        let (what, of) = (text(&waits["what"]), text(&waits["of"]));
        let more = if waits["more"] == Value::Bool(true) { " or more" } else { "" };
        match waits["count"].as_u64() {
            None => format!("! {what}: {of} not counted: {}", text(&waits["error"])),
            Some(0) => format!("{what}: {of} 0{more}"),
            Some(count) => {
                format!("{what}: {of} {count}{more} (`{}` lists them)", text(&waits["command"]))
            }
        }
    });
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn faults(status: &Value) -> Option<String> {
    let faults = status["faults"].as_object()?;
    let injected: Vec<String> = faults["injected"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(fault, number)| format!("\n  {:>6}  {fault}", count(number)))
        .collect();
    Some(format!("injected faults, each in {}:{}", text(&faults["journal"]), injected.concat()))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> + Clone {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn float(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

fn milliseconds(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value < 100.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}

fn megabytes(value: &Value) -> String {
    format!("{:.1}", float(value) / (1024.0 * 1024.0))
}

#[cfg(test)]
mod tests;
