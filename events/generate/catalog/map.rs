//! Draws who sends to whom.

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::fmt::Write;

use super::entry::Catalog;
use super::html::Text;

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 680.0;
/// Half the width and half the height of a box.
const BOX: (f64, f64) = (68.0, 20.0);
/// How far an arrow bends to its right, so that two opposite arrows lie apart.
const BEND: f64 = 26.0;

/// A service, a function that only reads, or somebody outside.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    name: String,
    class: &'static str,
}

/// Types that go from one node to another, by the places of both.
type Edges<'a> = BTreeMap<(usize, usize), Vec<&'a str>>;

/// Returns the drawing as SVG: the node with the most neighbours in the middle, the others around
/// it.
pub fn map(catalog: &Catalog) -> String {
    let (nodes, edges) = graph(catalog);
    let places = places(&nodes, &edges);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"map-name\">\n\
         <title id=\"map-name\">Who sends how many types of messages to whom; the table below has \
         the same as text</title>\n<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" \
         refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 8 4 0 8Z\"/>\
         </marker></defs>\n"
    );
    for ((from, to), kinds) in &edges {
        let (Some(start), Some(end)) = (places.get(*from), places.get(*to)) else { continue };
        let names = [*from, *to].map(|place| nodes.get(place).map_or("", |node| &node.name));
        arrow(&mut svg, *start, *end, names, kinds);
    }
    for (node, (x, y)) in nodes.iter().zip(&places) {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(
            svg,
            "<g class=\"{}\"><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{}\" height=\"{}\" rx=\"8\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\">{}</text></g>",
            node.class,
            x - BOX.0,
            y - BOX.1,
            BOX.0 * 2.0,
            BOX.1 * 2.0,
            y + 5.0,
            Text(&node.name)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn graph(catalog: &Catalog) -> (Vec<Node>, Edges<'_>) {
    let service_of = |function: &str| {
        let mut services = catalog.services.iter();
        let found = services.find(|service| service.functions.contains(&function));
        found.map_or_else(|| function.to_owned(), |service| service.name.to_owned())
    };
    let mut nodes: Vec<Node> = Vec::new();
    let mut place_of = |name: String, class: &'static str| {
        let found = nodes.iter().position(|node| node.name == name);
        found.unwrap_or_else(|| {
            nodes.push(Node { name, class });
            nodes.len() - 1
        })
    };
    for entry in &catalog.messages {
        for outside in entry.producers.iter().filter(|producer| producer.is_outside()) {
            place_of(outside.name().to_owned(), "outside");
        }
    }
    for service in &catalog.services {
        place_of(service.name.to_owned(), "service");
    }
    let mut edges = Edges::new();
    for entry in &catalog.messages {
        for producer in &entry.producers {
            let from = place_of(service_of(producer.name()), "service");
            for consumer in &entry.consumers {
                let to = place_of(service_of(&consumer.function), "reader");
                let kinds: &mut Vec<&str> = edges.entry((from, to)).or_default();
                if from != to && !kinds.contains(&entry.kind) {
                    kinds.push(entry.kind);
                }
            }
        }
    }
    edges.retain(|_, kinds| !kinds.is_empty());
    (nodes, edges)
}

fn places(nodes: &[Node], edges: &Edges<'_>) -> Vec<(f64, f64)> {
    let degree = |place: usize| edges.keys().filter(|(a, b)| *a == place || *b == place).count();
    let hub = (0..nodes.len()).rev().max_by_key(|place| degree(*place));
    let ring = ring(nodes, edges, hub);
    let around = ring.len().max(1) as f64;
    let (x, y) = (WIDTH / 2.0 - BOX.0 - 8.0, HEIGHT / 2.0 - BOX.1 - 8.0);
    let placed = (0..nodes.len()).map(|place| {
        let Some(number) = ring.iter().position(|of| *of == place) else {
            return (WIDTH / 2.0, HEIGHT / 2.0);
        };
        let (sine, cosine) = (number as f64 / around * TAU - TAU / 2.0).sin_cos();
        (WIDTH / 2.0 + x * cosine, HEIGHT / 2.0 + y * sine)
    });
    placed.collect()
}

/// Returns the places around the hub in their order: each service between those outside who send
/// to it and the functions that only read it, so that few arrows cross.
fn ring(nodes: &[Node], edges: &Edges<'_>, hub: Option<usize>) -> Vec<usize> {
    let of_class = |class: &'static str| {
        let places = nodes.iter().enumerate().filter(move |(_, node)| node.class == class);
        places.map(|(place, _)| place)
    };
    let mut ring = Vec::new();
    for service in of_class("service").filter(|place| Some(*place) != hub) {
        ring.extend(of_class("outside").filter(|of| edges.contains_key(&(*of, service))));
        ring.push(service);
        ring.extend(of_class("reader").filter(|of| edges.contains_key(&(service, *of))));
    }
    ring.extend((0..nodes.len()).filter(|place| Some(*place) != hub));
    let mut seen = Vec::new();
    ring.retain(|place| {
        let new = !seen.contains(place);
        seen.push(*place);
        new
    });
    ring
}

fn arrow(
    svg: &mut String,
    start: (f64, f64),
    end: (f64, f64),
    [from, to]: [&str; 2],
    kinds: &[&str],
) {
    let (dx, dy) = (end.0 - start.0, end.1 - start.1);
    let length = dx.hypot(dy).max(1.0);
    let middle = (
        (start.0 + end.0) / 2.0 - dy / length * BEND,
        (start.1 + end.1) / 2.0 + dx / length * BEND,
    );
    let (a, b) = (border(start, middle), border(end, middle));
    let _ = writeln!(
        svg,
        "<g class=\"arrow\"><title>{} to {}: {}</title><path d=\"M{:.1} {:.1}Q{:.1} {:.1} {:.1} \
         {:.1}\" marker-end=\"url(#tip)\"/><text x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
        Text(from),
        Text(to),
        Text(&kinds.join(", ")),
        a.0,
        a.1,
        middle.0,
        middle.1,
        b.0,
        b.1,
        (a.0 + 2.0 * middle.0 + b.0) / 4.0,
        (a.1 + 2.0 * middle.1 + b.1) / 4.0 + 4.0,
        kinds.len()
    );
}

/// Returns where the line from the centre of a box to a point leaves the box.
fn border(centre: (f64, f64), towards: (f64, f64)) -> (f64, f64) {
    let (dx, dy) = (towards.0 - centre.0, towards.1 - centre.1);
    let scale = (BOX.0 / dx.abs().max(0.01)).min(BOX.1 / dy.abs().max(0.01)).min(1.0);
    (centre.0 + dx * scale, centre.1 + dy * scale)
}
