//! The summary for people.

use terminal::escape::escaped;
use terminal::table::{cell, right, table};

use super::cost::Cost;
use super::functions::FunctionUse;
use super::orders::Orders;
use super::outcome::Summary;
use crate::amount::count;

/// Returns the summary as text.
pub(super) fn text(summary: &Summary) -> String {
    let mut parts = vec![orders(&summary.orders)];
    parts.extend(summary.cost.as_ref().map(cost));
    if !summary.functions.is_empty() {
        parts.push(functions(&summary.functions));
    }
    parts.join("\n\n")
}

fn orders(orders: &Orders) -> String {
    let mut shown = table(["orders", "number"]);
    for (status, number) in &orders.orders {
        shown.add_row([cell(status), right(count(*number))]);
    }
    let milliseconds = |value: Option<i64>| value.map_or_else(|| "-".to_owned(), count);
    format!(
        "{shown}\nfrom its arrival until it was confirmed, an order took p50 {} ms, p99 {} ms ({} \
         orders)",
        milliseconds(orders.confirmed_after_p50_ms),
        milliseconds(orders.confirmed_after_p99_ms),
        count(orders.confirmed)
    )
}

fn cost(cost: &Cost) -> String {
    let mut shown = table(["a finished order needs", "amount", "USD for a million"]);
    let mut amounts: Vec<_> = cost.amounts.iter().collect();
    amounts.sort_by(|one, other| other.1.usd_per_million.total_cmp(&one.1.usd_per_million));
    for (unit, amount) in amounts {
        let of = |number: f64| format!("{number:.2}");
        let row = [right(of(amount.per_order)), right(of(amount.usd_per_million))];
        shown.add_row([vec![cell(unit)], row.to_vec()].concat());
    }
    let mut users: Vec<_> = cost.users.iter().collect();
    users.sort_by(|one, other| other.1.total_cmp(one.1));
    let users = users.iter().map(|(user, usd)| format!("{} {usd:.2}", escaped(user)));
    format!(
        "{shown}\na million finished orders cost USD {:.2}, of which USD {:.2} is the time of this \
         machine; their e-mails cost USD {:.2} more\nby user: {}",
        cost.usd_per_million,
        cost.computing_usd_per_million,
        cost.mail_usd_per_million,
        users.collect::<Vec<_>>().join(", ")
    )
}

fn functions(functions: &[FunctionUse]) -> String {
    let mut shown = table(["function", "invocations", "CPU time", "memory"]);
    for used in functions {
        shown.add_row([
            cell(&used.function),
            right(count(used.invocations)),
            right(format!("{:.2} s", used.cpu_seconds)),
            right(format!("{} MB", used.peak_rss_bytes.div_ceil(1_000_000))),
        ]);
    }
    shown.to_string()
}
