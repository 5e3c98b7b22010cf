//! Renders the estimate for people.

use comfy_table::Cell;
use terminal::table::{cell, right, table};

use super::estimate::Estimate;
use super::line::{Line, Sum};
use super::report::Report;
use super::traffic::count;

/// Share of the total below which lines of work are summed up in one.
const SMALL: f64 = 0.005;

/// Renders the whole estimate.
pub(super) fn screen(report: &Report<'_>, monthly: Option<f64>) -> String {
    let mut parts = vec![head(report)];
    parts.extend(report.environments.iter().map(|estimate| environment(report, estimate, monthly)));
    parts.push(UNKNOWN.to_owned());
    let text = parts.join("\n\n");
    // Cells are padded. Remove the blanks at the ends of lines.
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

const UNKNOWN: &str = "\
Not included: free tiers, discounts and taxes; data transfer to other regions and out;
producers' own cost; starts of environments; dead letters. Durations are the machine's
that was measured, batches as full as they were there: a trickle has smaller ones and
pays for more invocations.";

fn head(report: &Report<'_>) -> String {
    let measured = report.measurement;
    let note = if measured.note.is_empty() {
        String::new()
    } else {
        format!("\nMeasured: {}.", measured.note)
    };
    format!(
        "Prices of {} in {} ({}). Measured {} on {}: {} {}.{note}",
        report.prices_of,
        report.region,
        report.currency,
        measured.measured_at.strftime("%Y-%m-%d"),
        measured.backend,
        grouped(count(measured.unit.count), 0),
        measured.unit.name,
    )
}

fn environment(report: &Report<'_>, estimate: &Estimate, monthly: Option<f64>) -> String {
    let (per, unit) = (grouped(report.per, 0), &report.measurement.unit.name);
    let mut text = format!(
        "== {}: {} a month, and {} per {per} {unit}\n",
        estimate.environment,
        usd(estimate.monthly_floor.usd),
        usd(estimate.work.usd),
    );
    if let Some(monthly) = monthly {
        let work = estimate.work.usd * monthly / report.per;
        let total = usd(estimate.monthly_floor.usd + work);
        text.push_str(&format!("   {total} in a month of {} {unit}\n", grouped(monthly, 0)));
    }
    text.push_str(
        &estimate.remarks.iter().map(|remark| format!("   {remark}\n")).collect::<String>(),
    );
    text.push_str(&format!("\nPaid every month:\n{}\n", every_month(&estimate.monthly_floor)));
    text.push_str(&format!("\nPer {per} {unit}:\n{}\n", work(&estimate.work)));
    text.push_str(&format!("\nBy service: {}\n", shares(&estimate.work, |line| line.service)));
    text.push_str(&format!("By user: {}\n", shares(&estimate.work, |line| &line.user)));
    text.push_str(&format!(
        "\nKept afterwards, a month per {per} {unit}: {}\n{}",
        usd(estimate.kept_per_month.usd),
        every_month(&estimate.kept_per_month)
    ));
    text
}

fn every_month(sum: &Sum) -> String {
    let mut shown = table(["for", "what", "amount", "unit", "USD"]);
    for line in &sum.lines {
        shown.add_row(vec![
            cell(&line.user),
            cell(&line.what),
            right(amount(line.amount)),
            cell(&line.unit),
            right(money(line.usd)),
        ]);
    }
    shown.to_string()
}

fn work(sum: &Sum) -> String {
    let mut shown = table(["for", "what", "amount", "unit", "USD", "share"]);
    let (large, small): (Vec<&Line>, Vec<&Line>) =
        sum.lines.iter().partition(|line| line.usd >= SMALL * sum.usd);
    for line in large {
        shown.add_row(vec![
            cell(&line.user),
            cell(&line.what),
            right(amount(line.amount)),
            cell(&line.unit),
            right(money(line.usd)),
            right(share(line.usd, sum.usd)),
        ]);
    }
    if !small.is_empty() {
        let rest: f64 = small.iter().map(|line| line.usd).sum();
        let what = format!("{} smaller lines", small.len());
        let cells = [Cell::new("all"), Cell::new(what), Cell::new(""), Cell::new("")];
        shown.add_row(cells.into_iter().chain([right(money(rest)), right(share(rest, sum.usd))]));
    }
    shown.to_string()
}

fn shares<'a>(sum: &'a Sum, name: impl Fn(&'a Line) -> &'a str) -> String {
    let parts = sum.by(name).into_iter().filter(|(_, part)| *part >= SMALL * sum.usd);
    let parts: Vec<String> =
        parts.map(|(name, part)| format!("{name} {}", share(part, sum.usd))).collect();
    parts.join(", ")
}

fn share(part: f64, whole: f64) -> String {
    format!("{:.1} %", 100.0 * part / whole)
}

fn usd(amount: f64) -> String {
    format!("USD {}", money(amount))
}

fn money(amount: f64) -> String {
    grouped(amount, 2)
}

/// Formats a number with three significant digits, or as a whole number.
fn amount(number: f64) -> String {
    let decimals = if number >= 100.0 || number.fract() == 0.0 {
        0
    } else if number >= 1.0 {
        2
    } else {
        4
    };
    grouped(number, decimals)
}

/// Formats a number with commas between thousands.
fn grouped(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let (whole, fraction) =
        text.split_once('.').map_or((text.as_str(), None), |(w, f)| (w, Some(f)));
    let mut grouped = String::new();
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    fraction.map_or(grouped.clone(), |fraction| format!("{grouped}.{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_as_exact_as_they_deserve() {
        assert_eq!([0.0, 12.0, 123.4, 1_234_567.8].map(amount), ["0", "12", "123", "1,234,568"]);
        assert_eq!([12.345, 0.01234].map(amount), ["12.35", "0.0123"]);
        assert_eq!([0.004, 1234.5].map(money), ["0.00", "1,234.50"]);
    }
}
