//! Estimates the cost of one environment.

use serde::Serialize;
use terminal::problem::Problem;
use topology::Topology;

use super::environment::Environment;
use super::line::Sum;
use super::measurement::Measurement;
use super::prices::Prices;
use super::stored::Stored;
use super::{fixed, traffic};

/// Cost of one environment, in the currency of the price table.
#[derive(Debug, Serialize)]
pub(super) struct Estimate {
    pub(super) environment: String,
    /// Cost per month without any work.
    pub(super) monthly_floor: Sum,
    /// One-time cost of the units of work.
    pub(super) work: Sum,
    /// Cost per month of the data that the units of work leave.
    pub(super) kept_per_month: Sum,
    /// Differences between this environment and what was measured or priced.
    pub(super) remarks: Vec<String>,
}

impl Estimate {
    /// Computes the estimate.
    ///
    /// # Errors
    /// The price table lacks a price.
    pub(super) fn new(
        topology: &Topology,
        environment: &Environment,
        measurement: &Measurement,
        prices: &Prices,
        per: f64,
    ) -> Result<Self, Problem> {
        let mut remarks = Vec::new();
        if environment.region != prices.region {
            remarks.push(format!(
                "it is in {}, the prices are those of {}",
                environment.region, prices.region
            ));
        }
        if environment.log_level != "INFO" {
            remarks.push(format!(
                "it logs at {}; what is logged was measured at INFO",
                environment.log_level
            ));
        }
        remarks.extend(fixed::left_out(environment));
        let lacking = measurement.lacks(topology);
        if !lacking.is_empty() {
            remarks.push(format!(
                "the work of {} was not measured and is not counted; measure again with `tidegate cost --save FILE`",
                lacking.join(", ")
            ));
        }
        let stored = Stored::new(topology, environment, measurement, prices, per)?;
        let mut work = traffic::lines(topology, environment, measurement, prices, per)?;
        work.extend(stored.expiring);
        Ok(Self {
            environment: environment.name.clone(),
            monthly_floor: Sum::new(fixed::lines(topology, environment, measurement, prices)?),
            work: Sum::new(work),
            kept_per_month: Sum::new(stored.kept),
            remarks,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn repository() -> (Topology, Measurement, Prices, [Environment; 2]) {
        let infra = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra");
        let topology = topology::load(&infra.join("topology.auto.tfvars")).unwrap();
        let environments = ["dev", "prod"].map(|name| {
            let file = infra.join(format!("env/{name}.tfvars"));
            Environment::read(&file, &infra.join("variables.tf"), &topology).unwrap()
        });
        (topology, Measurement::from_repository(), Prices::from_repository(), environments)
    }

    #[test]
    fn work_and_what_it_leaves_grow_with_the_number_of_units_and_the_floor_does_not() {
        let (topology, measurement, prices, [dev, _]) = repository();
        let one = Estimate::new(&topology, &dev, &measurement, &prices, 1_000_000.0).unwrap();
        let two = Estimate::new(&topology, &dev, &measurement, &prices, 2_000_000.0).unwrap();
        assert!(one.work.usd > 1.0 && (two.work.usd / one.work.usd - 2.0).abs() < 1e-9);
        assert!(
            one.kept_per_month.usd > 0.1
                && (two.kept_per_month.usd / one.kept_per_month.usd - 2.0).abs() < 1e-9
        );
        assert!(one.monthly_floor.usd > 1.0 && one.monthly_floor.usd == two.monthly_floor.usd);
    }

    #[test]
    fn a_measurement_of_the_same_work_on_twice_the_units_costs_half() {
        let (topology, mut measurement, prices, [dev, _]) = repository();
        let work = |measurement: &Measurement| {
            Estimate::new(&topology, &dev, measurement, &prices, 1.0).unwrap().work.usd
        };
        let before = work(&measurement);
        measurement.unit.count *= 2;
        assert!((before / work(&measurement) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn what_an_environment_switches_on_is_paid_there_alone() {
        let (topology, measurement, prices, [dev, prod]) = repository();
        let estimate = |environment| {
            Estimate::new(&topology, environment, &measurement, &prices, 1e6).unwrap()
        };
        let (mut without, mut with) = (dev.clone(), dev.clone());
        (without.customer_managed_key, with.customer_managed_key) = (false, true);
        (without.xray_tracing, with.xray_tracing) = (false, true);
        (without.point_in_time_recovery, with.point_in_time_recovery) = (false, true);
        (without.detailed_metrics, with.detailed_metrics) = (false, true);
        without.retention_hours.insert("orders".to_owned(), 24);
        with.retention_hours.insert("orders".to_owned(), 168);
        let (without, with) = (estimate(&without), estimate(&with));
        let has = |sum: &Sum, what: &str| sum.lines.iter().any(|line| line.what.contains(what));
        for (before, after, what) in [
            (&without.monthly_floor, &with.monthly_floor, "key"),
            (&without.monthly_floor, &with.monthly_floor, "metrics of mappings"),
            (&without.monthly_floor, &with.monthly_floor, "longer retention"),
            (&without.work, &with.work, "traces"),
            (&without.kept_per_month, &with.kept_per_month, "recovery"),
        ] {
            assert!(!has(before, what) && has(after, what), "{what}");
            assert!(after.usd > before.usd, "{what}");
        }
        assert!(estimate(&prod).monthly_floor.usd > estimate(&dev).monthly_floor.usd);
    }

    #[test]
    fn what_a_stream_keeps_for_more_than_a_week_is_said_to_be_left_out() {
        let (topology, measurement, prices, [mut dev, _]) = repository();
        let mut remarks = |hours| {
            dev.retention_hours.insert("orders".to_owned(), hours);
            Estimate::new(&topology, &dev, &measurement, &prices, 1e6).unwrap().remarks
        };
        let usual = remarks(168);
        assert!(usual.iter().all(|remark| !remark.contains("keeps records")), "{usual:?}");
        let long = remarks(169);
        let added: Vec<&String> = long.iter().filter(|remark| !usual.contains(remark)).collect();
        assert!(
            matches!(added[..], [remark] if remark.starts_with("orders keeps records for 169 hours;")),
            "{long:?}"
        );
    }

    #[test]
    fn arm_and_memory_change_what_computing_costs() {
        let (topology, measurement, prices, [dev, _]) = repository();
        let compute = |environment: &Environment| -> f64 {
            let work =
                Estimate::new(&topology, environment, &measurement, &prices, 1e6).unwrap().work;
            work.lines.iter().filter(|line| line.unit == "GB-seconds").map(|line| line.usd).sum()
        };
        let mut arm = dev.clone();
        "arm64".clone_into(&mut arm.architecture);
        let mut large = dev.clone();
        large.memory_mb.values_mut().for_each(|memory| *memory *= 2);
        assert!((compute(&arm) / compute(&dev) - 0.8).abs() < 0.001);
        assert!((compute(&large) / compute(&dev) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn lines_are_sorted_by_price_and_add_up() {
        let (topology, measurement, prices, [_, prod]) = repository();
        let work = Estimate::new(&topology, &prod, &measurement, &prices, 1e6).unwrap().work;
        assert!(work.lines.windows(2).all(|pair| pair[0].usd >= pair[1].usd));
        let by_service: f64 = work.by(|line| line.service).iter().map(|(_, usd)| usd).sum();
        assert!((by_service - work.usd).abs() < 1e-9);
        assert!(work.lines.iter().all(|line| line.service != "other"));
    }
}
