//! Takes the rules that `derive(garde::Validate)` declares.

use super::{BrokenRule, Validate};

/// A type that derives `garde::Validate`.
#[diagnostic::do_not_recommend]
impl<T: garde::Validate<Context: Default>> Validate for T {
    fn broken_rules(&self) -> Vec<BrokenRule> {
        let Err(report) = garde::Validate::validate(self) else { return Vec::new() };
        let broken = report.iter();
        broken.map(|(path, error)| BrokenRule::new(path.to_string(), error.message())).collect()
    }
}
