//! Buses: the rules, and the driver.

mod machine;
mod routing;
