//! Writes guards.

use aws_sdk_dynamodb::types::{AttributeValue, Update};

use super::super::apply_error::ApplyError;
use super::super::delta::{COUNTED, Counted};
use super::super::expression::Expression;
use super::super::guard::{Advance, Position};
use super::super::row_update::RowUpdate;
use super::names::{number, row_key, set_row};
use crate::ids::Version;

/// Attributes of a row that mark its aggregate as parked.
pub(super) const PARKED: [&str; 3] = ["parked", "parked_code", "parked_reason"];

/// Returns the update that moves a guard and changes its row.
pub(super) fn guard_update(
    table: &str,
    advance: &Advance,
    row: &RowUpdate,
    counted: Option<Counted>,
    now: i64,
) -> Result<Update, ApplyError> {
    let mut expression = Expression::default();
    set_row(&mut expression, row);
    if let Some(event_id) = &advance.event_id {
        expression.set("event_id", AttributeValue::S(event_id.clone()));
    }
    if let Some(counted) = counted {
        expression.set(COUNTED, AttributeValue::S(counted.to_string()));
    }
    if advance.to.version != advance.from.version {
        expression.set("version", number(advance.to.version.number()));
        expression.set("applied_at", number(now));
        PARKED.iter().for_each(|name| expression.remove(name));
    }
    expression.set_or_remove("part", (advance.to.part != 0).then(|| number(advance.to.part)));
    expression.set_or_remove("cut", advance.to.cut.map(number));
    require_position(&mut expression, advance.from);
    expression.require("parked", advance.parked.map(|parked| number(parked.number())));
    expression.into_update(table, row_key(&advance.stream))
}

/// Requires that the guard is where it was read. A missing attribute means 0.
pub(super) fn require_position(expression: &mut Expression, position: Position) {
    require_version(expression, position.version);
    expression.require("part", (position.part != 0).then(|| number(position.part)));
    expression.require("cut", position.cut.map(number));
}

pub(super) fn require_version(expression: &mut Expression, version: Version) {
    expression.require("version", (version != Version::NONE).then(|| number(version.number())));
}
