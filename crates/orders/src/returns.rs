//! The aggregate of a return.

use events::{
    Money, ORDERS_SOURCE, RecordReturn, ReturnCommand, ReturnEvent, ReturnRecorded, ReturnRejected,
};
use tidegate::store::{Aggregate, Decision};

use crate::lines::{Rejected, already_accepted, sums};

/// Goods that came back.
///
/// A return is independent: the shop's data do not say to which order it belongs.
#[derive(Debug, Default)]
pub struct Return {
    recorded: bool,
}

impl Aggregate for Return {
    type Command = ReturnCommand;
    type Event = ReturnEvent;
    const SOURCE: &'static str = ORDERS_SOURCE;

    fn creates(command: &ReturnCommand) -> bool {
        match command {
            ReturnCommand::RecordReturn(_) => true,
        }
    }

    fn apply(&mut self, event: &ReturnEvent) {
        match event {
            ReturnEvent::ReturnRecorded(_) => self.recorded = true,
            ReturnEvent::ReturnRejected(_) => {}
        }
    }

    fn decide(&self, command: &ReturnCommand) -> Decision<ReturnEvent> {
        match command {
            ReturnCommand::RecordReturn(command) => self.record(command),
        }
    }
}

impl Return {
    fn record(&self, command: &RecordReturn) -> Decision<ReturnEvent> {
        let return_id = command.return_id.clone();
        let sums = if self.recorded { Err(already_accepted()) } else { sums(&command.lines) };
        match sums {
            Ok(sums) => Decision::one(ReturnRecorded {
                return_id,
                customer_id: command.customer_id.clone(),
                country: command.country.clone(),
                returned_at: command.returned_at,
                units: sums.units,
                refund: Money { minor: sums.value, currency: command.currency },
                lines: command.lines.clone(),
            }),
            Err(Rejected { reasons, more }) => {
                Decision::one(ReturnRejected { return_id, reasons, more })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use events::{Currency, OrderLine};

    use super::*;
    use crate::lines::line;

    fn record(lines: Vec<OrderLine>) -> ReturnCommand {
        ReturnCommand::RecordReturn(RecordReturn {
            return_id: "C536379".into(),
            customer_id: None,
            country: "France".to_owned(),
            currency: Currency::Gbp,
            returned_at: "2010-12-01T09:41:00Z".parse().unwrap(),
            lines,
        })
    }

    #[test]
    fn a_return_is_recorded_once() {
        let mut state = Return::default();
        let recorded = state.decide(&record(vec![line("D", 1, 2750)]));
        let [ReturnEvent::ReturnRecorded(event)] = recorded.events() else {
            panic!("{recorded:?}")
        };
        assert_eq!((event.units, event.refund), (1, Money::pence(2750)));
        state.apply(&recorded.events()[0]);
        assert!(matches!(
            state.decide(&record(vec![line("D", 1, 2750)])).events(),
            [ReturnEvent::ReturnRejected(_)]
        ));
    }

    #[test]
    fn a_return_without_lines_is_rejected() {
        assert!(matches!(
            Return::default().decide(&record(vec![])).events(),
            [ReturnEvent::ReturnRejected(_)]
        ));
    }
}
