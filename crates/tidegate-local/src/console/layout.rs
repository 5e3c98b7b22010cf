//! Layout of the console's picture.
//!
//! Nodes stand in layers from left to right, ordered within a layer so that few edges cross. The
//! same topology always gives the same picture.

use serde::Serialize;

use super::graph::{EdgeKind, Graph, NodeKind};

/// Size of a node, and the gaps between layers and rows, in pixels of an unscaled picture.
const WIDTH: f64 = 132.0;
const HEIGHT: f64 = 42.0;
const GAP: f64 = 58.0;
const ROW_GAP: f64 = 14.0;
/// Height of an edge that only passes through a layer.
const LANE: f64 = 16.0;
/// Height that each edge takes at a node's side: the height of its count.
const PORT: f64 = 14.0;
const MARGIN: f64 = 8.0;
/// Room at the picture's sides, where edges that lead back turn.
const SIDE: f64 = 26.0;
/// Distance from a node at which an edge that leads back turns.
const TURN: f64 = 22.0;
/// Number of rounds that order each layer by its neighbours.
const ROUNDS: usize = 8;

/// The finished picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Picture {
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// Left, top, width and height of each node, in the order of the graph's nodes.
    pub(crate) boxes: Vec<[f64; 4]>,
    /// Points of each edge from start to end, in the order of the graph's edges.
    pub(crate) lines: Vec<Vec<[f64; 2]>>,
}

/// An item of a layer: a node, or an edge that passes through.
#[derive(Clone, Debug)]
struct Item {
    layer: usize,
    /// Index of the graph's node. `None` for an edge that passes through.
    node: Option<usize>,
    before: Vec<usize>,
    after: Vec<usize>,
    order: f64,
    y: f64,
    height: f64,
}

/// Lays out a graph.
pub(crate) fn layout(graph: &Graph) -> Picture {
    let layers = layers(graph);
    let (mut items, chains) = items(graph, &layers);
    let mut rows: Vec<Vec<usize>> =
        vec![Vec::new(); layers.iter().max().map_or(0, |last| last + 1)];
    for (index, item) in items.iter().enumerate() {
        if let Some(row) = rows.get_mut(item.layer) {
            row.push(index);
        }
    }
    arrange(&mut items, &mut rows);
    let mut height = place(&mut items, &rows);
    let left = |layer: usize| SIDE + cast(layer) * (WIDTH + GAP);
    let boxes = items.iter().filter(|item| item.node.is_some());
    let boxes = boxes.map(|item| [left(item.layer), item.y, WIDTH, item.height]).collect();
    let mut lines = Vec::new();
    for chain in &chains {
        let mut points = line(chain, &items, &left);
        if let [[start, _], [end, _]] = *points.as_slice()
            && end < start
        {
            // Back to the left: below everything, each edge in a lane of its own.
            points.splice(1..1, [[start + TURN, height], [end - TURN, height]]);
            height += LANE;
        }
        lines.push(points);
    }
    Picture { width: left(rows.len().max(1)) - GAP + SIDE, height, boxes, lines }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of things on a screen")]
fn cast(count: usize) -> f64 {
    count as f64
}

/// Returns the layer of each node: right of everything that leads to it.
///
/// Edges that close a circle, and edges that only read, do not count. For example, `a → b → c → a`
/// gives the layers 0, 1 and 2.
fn layers(graph: &Graph) -> Vec<usize> {
    let flows: Vec<(usize, usize)> = graph
        .edges
        .iter()
        .filter(|edge| edge.kind != EdgeKind::Reads && edge.from != edge.to)
        .map(|edge| (edge.from, edge.to))
        .collect();
    let mut kept: Vec<(usize, usize)> = Vec::new();
    for (from, to) in flows {
        if !reaches(&kept, to, from) {
            kept.push((from, to));
        }
    }
    let mut layers = vec![0; graph.nodes.len()];
    // Without circles, as many rounds as there are nodes are enough.
    for _ in 0..graph.nodes.len() {
        for (from, to) in &kept {
            let least = layers.get(*from).copied().unwrap_or(0) + 1;
            if let Some(layer) = layers.get_mut(*to) {
                *layer = least.max(*layer);
            }
        }
    }
    // A resource that is only read stands right of its readers. Destinations of dead letters stand
    // at the end.
    let last = layers.iter().max().copied().unwrap_or(0);
    for (place, node) in graph.nodes.iter().enumerate() {
        let fed = kept.iter().any(|(_, to)| *to == place);
        let feeds = kept.iter().any(|(from, _)| *from == place);
        let readers =
            graph.edges.iter().filter(|edge| edge.kind == EdgeKind::Reads && edge.to == place);
        let reader = readers.filter_map(|edge| layers.get(edge.from).copied()).max();
        let layer = match (node.kind, fed, feeds, reader) {
            (NodeKind::DeadLetters | NodeKind::Bucket | NodeKind::Topic, _, false, _) => Some(last),
            (_, false, false, Some(reader)) => Some((reader + 1).min(last.max(1))),
            _ => None,
        };
        if let (Some(layer), Some(own)) = (layer, layers.get_mut(place)) {
            *own = layer;
        }
    }
    layers
}

fn reaches(edges: &[(usize, usize)], from: usize, to: usize) -> bool {
    let (mut seen, mut next) = (vec![from], vec![from]);
    while let Some(node) = next.pop() {
        if node == to {
            return true;
        }
        for (_, target) in edges.iter().filter(|(source, _)| *source == node) {
            if !seen.contains(target) {
                seen.push(*target);
                next.push(*target);
            }
        }
    }
    false
}

/// Returns the nodes as items, and for each edge the chain of items from its start to its end.
fn items(graph: &Graph, layers: &[usize]) -> (Vec<Item>, Vec<Vec<usize>>) {
    let item = |layer, node, height| Item {
        layer,
        node,
        before: Vec::new(),
        after: Vec::new(),
        order: 0.0,
        y: 0.0,
        height,
    };
    let mut items: Vec<Item> =
        layers.iter().enumerate().map(|(place, layer)| item(*layer, Some(place), HEIGHT)).collect();
    let mut chains = Vec::new();
    for edge in &graph.edges {
        let layer = |place: usize| layers.get(place).copied().unwrap_or(0);
        let (first, last) = (layer(edge.from), layer(edge.to));
        let mut chain = vec![edge.from];
        for layer in first + 1..last {
            items.push(item(layer, None, LANE));
            chain.push(items.len() - 1);
        }
        chain.push(edge.to);
        for pair in chain.windows(2) {
            if let [from, to] = *pair {
                items.get_mut(from).into_iter().for_each(|item| item.after.push(to));
                items.get_mut(to).into_iter().for_each(|item| item.before.push(from));
            }
        }
        chains.push(chain);
    }
    for (place, item) in items.iter_mut().enumerate().take(graph.nodes.len()) {
        let touching = |end: fn(&super::graph::Edge) -> usize| {
            graph.edges.iter().filter(|e| end(e) == place).count()
        };
        let ports = touching(|edge| edge.from).max(touching(|edge| edge.to));
        item.height = HEIGHT.max(cast(ports) * PORT + 6.0);
    }
    (items, chains)
}

/// Orders each layer by the mean place of its neighbours, from left to right and back.
fn arrange(items: &mut [Item], rows: &mut [Vec<usize>]) {
    let number = |items: &mut [Item], row: &[usize]| {
        let middle = cast(row.len().saturating_sub(1)) / 2.0;
        for (place, index) in row.iter().enumerate() {
            items.get_mut(*index).into_iter().for_each(|item| item.order = cast(place) - middle);
        }
    };
    for row in rows.iter() {
        number(items, row);
    }
    for round in 0..ROUNDS {
        let forward = round % 2 == 0;
        let count = rows.len();
        for step in 0..count {
            let Some(row) = rows.get_mut(if forward { step } else { count - 1 - step }) else {
                continue;
            };
            let mean = |index: &usize| {
                let Some(item) = items.get(*index) else { return 0.0 };
                let near = if forward { &item.before } else { &item.after };
                let orders =
                    near.iter().filter_map(|other| items.get(*other)).map(|other| other.order);
                if near.is_empty() { item.order } else { orders.sum::<f64>() / cast(near.len()) }
            };
            row.sort_by(|one, other| mean(one).total_cmp(&mean(other)));
            number(items, row);
        }
    }
}

/// Sets the y of every item, with each layer centred. Returns the picture's height.
fn place(items: &mut [Item], rows: &[Vec<usize>]) -> f64 {
    let heights: Vec<f64> = rows
        .iter()
        .map(|row| {
            let own: f64 = row
                .iter()
                .filter_map(|index| items.get(*index))
                .map(|item| item.height + ROW_GAP)
                .sum();
            own - ROW_GAP
        })
        .collect();
    let tallest = heights.iter().copied().fold(0.0, f64::max);
    for (row, height) in rows.iter().zip(&heights) {
        let mut y = MARGIN + (tallest - height) / 2.0;
        for index in row {
            if let Some(item) = items.get_mut(*index) {
                item.y = y;
                y += item.height + ROW_GAP;
            }
        }
    }
    tallest + 2.0 * MARGIN
}

/// Returns the points of an edge. It leaves at the right side and arrives at the left side, each at
/// a port of its own.
fn line(chain: &[usize], items: &[Item], left: &dyn Fn(usize) -> f64) -> Vec<[f64; 2]> {
    let mut points = Vec::new();
    for (place, index) in chain.iter().enumerate() {
        let Some(item) = items.get(*index) else { continue };
        let (start, middle) = (left(item.layer), item.y + item.height / 2.0);
        if item.node.is_none() {
            points.extend([[start, middle], [start + WIDTH, middle]]);
        } else if place == 0 {
            points.push([start + WIDTH, port(item, &item.after, chain.get(1), items)]);
        } else {
            points.push([start, port(item, &item.before, chain.get(place - 1), items)]);
        }
    }
    points
}

/// Returns the y of the port that leads to a neighbour. Ports have the order of the neighbours, so
/// that edges at one node do not cross.
fn port(item: &Item, near: &[usize], neighbour: Option<&usize>, items: &[Item]) -> f64 {
    let middle = item.y + item.height / 2.0;
    let mut near: Vec<(f64, usize)> =
        near.iter().filter_map(|index| Some((items.get(*index)?.y, *index))).collect();
    near.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    let place = near.iter().position(|(_, index)| Some(index) == neighbour);
    place.map_or(middle, |place| middle + (cast(place) - cast(near.len() - 1) / 2.0) * PORT)
}

#[cfg(test)]
mod tests {
    use super::super::graph::{Edge, Node};
    use super::*;

    fn graph(nodes: &[(&str, NodeKind)], edges: &[(usize, usize, EdgeKind)]) -> Graph {
        let nodes = nodes.iter().map(|(name, kind)| Node { kind: *kind, name: (*name).to_owned() });
        let edges = edges.iter().map(|(from, to, kind)| Edge { from: *from, to: *to, kind: *kind });
        Graph { nodes: nodes.collect(), edges: edges.collect() }
    }

    fn shop() -> Graph {
        use EdgeKind::{Calls, GivesUp, Mapping, Reads};
        use NodeKind::{DeadLetters, Function, Stream, Table};
        graph(
            &[
                ("orders", Stream),
                ("processor", Function),
                ("store", Table),
                ("projection", Function),
                ("view", Table),
                ("letters", DeadLetters),
                ("prices", Table),
            ],
            &[
                (0, 1, Mapping),
                (1, 2, Calls),
                (2, 3, Mapping),
                (3, 2, Reads),
                (3, 4, Calls),
                (1, 5, GivesUp),
                (3, 5, GivesUp),
                (1, 6, Reads),
            ],
        )
    }

    #[test]
    fn what_leads_to_a_node_stands_left_of_it_and_dead_letters_at_the_end() {
        assert_eq!(layers(&shop()), [0, 1, 2, 3, 4, 4, 2]);
    }

    #[test]
    fn a_circle_is_opened_where_it_closes() {
        use EdgeKind::Calls;
        use NodeKind::Function;
        let circle = graph(
            &[("a", Function), ("b", Function), ("c", Function)],
            &[(0, 1, Calls), (1, 2, Calls), (2, 0, Calls), (1, 1, Calls)],
        );
        assert_eq!(layers(&circle), [0, 1, 2]);
        let picture = layout(&circle);
        let back = &picture.lines[2];
        let lowest = picture.boxes.iter().map(|[_, y, _, height]| y + height).fold(0.0, f64::max);
        assert_eq!(back.len(), 4, "{back:?}");
        assert!(
            back[1][1] > lowest && back[2][1] == back[1][1] && picture.height > back[1][1],
            "{back:?}"
        );
        assert_eq!(picture.lines[3].len(), 4, "one that leads to its own node goes around it");
    }

    #[test]
    fn nothing_overlaps_and_everything_is_inside_the_picture() {
        let picture = layout(&shop());
        for (place, [x, y, width, height]) in picture.boxes.iter().enumerate() {
            assert!(
                *x >= 0.0
                    && *y >= 0.0
                    && x + width <= picture.width
                    && y + height <= picture.height
            );
            for [left, top, ..] in picture.boxes.iter().skip(place + 1) {
                assert!(left != x || (top - y).abs() >= *height, "{:?}", picture.boxes);
            }
        }
        for line in &picture.lines {
            assert!(line.len() >= 2 && line.iter().flatten().all(|part| *part >= 0.0), "{line:?}");
        }
    }

    #[test]
    fn a_long_edge_goes_around_the_nodes_between() {
        let picture = layout(&shop());
        // From the processor past the store and the projection to the letters.
        let long = &picture.lines[5];
        assert_eq!(long.len(), 2 + 2 * 2);
        for [x, y] in &long[1..5] {
            for [left, top, width, height] in &picture.boxes {
                let inside = x > left && *x < left + width && y > top && *y < top + height;
                assert!(!inside, "{x} {y} is in {left} {top}");
            }
        }
    }

    #[test]
    fn edges_leave_a_node_at_different_places() {
        let picture = layout(&shop());
        let mut starts: Vec<_> = [1, 5, 7].iter().map(|edge| picture.lines[*edge][0][1]).collect();
        starts.sort_by(f64::total_cmp);
        assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= PORT), "{starts:?}");
    }

    #[test]
    fn an_empty_system_has_an_empty_picture() {
        let picture = layout(&graph(&[], &[]));
        assert!(picture.boxes.is_empty() && picture.width > 0.0);
    }
}
