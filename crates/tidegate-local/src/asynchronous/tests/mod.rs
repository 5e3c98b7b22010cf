//! Tests of asynchronous invocation: its rules and its driver.

mod delivery;
mod machine;
