//! One combination of fields and what their values are compared with.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::matcher::Matcher;

/// Fields that must all match. A key is the field's names from the top, joined by points.
pub(super) type Rule = BTreeMap<String, Arc<[Matcher]>>;
