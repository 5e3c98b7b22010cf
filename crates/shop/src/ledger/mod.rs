//! `shop ledger`: statements of the accounts, and the audit of the books.

mod audit;
pub(crate) mod balances;
pub(crate) mod books;
pub(crate) mod options;
mod replay;
mod statement;

pub(crate) use audit::audit;
pub(crate) use statement::statement;
