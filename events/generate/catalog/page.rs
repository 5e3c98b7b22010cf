//! The catalog as one page for the browser, with its style.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::entry::{Catalog, Entry, ServiceEntry};
use super::fields::fields;
use super::html::{Prose, Text};
use super::map::map;

const STYLE: &str = include_str!("page.css");

/// Returns the page. `openapi`: the document of the HTTP API lies beside it.
pub fn page(catalog: &Catalog, openapi: bool) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Messages of the shop</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#all\">Skip to all messages</a>\n<header>\n\
         <h1>Messages of the shop</h1>\n<p>{}</p>\n<p>The same for programs: \
         <a href=\"catalog.json\">catalog.json</a>, <a href=\"asyncapi.json\">AsyncAPI 3.0</a>{}\
         .</p>\n</header>\n<main>\n",
        summary(catalog),
        if openapi { ", <a href=\"openapi.json\">OpenAPI 3.1</a> of the HTTP API" } else { "" }
    );
    // Writing to a string cannot fail, here and below.
    let _ = write!(
        page,
        "<section aria-labelledby=\"map-title\">\n<h2 id=\"map-title\">Who sends to whom</h2>\n\
         <p>A number is how many types go this way; point at it to read them. What a service sends \
         to itself is not drawn.</p>\n<div class=\"scrolls\" tabindex=\"0\" role=\"region\" \
         aria-labelledby=\"map-title\">\n{}</div>\n</section>\n",
        map(catalog)
    );
    page.push_str(&overview(catalog));
    page.push_str(&by_function(catalog));
    for service in &catalog.services {
        page.push_str(&details(service, catalog));
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn summary(catalog: &Catalog) -> String {
    let count = |role: &str| catalog.messages.iter().filter(|entry| entry.role == role).count();
    format!(
        "{} events say what happened, {} commands ask for something, {} deadlines say that a time \
         has passed. A service alone writes its streams; functions know messages, never each other.",
        count("event"),
        count("command"),
        count("deadline")
    )
}

fn overview(catalog: &Catalog) -> String {
    let mut table = String::from(
        "<section aria-labelledby=\"all\">\n<h2 id=\"all\" tabindex=\"-1\">All messages</h2>\n\
         <div class=\"scrolls\" tabindex=\"0\" role=\"region\" aria-labelledby=\"all\">\n<table>\n\
         <thead><tr><th scope=\"col\">message</th><th scope=\"col\">kind</th><th scope=\"col\">who \
         sends</th><th scope=\"col\">over</th><th scope=\"col\">who reads</th></tr></thead>\n",
    );
    for service in &catalog.services {
        let _ = writeln!(
            table,
            "<tbody><tr class=\"group\"><th colspan=\"5\" scope=\"rowgroup\"><a \
             href=\"#service-{0}\">{0}</a></th></tr>",
            Text(service.name)
        );
        for entry in of_service(catalog, service) {
            let _ = writeln!(
                table,
                "<tr><th scope=\"row\"><a href=\"#{0}\">{0}</a></th><td>{1}</td><td>{2}</td>\
                 <td>{3}</td><td>{4}</td></tr>",
                Text(entry.kind),
                entry.role,
                Text(&producers(entry)),
                Text(&channels(entry)),
                Text(&consumers(entry)),
            );
        }
        table.push_str("</tbody>\n");
    }
    table.push_str("</table>\n</div>\n</section>\n");
    table
}

fn by_function(catalog: &Catalog) -> String {
    let mut functions: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    for entry in &catalog.messages {
        for consumer in &entry.consumers {
            functions.entry(&consumer.function).or_default().0.push(entry.kind);
        }
        for producer in entry.producers.iter().filter(|producer| !producer.is_outside()) {
            functions.entry(producer.name()).or_default().1.push(entry.kind);
        }
    }
    let mut table = String::from(
        "<section aria-labelledby=\"functions\">\n<h2 id=\"functions\">By function</h2>\n\
         <div class=\"scrolls\" tabindex=\"0\" role=\"region\" aria-labelledby=\"functions\">\n\
         <table>\n<thead><tr><th scope=\"col\">function</th><th scope=\"col\">reads</th>\
         <th scope=\"col\">writes or sends</th></tr></thead>\n<tbody>\n",
    );
    for (function, (reads, sends)) in functions {
        let _ = writeln!(
            table,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>",
            Text(function),
            links(&reads),
            links(&sends)
        );
    }
    table.push_str("</tbody>\n</table>\n</div>\n</section>\n");
    table
}

fn links(kinds: &[&str]) -> String {
    let links: Vec<String> =
        kinds.iter().map(|kind| format!("<a href=\"#{0}\">{0}</a>", Text(kind))).collect();
    if links.is_empty() { "none".to_owned() } else { links.join(", ") }
}

fn details(service: &ServiceEntry, catalog: &Catalog) -> String {
    let streams: Vec<String> =
        service.streams.iter().map(|kind| format!("<code>{}#…</code>", Text(kind))).collect();
    let mut section = format!(
        "<section aria-labelledby=\"service-{0}\">\n<h2 id=\"service-{0}\">{0}</h2>\n<p>{1} \
         Functions: {2}. Source of its events: <code>{3}</code>. Streams: {4}.</p>\n",
        Text(service.name),
        Prose(service.description),
        Text(&service.functions.join(", ")),
        Text(service.source),
        streams.join(", ")
    );
    for entry in of_service(catalog, service) {
        section.push_str(&article(entry));
    }
    section.push_str("</section>\n");
    section
}

fn article(entry: &Entry) -> String {
    let mut text = format!(
        "<article aria-labelledby=\"{0}\">\n<h3 id=\"{0}\">{0} <span class=\"{1}\">{1}, version \
         {2}</span></h3>\n<p>{3}</p>\n<dl>\n<dt>who sends</dt><dd>{4}</dd>\n<dt>over</dt><dd>{5}\
         </dd>\n<dt>who reads</dt><dd>{6}</dd>\n<dt>subject</dt><dd><code>{7}#…</code></dd>\n\
         <dt>schema</dt><dd><a href=\"../../{8}\">{8}</a>{9}</dd>\n</dl>\n",
        Text(entry.kind),
        entry.role,
        entry.version,
        Prose(&entry.description),
        Text(&producers(entry)),
        Text(&channels(entry)),
        Text(&consumers(entry)),
        Text(&entry.stream),
        Text(&entry.schema),
        older(entry),
    );
    let fields = fields(&entry.content);
    if !fields.is_empty() {
        text.push_str(
            "<div class=\"scrolls\" tabindex=\"0\" role=\"region\" aria-label=\"Fields\">\n\
             <table>\n<thead><tr><th scope=\"col\">field</th><th scope=\"col\">holds</th>\
             <th scope=\"col\">meaning</th></tr></thead>\n<tbody>\n",
        );
        for field in fields {
            let optional = if field.required { "" } else { ", optional" };
            let _ = writeln!(
                text,
                "<tr><th scope=\"row\"><code>{}</code></th><td>{}{optional}</td><td>{}</td></tr>",
                Text(&field.path),
                Text(&field.kind),
                Prose(&field.description)
            );
        }
        text.push_str("</tbody>\n</table>\n</div>\n");
    }
    let _ = write!(
        text,
        "<details>\n<summary>Example</summary>\n<pre><code>{}</code></pre>\n</details>\n</article>\n",
        Text(&format!("{:#}", entry.example))
    );
    text
}

fn older(entry: &Entry) -> String {
    let older: Vec<String> = entry
        .versions
        .iter()
        .filter(|version| **version != entry.version)
        .map(u32::to_string)
        .collect();
    if older.is_empty() { String::new() } else { format!("; older versions: {}", older.join(", ")) }
}

fn of_service<'a>(
    catalog: &'a Catalog,
    service: &'a ServiceEntry,
) -> impl Iterator<Item = &'a Entry> {
    catalog.messages.iter().filter(move |entry| entry.service == service.name)
}

fn producers(entry: &Entry) -> String {
    entry.producers.iter().map(|of| of.name()).collect::<Vec<_>>().join(", ")
}

fn channels(entry: &Entry) -> String {
    let channels: Vec<String> = entry.channels.iter().map(ToString::to_string).collect();
    if channels.is_empty() { "stays in its stream".to_owned() } else { channels.join(", ") }
}

fn consumers(entry: &Entry) -> String {
    let mut names: Vec<&str> = entry.consumers.iter().map(|of| of.function.as_str()).collect();
    names.dedup();
    match (names.is_empty(), entry.channels.is_empty()) {
        (true, true) => "its service only".to_owned(),
        (true, false) => "nobody yet".to_owned(),
        (false, _) => names.join(", "),
    }
}
