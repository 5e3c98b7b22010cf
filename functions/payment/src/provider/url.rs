//! The address of the provider.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;

/// Address of the provider, checked: encrypted unless it is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProviderUrl(String);

impl FromStr for ProviderUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url: Uri = text.trim().parse().map_err(|_| "not a URL")?;
        let host = url.host().filter(|host| !host.is_empty()).ok_or("it has no host")?;
        match url.scheme_str() {
            Some("https") => {}
            Some("http") if is_this_machine(host) => {}
            Some("http") => return Err("unencrypted; `http` is for 127.0.0.1 only, use `https`"),
            _ => return Err("it begins with neither `https://` nor `http://`"),
        }
        if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("it has a user; a key does not belong into an address");
        }
        if url.query().is_some() || text.contains('#') {
            return Err("it has something behind the path; remove `?` or `#` and what follows");
        }
        Ok(Self(text.trim().trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for ProviderUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_elsewhere_is_reached_encrypted() {
        for good in ["https://pay.example.com", "http://127.0.0.1:8080/", "http://[::1]:1/v1/"] {
            let url: ProviderUrl = good.parse().unwrap();
            assert_eq!(url.to_string(), good.trim_end_matches('/'));
        }
        let problem = |text: &str| text.parse::<ProviderUrl>().unwrap_err();
        assert!(problem("http://pay.example.com").contains("use `https`"));
        assert!(problem("http://127.0.0.1.example.com").contains("use `https`"));
        assert!(problem("ftp://pay.example.com").contains("https://"));
        assert!(problem("pay.example.com").contains("https://"));
        assert!(problem("https://key@pay.example.com").contains("a user"));
        assert!(problem("https://pay.example.com?a=b").contains("behind the path"));
        assert!(problem("https://pay.example.com/#a").contains("behind the path"));
        assert_eq!(problem("/v1"), "it has no host");
        assert_eq!(problem("https:// pay"), "not a URL");
    }
}
