//! Checks HTTP APIs: their routes, authorizers and throttling.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use super::names::{API, AUTHORIZER};
use crate::model::{Api, Authorizer, Route, Throttling};
use crate::route::RouteKey;

/// Longest time that API Gateway waits for a function, in seconds (AWS docs: HTTP API quotas).
const INTEGRATION_TIMEOUT_SECONDS: u32 = 30;
/// Quotas of an HTTP API that AWS raises on request.
const ROUTES: usize = 300;
const AUTHORIZERS: usize = 10;
/// Quotas that AWS does not raise.
const INTEGRATIONS: usize = 300;
const AUDIENCES: usize = 50;
const SCOPES: usize = 10;

impl Check<'_> {
    pub(super) fn apis(&mut self) {
        let topology = self.topology;
        for (name, api) in &topology.apis {
            self.name(&["apis", name], name, &API);
            self.throttling(name, api.throttling);
            for (authorizer, declared) in &api.authorizers {
                self.authorizer(name, authorizer, declared);
            }
            self.quota(&["apis", name, "authorizers"], api.authorizers.len(), AUTHORIZERS);
            self.routes(name, api);
        }
    }

    fn routes(&mut self, api: &str, declared: &Api) {
        let path = ["apis", api, "routes"];
        if declared.routes.is_empty() {
            self.mistake(&path, "is empty, so the API answers nothing: add a route");
        }
        self.quota(&path, declared.routes.len(), ROUTES);
        let functions: BTreeSet<&str> =
            declared.routes.values().map(|route| route.function.as_str()).collect();
        if functions.len() > INTEGRATIONS {
            let what = format!(
                "lead to {} functions; API Gateway takes {INTEGRATIONS} integrations",
                functions.len()
            );
            self.mistake(&path, what);
        }
        let mut signatures: BTreeMap<String, &str> = BTreeMap::new();
        for (key, route) in &declared.routes {
            let path = ["apis", api, "routes", key];
            match RouteKey::parse(key) {
                Err(why) => self.mistake(&path, why),
                Ok(parsed) => {
                    if let Some(other) = signatures.insert(parsed.signature(), key) {
                        let what = format!(
                            "is the same route as {other}; names of variables make no difference"
                        );
                        self.mistake(&path, what);
                    }
                }
            }
            self.route(api, key, route, declared);
        }
        let used = |name: &String| {
            declared.routes.values().any(|route| route.authorizer.as_ref() == Some(name))
        };
        for name in declared.authorizers.keys().filter(|name| !used(name)) {
            let path = ["apis", api, "authorizers", name];
            self.house_rule(&path, "is not used by any route; use it, or remove it");
        }
    }

    fn route(&mut self, api: &str, key: &str, route: &Route, declared: &Api) {
        let topology = self.topology;
        let path = ["apis", api, "routes", key];
        let at = |field| ["apis", api, "routes", key, field];
        self.declared(&at("function"), "functions", &route.function, &topology.functions);
        let timeout = topology.functions.get(&route.function).map(|known| known.timeout_seconds);
        if let Some(timeout) = timeout.filter(|timeout| *timeout > INTEGRATION_TIMEOUT_SECONDS) {
            let what = format!(
                "is {}, whose timeout is {timeout} s; API Gateway answers 503 after \
                 {INTEGRATION_TIMEOUT_SECONDS} s, and the client never learns the result",
                route.function
            );
            self.warning(&at("function"), what);
        }
        match (&route.authorizer, route.authorization) {
            (None, None) => self.mistake(
                &path,
                "does not say who may call it; add an authorizer, authorization = \"iam\", or \
                 authorization = \"none\" if everyone may",
            ),
            (Some(_), Some(_)) => {
                self.mistake(&path, "has an authorizer and an authorization; keep one of them");
            }
            (Some(name), None) => {
                self.declared(&at("authorizer"), "authorizers", name, &declared.authorizers);
            }
            (None, Some(_)) if !route.scopes.is_empty() => {
                self.mistake(&at("scopes"), "are of tokens; they need an authorizer");
            }
            (None, Some(_)) => {}
        }
        if route.scopes.len() > SCOPES {
            let what = format!("are {}; API Gateway takes {SCOPES} a route", route.scopes.len());
            self.mistake(&at("scopes"), what);
        }
        // A token lists its scopes in one text, with spaces between them.
        let word = |scope: &String| !scope.is_empty() && !scope.contains(char::is_whitespace);
        if !route.scopes.iter().all(word) {
            self.mistake(&at("scopes"), "has an empty scope, or one with a space");
        }
    }

    fn authorizer(&mut self, api: &str, name: &str, declared: &Authorizer) {
        let at = |field| ["apis", api, "authorizers", name, field];
        self.name(&["apis", api, "authorizers", name], name, &AUTHORIZER);
        let host = declared.issuer.strip_prefix("https://").unwrap_or_default();
        let host = host.split('/').next().unwrap_or_default();
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#');
        if host.is_empty() || !declared.issuer.chars().all(plain) {
            let what = format!(
                "is {:?}; use the issuer's URL without a query, such as https://login.example.com",
                declared.issuer
            );
            self.mistake(&at("issuer"), what);
        }
        let count = declared.audience.len();
        if !(1..=AUDIENCES).contains(&count) {
            let what = format!("has {count} entries; API Gateway takes 1 to {AUDIENCES}");
            self.mistake(&at("audience"), what);
        }
        if declared.audience.iter().any(|audience| audience.trim().is_empty()) {
            self.mistake(&at("audience"), "has an empty entry; remove it");
        }
    }

    fn throttling(&mut self, api: &str, declared: Option<Throttling>) {
        let path = ["apis", api, "throttling"];
        let Some(Throttling { rate, burst }) = declared else {
            let what = "is not set, so that one caller can use up the requests of the whole \
                account; add { rate = 50, burst = 100 } or what fits";
            return self.house_rule(&path, what);
        };
        if !(rate.is_finite() && rate > 0.0) {
            self.mistake(
                &["apis", api, "throttling", "rate"],
                format!("is {rate}; must be above 0"),
            );
        }
        // With an empty bucket no request is ever let through.
        self.range(&["apis", api, "throttling", "burst"], burst, 1..=i64::from(i32::MAX));
    }

    fn quota(&mut self, path: &[&str], count: usize, quota: usize) {
        if count > quota {
            let what = format!(
                "has {count} entries; AWS's quota for an API is {quota}, and higher on request"
            );
            self.warning(path, what);
        }
    }
}
