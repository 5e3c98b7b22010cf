//! Reads the price table.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use terminal::problem::Problem;

/// List prices of one region on one day.
#[derive(Debug, Deserialize)]
pub(super) struct Prices {
    pub(super) date: String,
    pub(super) region: String,
    pub(super) currency: String,
    prices: BTreeMap<String, Price>,
    #[serde(skip)]
    file: PathBuf,
}

/// Price of an amount of something.
#[derive(Clone, Debug, Deserialize)]
struct Price {
    usd: f64,
    per: f64,
    unit: String,
}

/// An amount with its price.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Priced {
    pub(super) unit: String,
    pub(super) usd: f64,
}

impl Prices {
    /// Reads the table.
    ///
    /// # Errors
    /// The file is missing, or has mistakes.
    pub(super) fn read(file: &Path) -> Result<Self, Problem> {
        let shown = file.display();
        let text = fs::read_to_string(file).map_err(|error| {
            Problem::new(format!(
                "{shown}: the price table cannot be read ({error}); name one with --prices FILE"
            ))
        })?;
        let mut prices: Self = serde_json::from_str(&text).map_err(|error| {
            Problem::new(format!("{shown}: this is not a price table: {error}"))
        })?;
        for (key, price) in &prices.prices {
            let valid = price.usd.is_finite()
                && price.usd >= 0.0
                && price.per.is_finite()
                && price.per > 0.0;
            if !valid {
                return Err(Problem::new(format!(
                    "{shown}: {key} costs {} per {}; the price must be at least 0, and the amount \
                     above 0",
                    price.usd, price.per
                )));
            }
        }
        file.clone_into(&mut prices.file);
        Ok(prices)
    }

    /// Prices an amount.
    ///
    /// # Errors
    /// The table has no price for it. The message names `user`.
    pub(super) fn price(&self, key: &str, amount: f64, user: &str) -> Result<Priced, Problem> {
        let price = self.prices.get(key).ok_or_else(|| {
            Problem::new(format!(
                "{}: there is no price `{key}`, which {user} needs; add it",
                self.file.display()
            ))
        })?;
        Ok(Priced { unit: price.unit.clone(), usd: amount * price.usd / price.per })
    }

    #[cfg(test)]
    pub(super) fn from_repository() -> Self {
        Self::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/prices.json")).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Prices, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("prices.json");
        fs::write(&file, text).unwrap();
        Prices::read(&file).map_err(|problem| problem.to_string())
    }

    fn table(prices: &str) -> String {
        format!(
            r#"{{"date": "2026-01-01", "region": "r", "currency": "USD", "prices": {{{prices}}}}}"#
        )
    }

    #[test]
    fn an_amount_is_priced_by_its_unit() {
        let prices =
            read(&table(r#""w": {"usd": 0.625, "per": 1000000, "unit": "units"}"#)).unwrap();
        assert_eq!(
            prices.price("w", 4_000_000.0, "f").unwrap(),
            Priced { unit: "units".to_owned(), usd: 2.5 }
        );
        let said = prices.price("x", 1.0, "order-thing").unwrap_err().to_string();
        assert!(said.contains("no price `x`, which order-thing needs"), "{said}");
    }

    #[test]
    fn a_broken_table_is_said_with_its_file() {
        for (text, wrong) in [
            ("{".to_owned(), "not a price table: EOF"),
            (r#"{"date": "d"}"#.to_owned(), "missing field `region`"),
            (table(r#""w": {"usd": "1", "per": 1, "unit": "u"}"#), "invalid type: string"),
            (table(r#""w": {"usd": -1, "per": 1, "unit": "u"}"#), "w costs -1 per 1"),
            (table(r#""w": {"usd": 1, "per": 0, "unit": "u"}"#), "w costs 1 per 0"),
        ] {
            let said = read(&text).unwrap_err();
            assert!(said.contains("prices.json: ") && said.contains(wrong), "{said}");
        }
        assert!(
            Prices::read(Path::new("/nowhere")).unwrap_err().to_string().contains("--prices FILE")
        );
    }

    #[test]
    fn the_repositorys_table_says_where_each_price_comes_from() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/prices.json");
        let table: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!((&table["region"], &table["currency"]), (&"us-east-1".into(), &"USD".into()));
        table["date"].as_str().unwrap().parse::<jiff::civil::Date>().unwrap();
        let sources = table["from"].as_object().unwrap();
        for (key, price) in table["prices"].as_object().unwrap() {
            assert!(sources.contains_key(price["from"].as_str().unwrap()), "{key}");
            assert!(
                price["page"].as_str().unwrap().starts_with("https://aws.amazon.com/"),
                "{key}"
            );
        }
        Prices::from_repository();
    }
}
