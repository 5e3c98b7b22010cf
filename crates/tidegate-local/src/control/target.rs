//! The function that a request names, and its version or alias.

use super::refusal::Refusal;
use crate::environment::function_arn;
use engine_client::local::{ACCOUNT, REGION};

/// The only version that the engine runs.
const LATEST: &str = "$LATEST";
/// The alias that infra/locals.tf gives each function. Here it points to the only version.
const ALIAS: &str = "live";
/// The pattern of a name in Lambda's own message.
const NAME: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?";
const QUALIFIER: &str = r"(|[a-zA-Z0-9$_-]+)";

/// A function by its declared name, and the version or alias in the request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) function: String,
    pub(super) qualifier: Option<String>,
}

impl Target {
    /// Parses a name: `name`, `name:qualifier`, `123456789012:function:name`, or a whole ARN.
    ///
    /// A qualifier may also come separately. If the name has one too, the two must be equal.
    pub(super) fn parse(given: &str, qualifier: Option<&str>) -> Result<Self, Refusal> {
        let named = Named::parse(given).ok_or_else(|| Refusal::NoMatch {
            value: given.to_owned(),
            at: "functionName",
            pattern: NAME,
        })?;
        let qualifier = qualifier.filter(|qualifier| !qualifier.is_empty());
        if let Some(qualifier) = qualifier
            && !is_word(qualifier, "-_$")
        {
            return Err(Refusal::NoMatch {
                value: qualifier.to_owned(),
                at: "qualifier",
                pattern: QUALIFIER,
            });
        }
        if named.qualifier.is_some() && qualifier.is_some() && named.qualifier != qualifier {
            return Err(Refusal::Qualifiers);
        }
        if let Some(region) = named.region.filter(|region| *region != REGION) {
            return Err(Refusal::OtherRegion(region.to_owned()));
        }
        let qualifier = named.qualifier.or(qualifier).map(str::to_owned);
        let target = Self { function: named.function.to_owned(), qualifier };
        if named.account.is_some_and(|account| account != ACCOUNT) {
            return Err(Refusal::NotFound(
                target.arn().replace(ACCOUNT, named.account.unwrap_or_default()),
            ));
        }
        match target.qualifier.as_deref() {
            None | Some(LATEST | ALIAS) => Ok(target),
            Some(_) => Err(target.not_found()),
        }
    }

    pub(super) fn not_found(&self) -> Refusal {
        Refusal::NotFound(self.arn())
    }

    fn arn(&self) -> String {
        let arn = function_arn(REGION, &self.function);
        match &self.qualifier {
            Some(qualifier) => format!("{arn}:{qualifier}"),
            None => arn,
        }
    }
}

/// The parts of a name.
struct Named<'a> {
    region: Option<&'a str>,
    account: Option<&'a str>,
    function: &'a str,
    qualifier: Option<&'a str>,
}

impl<'a> Named<'a> {
    fn parse(given: &'a str) -> Option<Self> {
        let parts: Vec<&str> = given.split(':').collect();
        let (region, account, rest) = match *parts.as_slice() {
            ["arn", partition, "lambda", region, account, "function", ref rest @ ..]
                if partition.starts_with("aws") =>
            {
                (Some(region), Some(account), rest)
            }
            [region, account, "function", ref rest @ ..] => (Some(region), Some(account), rest),
            ["function", ref rest @ ..] if !rest.is_empty() => (None, None, rest),
            [account, "function", ref rest @ ..] if !rest.is_empty() => (None, Some(account), rest),
            ref rest => (None, None, rest),
        };
        let (function, qualifier) = match *rest {
            [function] => (function, None),
            [function, qualifier] => (function, Some(qualifier)),
            _ => return None,
        };
        let fits = is_word(function, "-_.")
            && qualifier.is_none_or(|qualifier| qualifier == LATEST || is_word(qualifier, "-_"))
            && account.is_none_or(|account| {
                account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())
            })
            && region.is_none_or(|region| is_word(region, "-"));
        fits.then_some(Self { region, account, function, qualifier })
    }
}

/// Returns whether a text consists of letters, digits and the characters in `more`.
fn is_word(text: &str, more: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || more.contains(letter))
}

/// Returns the `Qualifier` of a query.
pub(super) fn qualifier(query: Option<&str>) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query?.as_bytes());
    pairs.find(|(name, _)| name == "Qualifier").map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_named_by_name_or_arn_with_or_without_version() {
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:orders";
        for (given, beside, qualifier) in [
            ("orders", None, None),
            ("orders", Some(""), None),
            ("orders", Some("live"), Some("live")),
            ("orders:$LATEST", None, Some("$LATEST")),
            ("orders:live", Some("live"), Some("live")),
            ("function:orders", None, None),
            ("function:orders:live", None, Some("live")),
            ("000000000000:function:orders", None, None),
            ("us-east-1:000000000000:function:orders", None, None),
            (arn, None, None),
            (&format!("{arn}:live"), None, Some("live")),
        ] {
            let target = Target::parse(given, beside)
                .unwrap_or_else(|refusal| panic!("{given}: {refusal:?}"));
            assert_eq!(
                (target.function.as_str(), target.qualifier.as_deref()),
                ("orders", qualifier),
                "{given}"
            );
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_or_nowhere_is_refused() {
        let not_found = |rest: &str| Refusal::NotFound(format!("arn:aws:lambda:us-east-1:{rest}"));
        let no_match = |value: &str| Refusal::NoMatch {
            value: value.to_owned(),
            at: "functionName",
            pattern: NAME,
        };
        for (given, beside, refusal) in [
            ("orders:7", None, not_found("000000000000:function:orders:7")),
            ("orders", Some("LIVE"), not_found("000000000000:function:orders:LIVE")),
            ("123456789012:function:orders", None, not_found("123456789012:function:orders")),
            (
                "arn:aws:lambda:eu-west-1:000000000000:function:orders",
                None,
                Refusal::OtherRegion("eu-west-1".into()),
            ),
            ("orders:live", Some("$LATEST"), Refusal::Qualifiers),
            ("two words", None, no_match("two words")),
            ("", None, no_match("")),
            ("orders:", None, no_match("orders:")),
            (
                "arn:aws:sqs:us-east-1:000000000000:orders",
                None,
                no_match("arn:aws:sqs:us-east-1:000000000000:orders"),
            ),
        ] {
            assert_eq!(Target::parse(given, beside), Err(refusal), "{given}");
        }
    }

    #[test]
    fn the_qualifier_of_a_query_is_decoded() {
        assert_eq!(qualifier(Some("a=b&Qualifier=%24LATEST")).as_deref(), Some("$LATEST"));
        assert_eq!(qualifier(Some("qualifier=live")), None);
        assert_eq!(qualifier(None), None);
    }

    #[test]
    fn the_alias_is_the_one_that_is_deployed() {
        let locals = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/locals.tf");
        let locals = std::fs::read_to_string(locals).unwrap();
        assert!(
            locals.contains(&format!("function_alias = \"{ALIAS}\"")),
            "{ALIAS} is not in infra/locals.tf"
        );
    }
}
