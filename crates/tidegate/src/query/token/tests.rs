//! Tests of page tokens.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_dynamo::{AttributeValue, Item};

use super::super::condition::{Condition, Filter};
use super::super::consistency::Consistency;
use super::super::page::NextPage;
use super::super::request::Query;
use super::super::table::{Index, Table};
use super::{PageTokens, TokenError, TokenKeys};

fn key(byte: u8) -> String {
    STANDARD.encode([byte; 32])
}

fn tokens(keys: &[u8]) -> PageTokens {
    let keys: Vec<String> = keys.iter().map(|byte| key(*byte)).collect();
    PageTokens::new(keys.join(",").parse::<TokenKeys>().unwrap())
}

fn table() -> Table {
    Table::new("order-view", "stream")
}

fn index() -> Index {
    Index::new("by-customer", "customer").sorted_by("at")
}

fn query() -> Query {
    Query::of_index(&table(), &index(), "17850")
}

fn place(values: &[(&str, &str)]) -> NextPage {
    let mut item = Item::default();
    for (name, value) in values {
        item.insert((*name).to_owned(), AttributeValue::S((*value).to_owned()));
    }
    NextPage(item)
}

fn next() -> NextPage {
    place(&[("customer", "17850"), ("at", "2010-12-01"), ("stream", "order#536365")])
}

#[test]
fn a_token_leads_to_the_same_place() {
    let tokens = tokens(&[1]);
    let token = tokens.seal(&next(), &query(), Some("tenant-7")).unwrap();
    assert_eq!(tokens.open(&token, &query(), Some("tenant-7")), Ok(next()));
    assert!(token.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)), "{token}");
    // The page size and the attributes may change from page to page.
    let other = query().limit(3).only(["status"]);
    assert_eq!(tokens.open(&token, &other, Some("tenant-7")), Ok(next()));
}

#[test]
fn numbers_and_bytes_of_keys_come_back_as_they_were() {
    let table = Table::new("t", "id").sorted_by("n");
    let query = Query::of_whole_table(&table, Consistency::Strong);
    let mut item = Item::default();
    item.insert("id".to_owned(), AttributeValue::B(vec![0, 255, 7]));
    item.insert("n".to_owned(), AttributeValue::N("-1.5E-3".to_owned()));
    let next = NextPage(item);
    let token = tokens(&[1]).seal(&next, &query, None).unwrap();
    assert_eq!(tokens(&[1]).open(&token, &query, None), Ok(next));
}

#[test]
fn a_token_of_another_query_is_refused() {
    let tokens = tokens(&[1]);
    let table = table().sorted_by("at");
    let index = index();
    let narrow =
        |condition| Query::of_partition(&table, "k", Consistency::Strong).sorted(condition);
    let filtered = |filter| Query::of_partition(&table, "k", Consistency::Strong).filtered(filter);
    // All of them have the same keys of a place, or a subset of them.
    let queries = [
        Query::of_partition(&table, "k", Consistency::Strong),
        Query::of_partition(&table, "K", Consistency::Strong),
        Query::of_partition(&table, 1_i64, Consistency::Strong),
        Query::of_partition(&table, "k", Consistency::Strong).descending(),
        Query::of_partition(&Table::new("u", "stream").sorted_by("at"), "k", Consistency::Strong),
        Query::of_whole_table(&table, Consistency::Strong),
        Query::of_index(&table, &index, "k"),
        Query::of_index(&table, &Index::new("other", "customer").sorted_by("at"), "k"),
        Query::of_index(&table, &index, "k").descending(),
        narrow(Condition::equals("a")),
        narrow(Condition::at_most("a")),
        narrow(Condition::at_least("a")),
        narrow(Condition::Below("a".into())),
        narrow(Condition::Above("a".into())),
        narrow(Condition::between("a", "b")),
        narrow(Condition::between("ab", "")),
        narrow(Condition::begins_with("a")),
        filtered(Filter::equals("status", "a")),
        filtered(Filter::equals("status", "b")),
        filtered(Filter::Exists("status".to_owned())),
        filtered(Filter::Absent("status".to_owned())),
    ];
    let next = place(&[("stream", "s"), ("at", "a"), ("customer", "k")]);
    for (n, of) in queries.iter().enumerate() {
        let token = tokens.seal(&next, of, None).unwrap();
        for (m, other) in queries.iter().enumerate() {
            let opened = tokens.open(&token, other, None).map(drop);
            let expected = if n == m { Ok(()) } else { Err(TokenError::OtherQuery) };
            assert_eq!(opened, expected, "{of:?} {other:?}");
        }
    }
}

#[test]
fn a_token_of_another_caller_is_refused() {
    let tokens = tokens(&[1]);
    let callers = [None, Some(""), Some("a"), Some("b")];
    for of in callers {
        let token = tokens.seal(&next(), &query(), of).unwrap();
        for other in callers {
            let opened = tokens.open(&token, &query(), other).map(drop);
            let expected = if of == other { Ok(()) } else { Err(TokenError::OtherCaller) };
            assert_eq!(opened, expected, "{of:?} {other:?}");
        }
    }
    let said = [TokenError::OtherCaller, TokenError::Forged].map(|error| error.to_string());
    assert_eq!(said[0], said[1], "a stranger's token looks like a forged one");
}

#[test]
fn a_token_expires() {
    let tokens = tokens(&[1]).lifetime(Duration::from_secs(60));
    let at = |second| Timestamp::from_second(second).unwrap();
    let token = tokens.seal_at(at(1_000), &next(), &query(), None).unwrap();
    let open = |second| tokens.open_at(at(second), &token, &query(), None).map(drop);
    assert_eq!((open(1_059), open(1_060)), (Ok(()), Err(TokenError::Expired)));
}

#[test]
fn keys_are_replaced_without_a_refused_token() {
    let seal = |tokens: &PageTokens| tokens.seal(&next(), &query(), None).unwrap();
    let open = |tokens: &PageTokens, token: &str| tokens.open(token, &query(), None).map(drop);
    // Environments of two neighbouring steps run at the same time.
    let steps = [tokens(&[1]), tokens(&[1, 2]), tokens(&[2, 1]), tokens(&[2])];
    for pair in steps[..3].windows(2) {
        for (one, other) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
            assert_eq!(open(other, &seal(one)), Ok(()));
        }
    }
    assert_eq!(open(&steps[3], &seal(&steps[2])), Ok(()));
    assert_eq!(open(&steps[3], &seal(&steps[1])), Err(TokenError::Forged), "after its lifetime");
}

#[test]
fn a_token_does_not_show_its_keys() {
    let tokens = tokens(&[1]);
    let seal = || tokens.seal(&next(), &query(), Some("tenant-7")).unwrap();
    let token = seal();
    let bytes = URL_SAFE_NO_PAD.decode(&token[3..]).unwrap();
    for secret in ["order#536365", "2010-12-01", "17850", "tenant-7"] {
        assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
    }
    assert_ne!(token, seal(), "two tokens of one place look different");
    let shown = format!("{tokens:?} {:?}", next());
    assert!(!shown.contains("536365") && !shown.contains(&key(1)), "{shown}");
}

#[test]
fn the_longest_keys_fit_a_token_and_no_longer_text_is_read() {
    let table = Table::new("t", "id").sorted_by("n");
    let index = Index::new("i", "customer").sorted_by("day");
    let (partition, sort) = ("p".repeat(2_048), "s".repeat(1_024));
    let query = Query::of_index(&table, &index, partition.as_str());
    let next = place(&[("customer", &partition), ("day", &sort), ("id", &partition), ("n", &sort)]);
    let token = tokens(&[1]).seal(&next, &query, None).unwrap();
    assert!(token.len() <= PageTokens::MAX_CHARACTERS, "{}", token.len());
    assert_eq!(tokens(&[1]).open(&token, &query, None), Ok(next));
    let long = format!("{token}{}", "A".repeat(PageTokens::MAX_CHARACTERS));
    assert_eq!(tokens(&[1]).open(&long, &query, None), Err(TokenError::TooLong));
}

#[test]
fn what_has_not_the_form_of_a_token_is_refused() {
    let token = tokens(&[1]).seal(&next(), &query(), None).unwrap();
    let wrong = [
        String::new(),
        "p1.".to_owned() + "=",
        token.replace("p1.", "p2."),
        token[3..].to_owned(),
        format!("{token}="),
        format!("{token} "),
        "ä".repeat(9),
    ];
    for text in wrong {
        let opened = tokens(&[1]).open(&text, &query(), None);
        assert_eq!(opened, Err(TokenError::Malformed), "{text}");
    }
    assert_eq!(tokens(&[1]).open("p1.", &query(), None), Err(TokenError::Forged), "no nonce");
}

#[test]
fn keys_are_32_bytes_in_base64_and_errors_do_not_quote_them() {
    let short = STANDARD.encode([7; 16]);
    let (one, three) = (key(1), [key(1), key(2), key(3)].join(","));
    let half = format!("{one},{short}");
    for text in ["", "secret", &short, &format!("{one},"), &three, &half] {
        let error = text.parse::<TokenKeys>().unwrap_err().to_string();
        assert!(text.is_empty() || !error.contains(text), "{error}");
    }
    assert!(format!(" {one} , {} ", key(2)).parse::<TokenKeys>().is_ok());
}

proptest! {
    #[test]
    fn a_token_with_any_change_is_refused(at in 0_usize..100_000, to in "[A-Za-z0-9._-]") {
        let tokens = tokens(&[1, 2]);
        let token = tokens.seal(&next(), &query(), None).unwrap();
        let at = at % token.len();
        let changed = format!("{}{to}{}", &token[..at], &token[at + 1..]);
        prop_assume!(changed != token);
        let opened = tokens.open(&changed, &query(), None);
        prop_assert!(
            matches!(opened, Err(TokenError::Forged | TokenError::Malformed)),
            "{changed}: {opened:?}"
        );
        prop_assert!(tokens.open(&token[..at], &query(), None).is_err(), "cut off at {at}");
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", form: bool) {
        let text = if form { format!("p1.{text}") } else { text };
        prop_assert!(tokens(&[1]).open(&text, &query(), None).is_err());
    }
}
