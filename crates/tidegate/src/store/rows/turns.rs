//! Lets the transactions of one environment take turns at a row.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Lets the transactions of one environment take turns at a row.
///
/// DynamoDB cancels a transaction while another one is at work on one of its items (AWS docs,
/// TransactionConflict). The commands of a batch run concurrently and often want the same rows.
/// Without turns, all but one of them would be cancelled and tried again.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Turns {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: Mutex<HashSet<String>>,
    given_back: Notify,
}

/// A turn at some rows, which ends when it is dropped.
#[derive(Debug)]
pub(in crate::store) struct Turn {
    state: Arc<State>,
    keys: Vec<String>,
}

impl Turns {
    /// Waits until no other turn has one of these rows.
    ///
    /// Takes all rows at once, so that no two turns wait for each other.
    pub(in crate::store) async fn at(&self, keys: Vec<String>) -> Turn {
        loop {
            // Created before the look, so that a row given back after it wakes this one.
            let given_back = self.state.given_back.notified();
            if let Some(turn) = self.try_at(&keys) {
                return turn;
            }
            given_back.await;
        }
    }

    /// Takes a turn, if no other turn has one of these rows.
    pub(in crate::store) fn try_at(&self, keys: &[String]) -> Option<Turn> {
        let mut taken = self.state.taken.lock();
        if keys.iter().any(|key| taken.contains(key)) {
            return None;
        }
        taken.extend(keys.iter().cloned());
        Some(Turn { state: Arc::clone(&self.state), keys: keys.to_vec() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut taken = self.state.taken.lock();
        for key in &self.keys {
            taken.remove(key);
        }
        drop(taken);
        self.state.given_back.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::future::{FutureExt, join_all};

    use super::*;

    fn keys(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[tokio::test]
    async fn who_wants_a_row_waits_for_it_and_for_no_other() {
        let turns = Turns::default();
        let first = turns.at(keys(&["a", "b"])).await;
        let mut second = Box::pin(turns.at(keys(&["b", "c"])));
        assert!(second.as_mut().now_or_never().is_none(), "b is taken");
        let other = turns.at(keys(&["c"])).now_or_never();
        assert!(other.is_some(), "who waits has nothing");
        drop(first);
        assert!(second.as_mut().now_or_never().is_none(), "c is taken");
        drop(other);
        let second = second.await;
        assert!(turns.try_at(&keys(&["b"])).is_none());
        drop(second);
        assert!(turns.try_at(&keys(&["a", "b", "c"])).is_some());
    }

    #[tokio::test]
    async fn no_two_have_a_row_at_a_time_and_all_get_it() {
        let (turns, having) = (Turns::default(), Mutex::new(0));
        let wanting = (0..100).map(async |place: usize| {
            let own = format!("own-{}", place % 7);
            let _turn = turns.at(vec![own, "hot".to_owned()]).await;
            *having.lock() += 1;
            tokio::task::yield_now().await;
            assert_eq!(std::mem::take(&mut *having.lock()), 1);
        });
        assert_eq!(join_all(wanting).await.len(), 100);
    }

    #[tokio::test]
    async fn a_cancelled_wait_takes_nothing() {
        let turns = Turns::default();
        let first = turns.at(keys(&["a"])).await;
        let mut waiting = Box::pin(turns.at(keys(&["a"])));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(waiting);
        drop(first);
        assert!(turns.try_at(&keys(&["a"])).is_some());
    }
}
