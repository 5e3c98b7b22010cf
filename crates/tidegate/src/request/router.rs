//! Finds the route of a request by path and method.

use http::{Method, StatusCode};

use super::path::parameter;
use super::problem::Problem;

/// Routes by path and method, each with a value.
///
/// `matchit`, the router of axum, finds the path. A literal segment wins over a parameter, whatever
/// the order of the declarations.
pub(super) struct Router<T> {
    paths: matchit::Router<usize>,
    methods: Vec<(String, Vec<(Method, T)>)>,
}

/// A route that fits a request, with the parameters of its path.
pub(super) struct Found<'r, T> {
    pub(super) value: &'r T,
    pub(super) parameters: Vec<(String, String)>,
}

impl<T> Router<T> {
    pub(super) fn new() -> Self {
        Self { paths: matchit::Router::new(), methods: Vec::new() }
    }

    /// Adds a route.
    ///
    /// # Errors
    /// What is wrong: the pattern, another pattern that fits the same paths, or a second route of
    /// the same method and path.
    pub(super) fn insert(&mut self, method: Method, path: &str, value: T) -> Result<(), String> {
        if let Some((_, methods)) = self.methods.iter_mut().find(|(known, _)| known == path) {
            if methods.iter().any(|(known, _)| *known == method) {
                return Err(format!("route {method} {path}: it is declared twice"));
            }
            methods.push((method, value));
            return Ok(());
        }
        self.paths
            .insert(path, self.methods.len())
            .map_err(|error| format!("route {method} {path}: {error}"))?;
        self.methods.push((path.to_owned(), vec![(method, value)]));
        Ok(())
    }

    /// Finds the route of a path. A HEAD without a route of its own gets that of GET.
    ///
    /// # Errors
    /// A 404 if no path fits, a 405 with `Allow` if the method does not.
    pub(super) fn find(&self, method: &Method, path: &str) -> Result<Found<'_, T>, Problem> {
        let unknown = || {
            let detail = "no route has this path";
            Problem::new(StatusCode::NOT_FOUND, "unknown_route", detail)
        };
        let matched = self.paths.at(path).map_err(|_| unknown())?;
        let (_, methods) = self.methods.get(*matched.value).ok_or_else(unknown)?;
        let of = |wanted: &Method| methods.iter().find(|(known, _)| known == wanted);
        let found = of(method).or_else(|| (*method == Method::HEAD).then(|| of(&Method::GET))?);
        let Some((_, value)) = found else { return Err(not_allowed(methods)) };
        let parameters = matched.params.iter();
        let parameters =
            parameters.map(|(name, value)| (name.to_owned(), parameter(value))).collect();
        Ok(Found { value, parameters })
    }
}

fn not_allowed<T>(methods: &[(Method, T)]) -> Problem {
    let mut allowed: Vec<&str> = methods.iter().map(|(method, _)| method.as_str()).collect();
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    allowed.sort_unstable();
    allowed.dedup();
    let allowed = allowed.join(", ");
    let detail = format!("this path takes {allowed}");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
        .header("allow", allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router() -> Router<u8> {
        let mut router = Router::new();
        for (method, path, value) in [
            (Method::GET, "/orders/{order}", 1),
            (Method::POST, "/orders/{order}", 2),
            (Method::GET, "/orders/newest", 3),
            (Method::GET, "/files/{*rest}", 4),
        ] {
            router.insert(method, path, value).unwrap();
        }
        router
    }

    #[test]
    fn a_literal_segment_wins_and_parameters_are_named() {
        let router = router();
        let at = |method: Method, path: &str| {
            let found = router.find(&method, path).ok().unwrap();
            (*found.value, found.parameters)
        };
        assert_eq!(at(Method::GET, "/orders/7"), (1, vec![("order".into(), "7".into())]));
        assert_eq!(at(Method::HEAD, "/orders/7").0, 1);
        assert_eq!(at(Method::POST, "/orders/newest-one").0, 2);
        assert_eq!(at(Method::GET, "/orders/newest").0, 3);
        assert_eq!(at(Method::GET, "/files/a/b"), (4, vec![("rest".into(), "a/b".into())]));
    }

    #[test]
    fn an_unknown_path_is_a_404_and_a_wrong_method_a_405_with_allow() {
        let router = router();
        for path in ["/", "/orders", "/orders/", "/orders/7/", "/orders/7/x", "//orders/7"] {
            assert_eq!(router.find(&Method::GET, path).err().unwrap().status(), 404, "{path}");
        }
        let problem = router.find(&Method::DELETE, "/orders/7").err().unwrap();
        assert_eq!(problem.status(), 405);
        assert_eq!(problem.headers(), [("allow", "GET, HEAD, POST".to_owned())]);
    }

    #[test]
    fn a_route_that_cannot_be_reached_is_refused_with_its_name() {
        let mut router = router();
        for (method, path) in [
            (Method::GET, "/orders/{order}"),
            (Method::GET, "/orders/{id}"),
            (Method::GET, "/a{"),
            (Method::GET, "/{*rest}/a"),
        ] {
            let wrong = router.insert(method, path, 9).unwrap_err();
            assert!(wrong.contains(path), "{wrong}");
        }
    }
}
