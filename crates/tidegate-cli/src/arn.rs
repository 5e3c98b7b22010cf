//! ARNs, and the partition, region and account of a system.

use terminal::problem::Problem;

/// The parts of an ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arn<'a> {
    partition: &'a str,
    pub(crate) service: &'a str,
    region: &'a str,
    account: &'a str,
    pub(crate) resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Splits an ARN into its parts. Returns `None` if the text is not an ARN with all its parts.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().filter(|part| !part.is_empty());
        let arn = next()?;
        let (partition, service, region, account, resource) =
            (next()?, next()?, next()?, next()?, next()?);
        (arn == "arn").then_some(Arn { partition, service, region, account, resource })
    }
}

/// Partition, region and account of a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    partition: String,
    region: String,
    pub(crate) account: String,
}

impl Home {
    /// Creates a home from its parts.
    pub(crate) fn new(partition: &str, region: &str, account: &str) -> Self {
        Self {
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
        }
    }

    /// Returns the partition, region and account of a resource.
    ///
    /// # Errors
    /// The text is not an ARN.
    pub(crate) fn from_arn(arn: &str) -> Result<Self, Problem> {
        let parsed =
            Arn::parse(arn).ok_or_else(|| Problem::new(format!("`{arn}` is not an ARN")))?;
        Ok(Self::new(parsed.partition, parsed.region, parsed.account))
    }

    /// Returns the unqualified ARN of a function in this system.
    pub(crate) fn function_arn(&self, name: &str) -> String {
        format!("arn:{}:lambda:{}:{}:function:{name}", self.partition, self.region, self.account)
    }

    /// Returns the resource that an ARN names.
    ///
    /// # Errors
    /// The text is not an ARN, or belongs to another service, partition, region or account.
    pub(crate) fn resource<'a>(&self, service: &str, arn: &'a str) -> Result<&'a str, String> {
        let parsed = Arn::parse(arn).ok_or_else(|| format!("`{arn}` is not an ARN"))?;
        for (what, is, here) in [
            ("service", parsed.service, service),
            ("partition", parsed.partition, &self.partition),
            ("region", parsed.region, &self.region),
            ("account", parsed.account, &self.account),
        ] {
            if is != here {
                return Err(format!("{arn} is of {what} {is}, not {here}"));
            }
        }
        Ok(parsed.resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_an_arn_is_compared() {
        let home = Home::from_arn("arn:aws-cn:sqs:cn-north-1:123456789012:shop-dev-async-failures")
            .unwrap();
        let own = home.function_arn("f");
        assert_eq!(own, "arn:aws-cn:lambda:cn-north-1:123456789012:function:f");
        assert_eq!(home.resource("lambda", &own), Ok("function:f"));
        for (from, to, said) in [
            ("aws-cn", "aws", "is of partition aws, not aws-cn"),
            ("lambda", "sqs", "is of service sqs, not lambda"),
            ("cn-north-1", "us-east-1", "is of region us-east-1, not cn-north-1"),
            ("123456789012", "999999999999", "is of account 999999999999, not 123456789012"),
        ] {
            let refused = home.resource("lambda", &own.replacen(from, to, 1)).unwrap_err();
            assert!(refused.ends_with(said), "{refused}");
        }
        for none in
            ["", "f", "function:f", "arn:aws:lambda:us-east-1:1", "urn:aws:lambda:r:1:function:f"]
        {
            assert!(
                home.resource("lambda", none).unwrap_err().ends_with("is not an ARN"),
                "{none}"
            );
        }
        assert!(Home::from_arn("async-failures").is_err());
    }
}
