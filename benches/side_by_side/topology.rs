//! Variables of the functions, from the topology: the names of what each function uses.

use std::collections::BTreeMap;
use std::path::Path;

use hcl_edit::expr::{Expression, Object, ObjectKey};
use hcl_edit::parser;

use benchmarks::problem::Problem;

/// Returns the variables of each function, as the engine and Terraform set them. The URLs of queues
/// are dummies.
pub(crate) fn variables(
    topology: &Path,
) -> Result<BTreeMap<String, BTreeMap<String, String>>, Problem> {
    let text = std::fs::read_to_string(topology)
        .map_err(|error| Problem::new(format!("{}: {error}", topology.display())))?;
    let body = parser::parse_body(&text)?;
    let top =
        |name: &str| body.get_attribute(name).and_then(|attribute| attribute.value.as_object());
    let (functions, tables) = (top("functions"), top("tables"));
    let limit = body.get_attribute("event_bytes_limit").map(|attribute| number(&attribute.value));
    let mut all = BTreeMap::new();
    for (name, function) in functions.into_iter().flat_map(fields) {
        let limit =
            limit.iter().map(|limit| ("TIDEGATE_EVENT_BYTES_LIMIT".to_owned(), limit.clone()));
        let namespace =
            body.get_attribute("metrics_namespace").and_then(|attribute| attribute.value.as_str());
        let namespace =
            namespace.map(|namespace| ("TIDEGATE_METRICS".to_owned(), namespace.to_owned()));
        let mut variables: BTreeMap<String, String> = limit.chain(namespace).collect();
        let below = |name: &str| {
            function.as_object().and_then(|function| field(function, name)?.as_object())
        };
        for (variable, used) in below("uses").into_iter().flat_map(fields) {
            let resource =
                used.as_object().into_iter().flat_map(fields).find(|(kind, _)| kind != "access");
            let Some((kind, resource)) =
                resource.and_then(|(kind, name)| Some((kind, name.as_str()?)))
            else {
                continue;
            };
            let url = if kind == "queue" { "http://127.0.0.1/000000000000/" } else { "" };
            variables.insert(variable, format!("{url}{resource}"));
            let days = tables.and_then(|tables| {
                field(field(tables, resource)?.as_object()?, "record_retention_days").map(number)
            });
            if let Some(days) = days.filter(|_| kind == "table") {
                variables.insert("TIDEGATE_IDEMPOTENCY_DAYS".to_owned(), days);
            }
        }
        let own = below("environment").into_iter().flat_map(fields);
        variables.extend(own.filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))));
        all.insert(name, variables);
    }
    Ok(all)
}

fn fields(object: &Object) -> impl Iterator<Item = (String, &Expression)> {
    object.iter().filter_map(|(key, value)| {
        let name = match key {
            ObjectKey::Ident(ident) => ident.as_str().to_owned(),
            ObjectKey::Expression(expression) => expression.as_str()?.to_owned(),
        };
        Some((name, value.expr()))
    })
}

fn field<'a>(object: &'a Object, name: &str) -> Option<&'a Expression> {
    fields(object).find_map(|(found, value)| (found == name).then_some(value))
}

fn number(expression: &Expression) -> String {
    expression.as_number().map(ToString::to_string).unwrap_or_default()
}
