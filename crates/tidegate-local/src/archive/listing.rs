//! Pages of the calls that list.

use serde_json::Value;

use super::refusal::Refusal;

/// Most entries of a page (API reference: `LimitMax100`).
const LONGEST_PAGE: usize = 100;

/// What a call wants listed.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    prefix: &'a str,
    state: Option<&'a str>,
    limit: usize,
    /// The last name of the page before.
    token: Option<&'a str>,
}

impl<'a> Listing<'a> {
    /// Reads the request of a call that lists.
    pub(super) fn parse(request: &'a Value) -> Result<Self, Refusal> {
        let text = |name: &str| request.get(name).and_then(Value::as_str);
        let limit = match request.get("Limit") {
            None | Some(Value::Null) => LONGEST_PAGE,
            Some(limit) => limit
                .as_u64()
                .and_then(|limit| usize::try_from(limit).ok())
                .filter(|limit| (1..=LONGEST_PAGE).contains(limit))
                .ok_or_else(|| Refusal::parameter("Limit", &"It must be 1 to 100."))?,
        };
        Ok(Self {
            prefix: text("NamePrefix").unwrap_or_default(),
            state: text("State"),
            limit,
            token: text("NextToken"),
        })
    }

    /// Returns the page as the value of `field`, from entries in the order of their names.
    pub(super) fn page(
        &self,
        field: &str,
        entries: impl Iterator<Item = (String, &'static str, Value)>,
    ) -> Value {
        let mut entries = entries.filter(|(name, state, _)| {
            name.starts_with(self.prefix)
                && self.state.is_none_or(|wanted| wanted == *state)
                && self.token.is_none_or(|token| name.as_str() > token)
        });
        let (mut page, mut last) = (Vec::new(), None);
        for (name, _, entry) in entries.by_ref().take(self.limit) {
            page.push(entry);
            last = Some(name);
        }
        let mut answer = serde_json::Map::from_iter([(field.to_owned(), Value::Array(page))]);
        let next = last.filter(|_| entries.next().is_some());
        answer.extend(next.map(|next| ("NextToken".to_owned(), next.into())));
        Value::Object(answer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listed(request: Value) -> Result<Value, Refusal> {
        let entries =
            [("a1", "RUNNING"), ("a2", "COMPLETED"), ("a3", "COMPLETED"), ("b", "FAILED")];
        let entries = entries.map(|(name, state)| (name.to_owned(), state, json!(name)));
        Listing::parse(&request).map(|listing| listing.page("Names", entries.into_iter()))
    }

    #[test]
    fn pages_follow_each_other_and_the_last_has_no_token() {
        for (request, answer) in [
            (json!({}), json!({"Names": ["a1", "a2", "a3", "b"]})),
            (json!({"Limit": 2}), json!({"Names": ["a1", "a2"], "NextToken": "a2"})),
            (json!({"Limit": 2, "NextToken": "a2"}), json!({"Names": ["a3", "b"]})),
            (json!({"NamePrefix": "a", "State": "COMPLETED"}), json!({"Names": ["a2", "a3"]})),
            (json!({"NamePrefix": "x"}), json!({"Names": []})),
        ] {
            assert_eq!(listed(request.clone()).unwrap(), answer, "{request}");
        }
        for limit in [json!(0), json!(101), json!("2"), json!(-1)] {
            assert_eq!(listed(json!({"Limit": limit})).unwrap_err().code, "ValidationException");
        }
    }
}
