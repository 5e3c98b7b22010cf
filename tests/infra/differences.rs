//! Differences that a plan finds directly after an apply.

use std::collections::BTreeSet;

use serde_json::Value;

/// Planned changes although nothing has changed.
struct Known {
    /// Address of the resource. `*` matches any text.
    address: &'static str,
    /// Attributes, with everything nested in them. An empty name is the whole resource.
    attributes: &'static [&'static str],
    action: &'static str,
    /// Reason of the changes.
    reason: &'static str,
}

/// Changes caused by errors of the emulator. Each must occur: remove one that no longer does.
const KNOWN: [Known; 3] = [
    Known {
        address: "aws_cloudwatch_composite_alarm.function[*]",
        attributes: &[""],
        action: "delete and create",
        reason: "MiniStack answers DescribeAlarms without whether actions are enabled",
    },
    Known {
        address: "aws_cloudwatch_metric_alarm.this[*]",
        attributes: &[
            "actions_enabled",
            "alarm_actions",
            "alarm_description",
            "dimensions",
            "extended_statistic",
            "ok_actions",
            "period",
            "statistic",
            "treat_missing_data",
        ],
        action: "update",
        reason: "MiniStack answers DescribeAlarms without them",
    },
    Known {
        address: "module.stream[*].aws_kinesis_stream.this",
        attributes: &["tags_all"],
        action: "update",
        reason: "MiniStack forgets the tags of a new stream",
    },
];

/// A planned change of one attribute, or of the whole resource if the attribute is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Change {
    pub(crate) address: String,
    pub(crate) attribute: String,
    pub(crate) action: String,
}

/// Every planned change of a resource or output.
pub(crate) fn changes(plan: &Value) -> BTreeSet<Change> {
    let mut found = BTreeSet::new();
    for resource in plan["resource_changes"].as_array().into_iter().flatten() {
        let (change, address) =
            (&resource["change"], resource["address"].as_str().expect("an address"));
        let action = actions(change);
        let whole = |attribute: &str| Change {
            address: address.to_owned(),
            attribute: attribute.to_owned(),
            action: action.clone(),
        };
        match action.as_str() {
            "no-op" | "read" => {}
            "update" => {
                let mut paths = BTreeSet::new();
                paths_that_differ(
                    &change["before"],
                    &change["after"],
                    &change["after_unknown"],
                    "",
                    &mut paths,
                );
                found.extend(paths.iter().map(|path| whole(path)));
            }
            _ => drop(found.insert(whole(""))),
        }
    }
    for (name, change) in plan["output_changes"].as_object().into_iter().flatten() {
        if actions(change) != "no-op" {
            found.insert(Change {
                address: format!("output.{name}"),
                attribute: String::new(),
                action: actions(change),
            });
        }
    }
    found
}

/// Fails with the changes that are not in the list, and with those in the list that do not occur.
pub(crate) fn as_planned(changes: &BTreeSet<Change>) {
    let known = || {
        KNOWN
            .iter()
            .flat_map(|known| known.attributes.iter().map(move |attribute| (known, *attribute)))
    };
    let unknown: Vec<String> = changes
        .iter()
        .filter(|change| !known().any(|(known, attribute)| known.covers(attribute, change)))
        .map(|change| format!("{} {}: {}", change.address, change.attribute, change.action))
        .collect();
    assert!(
        unknown.is_empty(),
        "planned again although nothing has changed:\n{}",
        unknown.join("\n")
    );
    for (known, attribute) in known() {
        assert!(
            changes.iter().any(|change| known.covers(attribute, change)),
            "{} {attribute} is planned no more ({}): remove it from KNOWN",
            known.address,
            known.reason
        );
    }
}

impl Known {
    fn covers(&self, attribute: &str, change: &Change) -> bool {
        let rest = change.attribute.strip_prefix(attribute);
        let is_nested = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        change.action == self.action && is_nested && matches(self.address, &change.address)
    }
}

/// Whether a text matches a pattern in which `*` matches any text.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|left| {
            left.char_indices()
                .map(|(at, _)| at)
                .chain([left.len()])
                .any(|at| matches(rest, &left[at..]))
        }),
    }
}

fn actions(change: &Value) -> String {
    let actions: Vec<&str> =
        change["actions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    actions.join(" and ")
}

fn paths_that_differ(
    before: &Value,
    after: &Value,
    unknown: &Value,
    path: &str,
    found: &mut BTreeSet<String>,
) {
    if unknown == &Value::Bool(true) {
        found.insert(path.to_owned());
        return;
    }
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let unknown_names = unknown.as_object().into_iter().flat_map(|names| names.keys());
            let names: BTreeSet<&String> =
                old.keys().chain(new.keys()).chain(unknown_names).collect();
            for name in names {
                paths_that_differ(&before[name], &after[name], &unknown[name], &below(name), found);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for index in 0..old.len() {
                paths_that_differ(
                    &old[index],
                    &new[index],
                    &unknown[index],
                    &below(&index.to_string()),
                    found,
                );
            }
        }
        _ if before != after => drop(found.insert(path.to_owned())),
        _ => {}
    }
}
