//! A line, split into its eight columns.

use std::borrow::Cow;

/// The header of an online-retail file.
pub(crate) const COLUMNS: [&str; 8] = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
];

/// One line, split into its eight columns as written.
pub(crate) struct Row<'a> {
    /// Number of the invoice.
    pub(crate) invoice: Cow<'a, str>,
    /// Product.
    pub(crate) stock_code: Cow<'a, str>,
    /// Description of the product.
    pub(crate) description: Cow<'a, str>,
    /// Units.
    pub(crate) quantity: Cow<'a, str>,
    /// Time, in one of the forms of [`date::parse`](super::date::parse).
    pub(crate) date: Cow<'a, str>,
    /// Price of one unit, in pounds.
    pub(crate) price: Cow<'a, str>,
    /// Customer; empty for guests.
    pub(crate) customer: Cow<'a, str>,
    /// English name of the country.
    pub(crate) country: Cow<'a, str>,
}

impl<'a> Row<'a> {
    /// Splits a line by RFC 4180.
    ///
    /// A line that is not UTF-8 counts as ISO 8859-1, in which the data set is also published.
    /// Returns `None` if the quotes do not match or the line does not have eight columns.
    pub(crate) fn split(line: &'a [u8]) -> Option<Self> {
        match std::str::from_utf8(line) {
            Ok(text) => Row::split_text(text),
            Err(_) => {
                let text: String = line.iter().map(|byte| char::from(*byte)).collect();
                Row::split_text(&text).map(Row::into_owned)
            }
        }
    }

    fn split_text(text: &'a str) -> Option<Self> {
        let mut rest = Some(text);
        let mut column = || {
            let (column, behind) = first_column(rest?)?;
            rest = behind;
            Some(column)
        };
        let row = Row {
            invoice: column()?,
            stock_code: column()?,
            description: column()?,
            quantity: column()?,
            date: column()?,
            price: column()?,
            customer: column()?,
            country: column()?,
        };
        rest.is_none().then_some(row)
    }

    fn into_owned<'b>(self) -> Row<'b> {
        let owned = |column: Cow<'_, str>| Cow::Owned(column.into_owned());
        Row {
            invoice: owned(self.invoice),
            stock_code: owned(self.stock_code),
            description: owned(self.description),
            quantity: owned(self.quantity),
            date: owned(self.date),
            price: owned(self.price),
            customer: owned(self.customer),
            country: owned(self.country),
        }
    }

    /// All columns in the order of [`COLUMNS`].
    pub(crate) fn columns(&self) -> [&str; 8] {
        [
            &self.invoice,
            &self.stock_code,
            &self.description,
            &self.quantity,
            &self.date,
            &self.price,
            &self.customer,
            &self.country,
        ]
    }
}

/// Returns the first column, and the text after its comma if there is one.
fn first_column(text: &str) -> Option<(Cow<'_, str>, Option<&str>)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (column, behind) = match text.split_once(',') {
            Some((column, behind)) => (column, Some(behind)),
            None => (text, None),
        };
        return (!column.contains('"')).then_some((Cow::Borrowed(column), behind));
    };
    let mut column = Cow::Borrowed("");
    let mut rest = quoted;
    loop {
        let (part, behind) = rest.split_once('"')?;
        column += part;
        if let Some(more) = behind.strip_prefix('"') {
            column += "\"";
            rest = more;
        } else if behind.is_empty() {
            return Some((column, None));
        } else {
            return Some((column, Some(behind.strip_prefix(',')?)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_columns_keep_commas_and_quotes() {
        let row = Row::split(br#"1,2,"a ""b"", c",4,5,6,,"""""#).unwrap();
        assert_eq!(row.columns(), ["1", "2", r#"a "b", c"#, "4", "5", "6", "", "\""]);
    }

    #[test]
    fn a_line_that_is_not_utf_8_is_iso_8859_1() {
        let row = Row::split(b"1,2,\"SET FOR \xa310, RED\",4,5,6,7,Espa\xf1a").unwrap();
        assert_eq!(
            (row.description.as_ref(), row.country.as_ref()),
            ("SET FOR £10, RED", "España")
        );
        assert_eq!(Row::split("1,2,£,4,5,6,7,8".as_bytes()).unwrap().description, "£");
    }

    #[test]
    fn a_line_that_does_not_fit_is_no_row() {
        for line in [
            &b"1,2,3,4,5,6,7"[..],
            b"1,2,3,4,5,6,7,8,9",
            br#"1,2,"3,4,5,6,7,8"#,
            br#"1,2,"3"x,4,5,6,7,8"#,
            br#"1,2,3"x,4,5,6,7,8"#,
            b"",
        ] {
            assert!(Row::split(line).is_none(), "{}", String::from_utf8_lossy(line));
        }
    }
}
