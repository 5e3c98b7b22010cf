//! The books of the simulator: payments, refunds and the operations that led to them.

use std::collections::{BTreeMap, HashMap};

use crate::chance::Chance;
use crate::operation::{Answer, Operation, Ordered};
use crate::report::{Report, Sums};
use crate::script::Script;

/// The books of the simulator.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Operations by their keys.
    operations: HashMap<String, Carried>,
    payments: BTreeMap<String, Payment>,
    pub(crate) report: Report,
}

/// An operation that was carried out.
#[derive(Debug)]
struct Carried {
    operation: Operation,
    answer: Answer,
    /// How often it was asked for.
    times: u64,
}

/// What is known of a reference.
#[derive(Debug, Default)]
struct Payment {
    number: String,
    currency: String,
    /// Reserved, neither taken nor given up.
    held: i64,
    captured: i64,
    /// Nothing is authorised any more.
    voided: bool,
}

/// What an operation led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The answer, now or when it was asked for first. `times`: how often it was asked for.
    Answered { answer: Answer, times: u64 },
    /// The key is that of another operation.
    KeyReused,
}

impl Account {
    /// Carries an operation out, once for its key.
    pub(crate) fn carry_out(
        &mut self,
        key: &str,
        operation: Operation,
        script: &Script,
    ) -> Outcome {
        if let Some(carried) = self.operations.get_mut(key) {
            if carried.operation != operation {
                return Outcome::KeyReused;
            }
            self.report.repeated += 1;
            carried.times += 1;
            return Outcome::Answered { answer: carried.answer.clone(), times: carried.times };
        }
        let answer = match &operation {
            Operation::Authorise(ordered) => self.authorise(ordered, script),
            Operation::Capture { reference } => self.capture(reference, script),
            Operation::Void { reference } => self.void(reference),
            Operation::Refund(ordered) => self.refund(ordered, script),
        };
        let carried = Carried { operation, answer: answer.clone(), times: 1 };
        self.operations.insert(key.to_owned(), carried);
        Outcome::Answered { answer, times: 1 }
    }

    /// Returns what an operation was answered.
    pub(crate) fn look_up(&mut self, key: &str) -> Option<Answer> {
        let answer = self.operations.get(key).map(|carried| carried.answer.clone());
        match answer {
            Some(_) => self.report.look_ups += 1,
            None => self.report.look_ups_unknown += 1,
        }
        answer
    }

    /// Reserves an amount. A second one with the same reference is a second payment, and counted as
    /// a duplicate.
    fn authorise(&mut self, ordered: &Ordered, script: &Script) -> Answer {
        let Ordered { reference, amount, currency } = ordered;
        let declined = |reason| Answer::new("declined", reference).because(reason);
        let payment = self.payments.entry(reference.clone()).or_default();
        let chance = Chance::new(script.seed);
        let reason = if payment.voided {
            Some("voided")
        } else if script.decline.contains(reference) {
            Some("card_declined")
        } else if chance.one_in("decline", reference, script.decline_one_in) {
            Some("insufficient_funds")
        } else {
            None
        };
        if let Some(reason) = reason {
            self.report.declines += 1;
            return declined(reason);
        }
        self.report.authorisations += 1;
        payment.number = format!("pay-{}", self.report.authorisations);
        payment.held += amount;
        payment.currency.clone_from(currency);
        let number = payment.number.clone();
        self.move_money(reference, |sums| &mut sums.authorised, *amount);
        let answer = Answer::new("authorised", reference).sum(*amount, currency);
        Answer { payment: Some(number), ..answer }
    }

    /// Takes what is reserved. What was taken before is taken again, and counted as a duplicate.
    fn capture(&mut self, reference: &str, script: &Script) -> Answer {
        let refused = |reason| Answer::new("refused", reference).because(reason);
        let payment = self.payments.entry(reference.to_owned()).or_default();
        let amount = if payment.held > 0 { payment.held } else { payment.captured };
        if amount == 0 {
            return refused(if payment.voided { "voided" } else { "not_authorised" });
        }
        if script.refuse_capture.contains(reference) {
            return refused("authorisation_expired");
        }
        (payment.held, payment.captured) = (0, amount);
        let currency = payment.currency.clone();
        self.report.charges += 1;
        self.move_money(reference, |sums| &mut sums.captured, amount);
        Answer::new("captured", reference).sum(amount, &currency)
    }

    /// Gives up what is reserved, and lets nothing be reserved under the reference later.
    fn void(&mut self, reference: &str) -> Answer {
        let payment = self.payments.entry(reference.to_owned()).or_default();
        if payment.captured > 0 {
            return Answer::new("refused", reference).because("captured");
        }
        payment.voided = true;
        let amount = std::mem::take(&mut payment.held);
        let answer = Answer::new("voided", reference);
        if amount == 0 {
            return answer;
        }
        let answer = answer.sum(amount, &payment.currency);
        let answer = Answer { payment: Some(payment.number.clone()), ..answer };
        self.report.releases += 1;
        self.move_money(reference, |sums| &mut sums.released, amount);
        answer
    }

    /// Pays an amount back. A second one with the same reference is counted as a duplicate.
    fn refund(&mut self, ordered: &Ordered, script: &Script) -> Answer {
        let Ordered { reference, amount, currency } = ordered;
        if script.refuse_refund.contains(reference) {
            return Answer::new("refused", reference).because("account_closed");
        }
        self.report.refunds += 1;
        self.move_money(reference, |sums| &mut sums.refunded, *amount);
        Answer::new("refunded", reference).sum(*amount, currency)
    }

    /// Adds an amount to the sums of a reference. A sum that had one is a duplicate.
    fn move_money(&mut self, reference: &str, sum: fn(&mut Sums) -> &mut i64, amount: i64) {
        *sum(&mut self.report.total) += amount;
        let of_reference = sum(self.report.references.entry(reference.to_owned()).or_default());
        if *of_reference != 0 {
            self.report.duplicate_charges += 1;
        }
        *of_reference += amount;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(reference: &str, amount: i64) -> Ordered {
        Ordered { reference: reference.to_owned(), amount, currency: "GBP".to_owned() }
    }

    fn authorise(reference: &str, amount: i64) -> Operation {
        Operation::Authorise(ordered(reference, amount))
    }

    fn capture(reference: &str) -> Operation {
        Operation::Capture { reference: reference.to_owned() }
    }

    fn void(reference: &str) -> Operation {
        Operation::Void { reference: reference.to_owned() }
    }

    /// Carries operations out, and returns their statuses with their reasons.
    fn run(account: &mut Account, script: &Script, steps: &[(&str, Operation)]) -> Vec<String> {
        let answers = steps.iter().map(|(key, operation)| {
            match account.carry_out(key, operation.clone(), script) {
                Outcome::Answered { answer, .. } => match answer.reason {
                    Some(reason) => format!("{} {reason}", answer.status),
                    None => answer.status.to_owned(),
                },
                Outcome::KeyReused => "key reused".to_owned(),
            }
        });
        answers.collect()
    }

    #[test]
    fn an_operation_is_carried_out_once_for_its_key() {
        let (mut account, script) = (Account::default(), Script::default());
        let steps = [
            ("a", authorise("1", 100)),
            ("a", authorise("1", 100)),
            ("a", authorise("1", 200)),
            ("c", capture("1")),
            ("c", capture("1")),
        ];
        assert_eq!(
            run(&mut account, &script, &steps),
            ["authorised", "authorised", "key reused", "captured", "captured"]
        );
        let report = &account.report;
        assert_eq!((report.authorisations, report.charges, report.repeated), (1, 1, 2));
        assert_eq!(report.duplicate_charges, 0);
        let expected = Sums { authorised: 100, captured: 100, ..Sums::default() };
        assert_eq!((report.total, report.references["1"]), (expected, expected));
        assert_eq!(account.look_up("c").unwrap().status, "captured");
        assert_eq!(account.look_up("other"), None);
        assert_eq!((account.report.look_ups, account.report.look_ups_unknown), (1, 1));
    }

    #[test]
    fn a_caller_that_makes_up_new_keys_charges_twice_and_is_found_out() {
        let (mut account, script) = (Account::default(), Script::default());
        let refund = Operation::Refund(ordered("C1", 5));
        let steps = [
            ("a", authorise("1", 100)),
            ("b", authorise("1", 100)),
            ("c", capture("1")),
            ("d", capture("1")),
            ("e", refund.clone()),
            ("f", refund),
        ];
        run(&mut account, &script, &steps);
        assert_eq!(account.report.duplicate_charges, 3);
        assert_eq!(account.report.references["1"].captured, 400);
    }

    #[test]
    fn a_void_gives_up_what_is_reserved_and_closes_the_reference() {
        let (mut account, script) = (Account::default(), Script::default());
        let steps = [
            ("v1", void("1")),
            ("a1", authorise("1", 100)),
            ("a2", authorise("2", 70)),
            ("v2", void("2")),
            ("c2", capture("2")),
            ("a3", authorise("3", 50)),
            ("c3", capture("3")),
            ("v3", void("3")),
            ("c4", capture("4")),
        ];
        assert_eq!(
            run(&mut account, &script, &steps),
            [
                "voided",
                "declined voided",
                "authorised",
                "voided",
                "refused voided",
                "authorised",
                "captured",
                "refused captured",
                "refused not_authorised",
            ]
        );
        let total = account.report.total;
        assert_eq!(total, Sums { authorised: 120, captured: 50, released: 70, refunded: 0 });
        assert_eq!((total.held(), account.report.releases), (0, 1));
    }

    #[test]
    fn a_script_declines_and_refuses() {
        let mut account = Account::default();
        let set = |text: &str| [text.to_owned()].into();
        let script = Script {
            decline: set("1"),
            refuse_capture: set("2"),
            refuse_refund: set("C3"),
            ..Script::default()
        };
        let steps = [
            ("a1", authorise("1", 100)),
            ("a2", authorise("2", 100)),
            ("c2", capture("2")),
            ("r3", Operation::Refund(ordered("C3", 5))),
        ];
        assert_eq!(
            run(&mut account, &script, &steps),
            [
                "declined card_declined",
                "authorised",
                "refused authorisation_expired",
                "refused account_closed",
            ]
        );
        let all = Script { decline_one_in: 1, ..Script::default() };
        let declined = run(&mut account, &all, &[("a5", authorise("5", 1))]);
        assert_eq!(declined, ["declined insufficient_funds"]);
        assert_eq!(account.report.declines, 2);
    }
}
