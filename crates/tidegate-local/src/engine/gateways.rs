//! Opens a port for each HTTP API and for each function URL.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use tokio::time::Instant;

use super::destinations::invoker;
use super::options::Options;
use super::start_error::StartError;
use crate::gateway::{Bucket, Check, Gateway, Issuer, KeySet, Served, ServedRoute, Service};
use crate::history::Way;
use crate::invocation::Invoker;
use crate::parts::Parts;
use topology::Api;
use topology::route::{DEFAULT_ROUTE, RouteKey};

/// Starts the gateways.
pub(super) async fn start(parts: &Parts, options: &Options) -> Result<Vec<Gateway>, StartError> {
    let mut gateways = Vec::new();
    let keys = keys(parts, options)?;
    for (name, api) in &parts.topology.apis {
        gateways.push(served(name, Gateway::serve(of_api(parts, name, api, &keys)).await)?);
    }
    for (name, function) in &parts.topology.functions {
        let Some(url) = function.url else { continue };
        let route = ServedRoute {
            text: DEFAULT_ROUTE.to_owned(),
            key: RouteKey::Default,
            function: name.clone(),
            check: url.authorization.into(),
        };
        let invoker = invoker(parts, Way::request(None, name));
        let gateway = Gateway::serve(Served {
            service: Service::FunctionUrl,
            name: name.clone(),
            routes: vec![route],
            bucket: None,
            keys: Arc::clone(&keys),
            invokers: BTreeMap::from([(name.clone(), invoker)]),
            activity: Arc::clone(&parts.activity),
        });
        gateways.push(served(name, gateway.await)?);
    }
    Ok(gateways)
}

fn served(name: &str, gateway: io::Result<Gateway>) -> Result<Gateway, StartError> {
    gateway.map_err(|source| StartError::Gateway { name: name.to_owned(), source })
}

/// Returns the keys of tokens: those of a file, or the one of the engine's own issuer.
fn keys(parts: &Parts, options: &Options) -> Result<Arc<KeySet>, StartError> {
    let mut apis = parts.topology.apis.values();
    Ok(Arc::new(match &options.key_set {
        Some(file) => KeySet::read(file)?,
        None if apis.any(|api| !api.authorizers.is_empty()) => {
            Issuer::open(&parts.state_dir)?.keys()
        }
        None => KeySet::default(),
    }))
}

/// Returns what the gateway of an API serves. The topology's check has already parsed its routes.
fn of_api(parts: &Parts, name: &str, api: &Api, keys: &Arc<KeySet>) -> Served {
    let routes = api.routes.iter().filter_map(|(text, route)| {
        Some(ServedRoute {
            text: text.clone(),
            key: RouteKey::parse(text).ok()?,
            function: route.function.clone(),
            check: Check::from_route(route, api)?,
        })
    });
    let invokers = api.routes.values().map(|route| {
        let way = Way::request(Some(name), &route.function);
        (route.function.clone(), invoker(parts, way))
    });
    let invokers: BTreeMap<String, Arc<dyn Invoker>> = invokers.collect();
    Served {
        service: Service::Api,
        name: name.to_owned(),
        routes: routes.collect(),
        bucket: Some(Bucket::new(api.throttling, Instant::now())),
        keys: Arc::clone(keys),
        invokers,
        activity: Arc::clone(&parts.activity),
    }
}
