//! Decides which faults are injected, counts them and writes them to the journal.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::error::FaultError;
use super::journal::{Entry, Journal};
use super::kind::Fault;
use super::plan::FaultPlan;
use super::site::Site;

/// The faults of one engine.
#[derive(Debug)]
pub struct Faults {
    decide: Decide,
    journal: Journal,
    attempts: Mutex<HashMap<(String, String), u32>>,
    counts: Mutex<BTreeMap<String, u64>>,
}

#[derive(Debug)]
enum Decide {
    Drawn(FaultPlan),
    /// Faults from the journal of an earlier run, with the clocks of that run's plan.
    Again(HashMap<Site, Vec<Fault>>, FaultPlan),
}

/// Faults that were injected since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultsStatus {
    /// How often each fault was injected. Keys are like `kill before`, or `kill before
    /// DynamoDB.PutItem` for a fault of an AWS call.
    pub injected: BTreeMap<String, u64>,
    /// Path of the journal to which each fault is written.
    pub journal: PathBuf,
}

impl Faults {
    /// Draws faults by a plan, and writes them to a new journal.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn drawn(plan: FaultPlan, journal: &Path) -> Result<Self, FaultError> {
        Self::new(Decide::Drawn(plan), journal)
    }

    /// Injects exactly these faults, and writes them to a new journal.
    ///
    /// The plan's clocks apply; its rules do not.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn again(entries: Vec<Entry>, plan: FaultPlan, journal: &Path) -> Result<Self, FaultError> {
        let mut sites: HashMap<Site, Vec<Fault>> = HashMap::new();
        for entry in entries {
            sites.entry(entry.site).or_default().push(entry.fault);
        }
        Self::new(Decide::Again(sites, plan), journal)
    }

    fn new(decide: Decide, journal: &Path) -> Result<Self, FaultError> {
        let journal = Journal::create(journal)?;
        Ok(Self { decide, journal, attempts: Mutex::default(), counts: Mutex::default() })
    }

    /// Counts an invocation with a delivery and returns its site.
    pub(super) fn invocation(&self, function: &str, delivery: String) -> Site {
        let mut attempts = self.attempts.lock();
        let attempt = attempts.entry((function.to_owned(), delivery.clone())).or_default();
        *attempt += 1;
        Site {
            function: function.to_owned(),
            operation: None,
            delivery,
            attempt: *attempt,
            call: 0,
        }
    }

    /// Returns the faults to inject at a site.
    ///
    /// `effective` removes faults that would change nothing there. Only the others are counted and
    /// written down.
    pub(super) fn at(
        &self,
        site: &Site,
        effective: impl FnOnce(Vec<Fault>) -> Vec<Fault>,
    ) -> Vec<Fault> {
        let faults = effective(match &self.decide {
            Decide::Drawn(plan) => plan.at(site),
            Decide::Again(sites, _) => sites.get(site).cloned().unwrap_or_default(),
        });
        for fault in &faults {
            let entry = Entry { fault: *fault, site: site.clone() };
            if let Err(error) = self.journal.add(&entry) {
                tracing::error!(journal = %self.journal.path().display(), %error, "cannot write a fault to the journal");
            }
            let name = match &site.operation {
                Some(operation) => format!("{fault} {operation}"),
                None => fault.to_string(),
            };
            *self.counts.lock().entry(name).or_default() += 1;
        }
        faults
    }

    /// Returns by how many seconds a function's clock is off.
    #[must_use]
    pub fn skew(&self, function: &str) -> Option<i64> {
        match &self.decide {
            Decide::Drawn(plan) | Decide::Again(_, plan) => plan.skew(function),
        }
    }

    /// Returns the faults injected since the start.
    #[must_use]
    pub fn status(&self) -> FaultsStatus {
        let injected = self.counts.lock().clone();
        FaultsStatus { injected, journal: self.journal.path().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_of_a_run_injects_the_same_faults_again_and_no_others() {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (directory.path().join("first"), directory.path().join("second"));
        let text = "seed = 5\n[[fault]]\nfault = \"kill\"\nwhen = \"during\"\nrate = 0.3\n[[fault]]\nfault = \"throttle\"\noperation = \"*\"\nrate = 0.3\n";
        let run = |faults: &Faults| -> Vec<Vec<Fault>> {
            (0..200)
                .map(|number| {
                    let mut site = faults.invocation("f", format!("{}", number % 40));
                    if number % 2 == 0 {
                        site =
                            Site { operation: Some("SQS.SendMessage".to_owned()), call: 1, ..site };
                    }
                    faults.at(&site, |faults| faults)
                })
                .collect()
        };
        let drawn = Faults::drawn(FaultPlan::parse(text).unwrap(), &first).unwrap();
        let injected = run(&drawn);
        assert!(injected.iter().flatten().count() > 20);
        let entries = Journal::read(&first).unwrap();
        let again = Faults::again(entries.clone(), FaultPlan::default(), &second).unwrap();
        assert_eq!(run(&again), injected);
        assert_eq!(Journal::read(&second).unwrap(), entries);
        assert_eq!(drawn.status().injected, again.status().injected);

        let half: Vec<Entry> = entries.iter().step_by(2).cloned().collect();
        let fewer = Faults::again(half.clone(), FaultPlan::default(), &second).unwrap();
        run(&fewer);
        assert_eq!(Journal::read(&second).unwrap(), half);
    }

    #[test]
    fn attempts_are_counted_by_function_and_delivery() {
        let directory = tempfile::tempdir().unwrap();
        let faults = Faults::drawn(FaultPlan::default(), &directory.path().join("j")).unwrap();
        let attempt = |function: &str, delivery: &str| {
            faults.invocation(function, delivery.to_owned()).attempt
        };
        assert_eq!(
            (attempt("f", "a"), attempt("f", "a"), attempt("f", "b"), attempt("g", "a")),
            (1, 2, 1, 1)
        );
    }
}
