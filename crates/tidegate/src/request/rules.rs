//! Problem documents of the rules that a body breaks.

use http::StatusCode;

use super::problem::{Place, Problem};
use crate::validation::{INVALID_RECORD, Validate};

/// Most broken rules that a problem document names.
const NAMED: usize = 20;

impl Problem {
    /// Checks a body by the [rules](crate::validation) of its type.
    ///
    /// # Errors
    /// A 422 with the code `invalid_record`. It names the first 20 broken rules, each with the JSON
    /// pointer of its field, and the number of all of them.
    pub fn check(body: &impl Validate) -> Result<(), Self> {
        let broken = body.broken_rules();
        let detail = match broken.len() {
            0 => return Ok(()),
            1 => "the body breaks a rule".to_owned(),
            all => format!("the body breaks {all} rules"),
        };
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, INVALID_RECORD, detail);
        Err(broken.into_iter().take(NAMED).fold(problem, |problem, broken| {
            problem.mistake_at(Place::Pointer(pointer(&broken.field)), broken.rule)
        }))
    }
}

/// Returns the JSON pointer (RFC 6901) of a field such as `lines[2].quantity`.
fn pointer(field: &str) -> String {
    let mut pointer = String::new();
    for name in field.split(['.', '[']).map(|name| name.trim_end_matches(']')) {
        if !name.is_empty() {
            pointer.push('/');
            pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::BrokenRule;

    struct Body(Vec<BrokenRule>);

    impl Validate for Body {
        fn broken_rules(&self) -> Vec<BrokenRule> {
            self.0.clone()
        }
    }

    #[test]
    fn each_broken_rule_is_named_by_the_pointer_of_its_field() {
        assert!(Problem::check(&Body(Vec::new())).is_ok());
        let fields = ["lines[2].quantity", "a/b~c", ""];
        let broken = fields.map(|field| BrokenRule::new(field, "must be above 0")).to_vec();
        let problem = Problem::check(&Body(broken)).unwrap_err();
        let document = problem.document(None, "");
        assert_eq!((problem.status().as_u16(), &document["code"]), (422, &json!("invalid_record")));
        assert_eq!(document["detail"], "the body breaks 3 rules");
        let pointers: Vec<_> =
            document["errors"].as_array().unwrap().iter().map(|error| &error["pointer"]).collect();
        assert_eq!(pointers, [&json!("/lines/2/quantity"), &json!("/a~1b~0c"), &json!("")]);
    }

    #[test]
    fn a_body_with_very_many_broken_rules_gets_a_short_answer() {
        let broken = vec![BrokenRule::new("x", "must be above 0"); 5_000];
        let document = Problem::check(&Body(broken)).unwrap_err().document(None, "");
        assert_eq!(document["errors"].as_array().unwrap().len(), 20);
        assert_eq!(document["detail"], "the body breaks 5000 rules");
    }
}
