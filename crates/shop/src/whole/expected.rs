//! What the shop must have done: a fold over the lines of the file.

use std::collections::BTreeMap;

use crate::documents::{Document, Documents};

/// What the file says of the orders and returns that the shop accepts, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) orders: BTreeMap<String, Moved>,
    pub(super) returns: BTreeMap<String, Moved>,
}

/// What an order or a return moves.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    /// Value in minor units.
    pub(super) value: i128,
    /// Units of each product.
    pub(super) products: BTreeMap<String, i128>,
}

impl Expected {
    pub(super) fn from_documents(documents: &Documents) -> Self {
        let mut expected = Self::default();
        for (number, document) in &documents.by_number {
            let Some(moved) = Moved::from_document(document) else { continue };
            let into =
                if document.is_return { &mut expected.returns } else { &mut expected.orders };
            into.insert(number.clone(), moved);
        }
        expected
    }
}

impl Moved {
    /// `None`: the shop rejects it.
    fn from_document(document: &Document) -> Option<Self> {
        let (_, value) = document.accepted()?;
        let mut products = BTreeMap::new();
        for line in &document.lines {
            *products.entry(line.product.clone()).or_default() += line.quantity;
        }
        Some(Self { value, products })
    }
}
