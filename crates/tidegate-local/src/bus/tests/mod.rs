//! Tests of buses: their rules and their driver.

mod machine;
mod routing;
