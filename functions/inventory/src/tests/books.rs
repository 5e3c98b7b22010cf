//! What the stock must be: a fold over the events that shares no code with the function.

use std::collections::BTreeMap;

use events::{InventoryEvent, StockLine};
use tidegate::projection::Value;
use tidegate::store::RecordedCommit;

/// The amounts of a product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) received: i64,
    pub(super) on_hand: i64,
    pub(super) reserved: i64,
    pub(super) shipped: i64,
    pub(super) on_order: i64,
}

/// The amounts of all products that have any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Books(pub(super) BTreeMap<String, Account>);

impl Books {
    /// Reads the amounts from the rows.
    pub(super) fn of_rows(rows: &BTreeMap<String, BTreeMap<&'static str, Value>>) -> Self {
        let mut books = BTreeMap::new();
        for (code, row) in rows {
            let number = |name: &str| match row[name] {
                Value::Number(number) => number,
                ref other => panic!("{code}: {name} is {other:?}"),
            };
            let account = Account {
                received: number("received"),
                on_hand: number("on_hand"),
                reserved: number("reserved"),
                shipped: number("shipped"),
                on_order: number("on_order"),
            };
            if account != Account::default() {
                books.insert(code.clone(), account);
            }
        }
        Self(books)
    }

    /// Folds the events by the rules at the top of `events/src/inventory.rs`.
    pub(super) fn of_events(commits: &[RecordedCommit]) -> Self {
        let mut books = Self::default();
        let mut held: BTreeMap<&str, BTreeMap<String, i64>> = BTreeMap::new();
        for commit in commits {
            let held = held.entry(commit.stream.as_str()).or_default();
            for event in &commit.events {
                books.apply(&event.decode().unwrap(), held);
            }
        }
        books
    }

    fn apply(&mut self, event: &InventoryEvent, held: &mut BTreeMap<String, i64>) {
        use InventoryEvent as E;
        match event {
            E::StockOpened(opened) => self.come_in(&opened.lines),
            E::StockReturned(returned) => self.come_in(&returned.lines),
            E::StockReceived(received) => {
                self.come_in(&received.lines);
                self.each(&received.lines, |account, units| account.on_order -= units);
            }
            E::StockReordered(ordered) => {
                self.each(&ordered.lines, |account, units| account.on_order += units);
            }
            E::StockPartReserved(part) => self.hold(&part.lines, held),
            E::StockReserved(all) => {
                let new = all.lines.iter().map(|line| StockLine {
                    units: line.units - held.get(line.stock_code.as_str()).unwrap_or(&0),
                    ..line.clone()
                });
                let new: Vec<_> = new.filter(|line| line.units != 0).collect();
                self.hold(&new, held);
            }
            E::StockPartReleased(part) => self.give_back(&part.lines, held),
            E::StockReleased(_) | E::StockRejected(_) => {
                let line = |(code, units): (&String, &i64)| StockLine {
                    stock_code: code.as_str().into(),
                    units: *units,
                };
                let all: Vec<_> = held.iter().map(line).collect();
                self.give_back(&all, held);
            }
            E::StockShipped(shipped) => {
                self.each(&shipped.lines, |account, units| {
                    account.reserved -= units;
                    account.shipped += units;
                });
                take(held, &shipped.lines);
            }
        }
    }

    fn come_in(&mut self, lines: &[StockLine]) {
        self.each(lines, |account, units| {
            account.received += units;
            account.on_hand += units;
        });
    }

    fn hold(&mut self, lines: &[StockLine], held: &mut BTreeMap<String, i64>) {
        self.each(lines, |account, units| {
            account.on_hand -= units;
            account.reserved += units;
        });
        for line in lines {
            *held.entry(line.stock_code.to_string()).or_default() += line.units;
        }
    }

    fn give_back(&mut self, lines: &[StockLine], held: &mut BTreeMap<String, i64>) {
        self.each(lines, |account, units| {
            account.on_hand += units;
            account.reserved -= units;
        });
        take(held, lines);
    }

    fn each(&mut self, lines: &[StockLine], change: impl Fn(&mut Account, i64)) {
        for line in lines {
            change(self.0.entry(line.stock_code.to_string()).or_default(), line.units);
        }
    }

    /// Checks the law of conservation for each product, and that nothing is negative.
    #[track_caller]
    pub(super) fn check(&self) {
        for (code, account) in &self.0 {
            let Account { received, on_hand, reserved, shipped, on_order } = *account;
            assert_eq!(received, on_hand + reserved + shipped, "{code}: {account:?}");
            let least = [received, on_hand, reserved, shipped, on_order].into_iter().min();
            assert!(least >= Some(0), "{code}: {account:?}");
        }
    }

    /// Returns the amounts of a product.
    pub(super) fn of(&self, code: &str) -> Account {
        self.0.get(code).copied().unwrap_or_default()
    }
}

fn take(held: &mut BTreeMap<String, i64>, lines: &[StockLine]) {
    for line in lines {
        let left = held.get(line.stock_code.as_str()).unwrap_or(&0) - line.units;
        assert!(left >= 0, "{} units of {} too many", -left, line.stock_code);
        held.insert(line.stock_code.to_string(), left);
    }
    held.retain(|_, units| *units > 0);
}
