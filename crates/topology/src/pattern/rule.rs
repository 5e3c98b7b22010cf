//! One combination of fields, with the matchers of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::matcher::Matcher;

/// Fields that must all match. A key is the field's path from the top, joined by dots.
pub(super) type Rule = BTreeMap<String, Arc<[Matcher]>>;
