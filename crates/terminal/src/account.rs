//! The AWS account that a command works on.

use std::env;
use std::path::Path;

use aws_config::SdkConfig;

use crate::account_id::AccountId;
use crate::endpoint::{EndpointOption, HOW_TO_START};
use crate::name_prefix::NamePrefix;
use crate::problem::Problem;

/// The variable of the SDKs with an endpoint for STS alone.
const STS_ENDPOINT: &str = "AWS_ENDPOINT_URL_STS";

/// Whether a command changes the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// It only reads.
    Read,
    /// It writes, deletes or invokes something.
    Change,
}

/// Refuses to change an account unless the command line names it.
///
/// With credentials in the environment, a command for the local system would otherwise reach
/// production as soon as no local system runs. `why` says what leads to the account.
///
/// # Errors
/// Misuse: neither an account nor a name prefix is given.
pub(crate) fn must_be_named(
    option: &EndpointOption,
    intent: Intent,
    why: &str,
) -> Result<(), Problem> {
    if intent == Intent::Read || option.account.is_some() || !option.name_prefix.is_empty() {
        return Ok(());
    }
    Err(Problem::misuse(format!(
        "{why}, and this would change the AWS account of the environment; {HOW_TO_START}, or name \
         the account with --account ID or its system with --name-prefix PREFIX \
         (TIDEGATE_NAME_PREFIX)"
    )))
}

/// Returns a text that no local system runs, and where the command looked for it.
pub(crate) fn not_running(state: &Path) -> String {
    let state = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
    format!(
        "no local system runs here or in a directory above ({}/engine.json does not exist)",
        state.display()
    )
}

/// Returns the account of the credentials, which must be the named one.
///
/// STS responds to every valid credential without a permission. If only a name prefix is given, STS
/// may be unreachable: the account is then unknown.
///
/// # Errors
/// The credentials are those of another account, or an account is named and STS does not respond.
pub(crate) async fn of_credentials(
    config: &SdkConfig,
    named: Option<&AccountId>,
) -> Result<Option<String>, Problem> {
    of_caller(aws_sdk_sts::config::Builder::from(config).build(), named).await
}

/// Returns the account as [`of_credentials`] does, for a configuration with the endpoint of another
/// AWS service.
///
/// STS is at its own endpoint: that of the region or of `AWS_ENDPOINT_URL_STS`.
///
/// # Errors
/// As for [`of_credentials`].
pub(crate) async fn of_credentials_at_aws(
    config: &SdkConfig,
    named: Option<&AccountId>,
) -> Result<Option<String>, Problem> {
    let mut sts = aws_sdk_sts::config::Builder::from(config);
    sts.set_endpoint_url(env::var(STS_ENDPOINT).ok().filter(|url| !url.is_empty()));
    of_caller(sts.build(), named).await
}

async fn of_caller(
    config: aws_sdk_sts::Config,
    named: Option<&AccountId>,
) -> Result<Option<String>, Problem> {
    let answer = aws_sdk_sts::Client::from_conf(config).get_caller_identity().send().await;
    let found = match answer {
        Ok(identity) => identity.account,
        Err(error) => match named {
            Some(named) => {
                return Err(Problem::new(format!(
                    "it is not known whether the credentials are those of account {named}: {}",
                    aws_sdk_sts::error::DisplayErrorContext(error)
                )));
            }
            None => None,
        },
    };
    match named {
        Some(named) if found.as_deref() != Some(named.as_str()) => Err(Problem::misuse(format!(
            "--account is {named}, and the credentials are those of account {}",
            found.as_deref().unwrap_or("(STS names none)")
        ))),
        _ => Ok(found),
    }
}

/// Returns in one line what a command works on.
pub(crate) fn addressed(account: Option<&str>, region: &str, prefix: &NamePrefix) -> String {
    let account = account.unwrap_or("(not known)");
    let names = match prefix.is_empty() {
        true => "names without a prefix".to_owned(),
        false => format!("names that begin with {prefix}"),
    };
    format!("addressed: AWS account {account}, region {region}, {names}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(account: Option<&str>, prefix: &str) -> EndpointOption {
        EndpointOption {
            endpoint_url: None,
            name_prefix: prefix.parse().unwrap(),
            account: account.map(|id| id.parse().unwrap()),
        }
    }

    #[test]
    fn an_account_is_changed_only_if_it_or_a_system_in_it_is_named() {
        let why = not_running(Path::new("/srv/shop/.tidegate"));
        for (option, intent) in [
            (option(Some("123456789012"), ""), Intent::Change),
            (option(None, "shop-dev-"), Intent::Change),
            (option(None, ""), Intent::Read),
        ] {
            assert!(must_be_named(&option, intent, &why).is_ok(), "{option:?} {intent:?}");
        }
        let refused = must_be_named(&option(None, ""), Intent::Change, &why).unwrap_err();
        let Problem::Misuse(said) = refused else { panic!("{refused:?}") };
        for part in [
            "/srv/shop/.tidegate/engine.json",
            "tidegate local up",
            "--account ID",
            "--name-prefix PREFIX",
        ] {
            assert!(said.contains(part), "{part} is not in {said}");
        }
    }

    #[test]
    fn what_is_addressed_is_one_line() {
        let dev = "shop-dev-".parse().unwrap();
        assert_eq!(
            addressed(Some("123456789012"), "eu-west-1", &dev),
            "addressed: AWS account 123456789012, region eu-west-1, names that begin with shop-dev-"
        );
        let none = addressed(None, "eu-west-1", &NamePrefix::default());
        assert!(
            none.contains("account (not known)") && none.ends_with("names without a prefix"),
            "{none}"
        );
    }
}
