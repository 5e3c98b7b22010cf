//! Asynchronous invocation: the rules, and the driver.

mod delivery;
mod machine;
