//! Tests of the declaration of a breaker.

use std::time::Duration;

use super::super::{BreakerSettings, Rules};
use crate::config::Settings;

fn read(json: &str) -> Result<Rules, Vec<String>> {
    let variable = ("TIDEGATE_BREAKER_CARD_PAYMENT".to_owned(), json.to_owned());
    let mut settings = Settings::from_variables([variable]);
    let declared = BreakerSettings::read(&mut settings, "card-payment");
    settings.finish(|| Some(declared?.rules())).map_err(|error| error.problems)
}

#[test]
fn a_declaration_is_read_from_its_variable() {
    let json = r#"{"table":"dev-breakers","cool_down_seconds":30,"failures_in_a_row":3,
        "failure_percent":40,"minimum_calls":20,"window_seconds":90,"freshness_seconds":2}"#;
    let rules = Rules::new(Duration::from_secs(30))
        .failures_in_a_row(Some(3))
        .failure_share(40, 20)
        .window(Duration::from_secs(90))
        .freshness(Duration::from_secs(2));
    assert_eq!(read(json), Ok(rules));
}

#[test]
fn a_declaration_that_is_wrong_says_what_is() {
    let problem = |json: &str| read(json).unwrap_err().join("; ");
    assert_eq!(problem(""), "TIDEGATE_BREAKER_CARD_PAYMENT is missing");
    let never = r#"{"table":"b","cool_down_seconds":30,"window_seconds":90,"freshness_seconds":2}"#;
    assert!(
        problem(never).ends_with("needs failures_in_a_row or failure_percent, or it never opens")
    );
    assert!(problem(r#"{"table":"b","cooldown":3}"#).contains("unknown field `cooldown`"));
}
