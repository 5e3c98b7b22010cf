//! Physical names of resources.
//!
//! A deployed system puts a prefix before the names of the topology, so that several systems fit
//! into one account.

use std::fmt;
use std::str::FromStr;

use crate::problem::Problem;

/// Longest prefix, as in Terraform. Names with it still fit into AWS's limits.
const LONGEST: usize = 16;

/// The prefix of the names of a system; empty for a local one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamePrefix(String);

impl NamePrefix {
    /// Returns whether the prefix is empty, so that names are those of the topology.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the physical name for a name of the topology.
    pub fn physical(&self, declared: &str) -> PhysicalName {
        PhysicalName { name: format!("{self}{declared}"), prefix: Some(self.clone()) }
    }

    /// Returns the name of the topology for a physical name. It returns a name without the prefix
    /// unchanged.
    pub fn declared<'a>(&self, physical: &'a str) -> &'a str {
        physical.strip_prefix(&self.0).unwrap_or(physical)
    }

    /// Returns whether a name, of the topology or physical, means this physical name.
    pub fn means(&self, name: &str, physical: &str) -> bool {
        name == physical || self.physical(name).as_str() == physical
    }
}

impl fmt::Display for NamePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for NamePrefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let of_a_name =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_prefix = text.len() <= LONGEST
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.ends_with('-')
            && text.bytes().all(of_a_name);
        if text.is_empty() || is_prefix {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "allowed is nothing, or at most {LONGEST} lower-case letters, digits and hyphens that begin with a letter and end with a hyphen, \
             such as `shop-dev-`"
        ))
    }
}

/// The physical name of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhysicalName {
    name: String,
    /// `None` for a given name, which is used unchanged.
    prefix: Option<NamePrefix>,
}

impl PhysicalName {
    /// Returns the given name, or else the physical name for a name of the topology. An empty name
    /// counts as none.
    pub fn given_or(given: Option<&str>, prefix: &NamePrefix, declared: &str) -> Self {
        given.filter(|name| !name.is_empty()).map_or_else(|| prefix.physical(declared), Self::given)
    }

    /// Creates a given name.
    pub fn given(name: &str) -> Self {
        Self { name: name.to_owned(), prefix: None }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Returns the problem that no resource has this name, and how the name was formed. `kind` is a
    /// word such as `table`.
    pub fn missing(&self, kind: &str) -> Problem {
        let name = &self.name;
        Problem::new(match &self.prefix {
            None => {
                format!(
                    "there is no {kind} `{name}`; this name was given, so --name-prefix does not apply"
                )
            }
            Some(prefix) if prefix.is_empty() => format!(
                "there is no {kind} `{name}`; where names begin with a prefix, give it: --name-prefix PREFIX (TIDEGATE_NAME_PREFIX)"
            ),
            Some(prefix) => format!(
                "there is no {kind} `{name}`; is `{prefix}` what names begin with there? It is from --name-prefix (TIDEGATE_NAME_PREFIX)"
            ),
        })
    }
}

impl fmt::Display for PhysicalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> NamePrefix {
        text.parse().unwrap()
    }

    #[test]
    fn a_prefix_is_empty_or_begins_with_a_letter_and_ends_with_a_hyphen() {
        for good in ["", "a-", "shop-dev-", "shop--2-", "abcdefghijklmno-"] {
            assert_eq!(prefix(good).to_string(), good);
        }
        for bad in [
            "shop",
            "-",
            "-shop-",
            "2-",
            "Shop-",
            "shop_dev-",
            "shöp-",
            "shop.-",
            " ",
            "abcdefghijklmnop-",
        ] {
            assert!(bad.parse::<NamePrefix>().unwrap_err().contains("`shop-dev-`"), "{bad}");
        }
    }

    #[test]
    fn names_are_put_together_and_taken_apart_again() {
        let dev = prefix("shop-dev-");
        assert_eq!(dev.physical("orders").as_str(), "shop-dev-orders");
        assert_eq!(dev.declared("shop-dev-orders"), "orders");
        assert_eq!(dev.declared("orders"), "orders");
        assert!(
            dev.means("orders", "shop-dev-orders")
                && dev.means("shop-dev-orders", "shop-dev-orders")
        );
        assert!(!dev.means("orders", "orders-2") && !dev.means("shop-dev-orders", "orders"));
        let none = NamePrefix::default();
        assert_eq!(
            (none.physical("orders").as_str(), none.declared("orders")),
            ("orders", "orders")
        );
    }

    #[test]
    fn a_name_that_was_given_has_no_prefix() {
        let dev = prefix("shop-dev-");
        assert_eq!(PhysicalName::given_or(None, &dev, "sales").as_str(), "shop-dev-sales");
        assert_eq!(PhysicalName::given_or(Some(""), &dev, "sales").as_str(), "shop-dev-sales");
        assert_eq!(PhysicalName::given_or(Some("sales"), &dev, "sales").as_str(), "sales");
    }

    #[test]
    fn what_is_missing_is_named_with_how_its_name_came_about() {
        for (name, said) in [
            (
                prefix("shop-dev-").physical("sales"),
                "there is no table `shop-dev-sales`; is `shop-dev-` what",
            ),
            (
                NamePrefix::default().physical("sales"),
                "there is no table `sales`; where names begin with a prefix, give it: --name-prefix",
            ),
            (
                PhysicalName::given("mine"),
                "there is no table `mine`; this name was given, so --name-prefix does not",
            ),
        ] {
            let problem = name.missing("table").to_string();
            assert!(problem.starts_with(said), "{problem}");
        }
    }
}
