//! Expressions of Scheduler: what AWS documents and recorded, and next times against a slow search.

mod expressions;
mod properties;
mod times;
