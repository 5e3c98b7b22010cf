//! A long outage with many messages: who is called, and how often a message comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout};

use super::super::memory::MemoryBreakers;
use super::super::{Breaker, Phase, Rules};
use super::{COOL_DOWN, NAME, START};
use crate::failure::Failure;
use crate::idempotency::Lease;
use crate::store::MemoryEventStore;

const MESSAGES: usize = 60;
const ENVIRONMENTS: usize = 4;
/// How long the provider is down.
const OUTAGE: Duration = Duration::from_secs(1_800);
/// Time that an invocation has.
const TIME: Duration = Duration::from_secs(10);
const FRESHNESS: Duration = Duration::from_secs(5);
/// Time of one call.
const CALL: Duration = Duration::from_secs(2);

/// A provider that is down for a while, and counts its calls.
struct Provider {
    begun: Instant,
    /// Calls of environments that did not know yet that the breaker is open.
    late: AtomicUsize,
    probes: AtomicUsize,
    running: AtomicUsize,
    most_running_probes: AtomicUsize,
}

/// A call that is running. It ends with its environment, too.
struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Provider {
    async fn charge(&self, rows: &MemoryBreakers, now: Timestamp) -> Result<(), Failure> {
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        let _running = Running(&self.running);
        match rows.state(NAME).phase {
            Phase::Closed => {}
            Phase::Open { until } => {
                self.late.fetch_add(1, Ordering::Relaxed);
                let opened = until - COOL_DOWN;
                assert!(now.duration_since(opened) <= FRESHNESS.try_into().unwrap(), "{opened}");
            }
            Phase::HalfOpen { .. } => {
                self.probes.fetch_add(1, Ordering::Relaxed);
                self.most_running_probes.fetch_max(running, Ordering::Relaxed);
            }
        }
        sleep(CALL).await;
        if self.begun.elapsed() < OUTAGE {
            return Err(Failure::transient("down", "status 503"));
        }
        Ok(())
    }
}

/// Delivers one message until it is handled, and returns how often it came.
///
/// Some environments die in the middle of a call.
async fn deliver(
    number: usize,
    environments: &[Breaker],
    provider: &Provider,
    rows: &MemoryBreakers,
    clock: impl Fn() -> Timestamp,
) -> usize {
    let mut receives = 0;
    loop {
        let breaker = &environments[(number + receives) % environments.len()];
        receives += 1;
        let lease = Lease { until: clock() + TIME, ..Lease::new(TIME) };
        let call = breaker.call(lease, async || provider.charge(rows, clock()).await);
        let dies = (number * 7 + receives * 3).is_multiple_of(11);
        let limit = if dies { CALL / 2 } else { TIME };
        let delay = match timeout(limit, call).await {
            Ok(Ok(())) => return receives,
            Ok(Err(failure)) => failure.retry_delay().expect("each failure has a delay"),
            Err(_) => TIME * 6,
        };
        sleep(delay).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_costs_a_probe_and_each_message_one_receive_in_a_cool_down() {
    let events = Arc::new(MemoryEventStore::default());
    let rows = Arc::new(MemoryBreakers::default().events(Arc::<MemoryEventStore>::clone(&events)));
    let begun = Instant::now();
    // The wall clock follows tokio's, which jumps.
    let clock = move || {
        let passed = i64::try_from(begun.elapsed().as_millis()).unwrap();
        Timestamp::from_millisecond(START * 1000 + passed).unwrap()
    };
    let environments: Vec<_> = (0..ENVIRONMENTS)
        .map(|_| {
            let rules = Rules::new(COOL_DOWN).freshness(FRESHNESS);
            Breaker::new(Arc::<MemoryBreakers>::clone(&rows), NAME, rules).clock(clock)
        })
        .collect();
    let zero = AtomicUsize::default;
    let provider = Provider {
        begun,
        late: zero(),
        probes: zero(),
        running: zero(),
        most_running_probes: zero(),
    };
    let messages = (0..MESSAGES).map(|number| {
        let (environments, provider, rows) = (&environments, &provider, &rows);
        async move {
            // They keep coming.
            sleep(Duration::from_secs(number as u64)).await;
            deliver(number, environments, provider, rows, clock).await
        }
    });
    let receives = futures::future::join_all(messages).await;
    assert_eq!(rows.state(NAME).phase, Phase::Closed);
    let cycles = usize::try_from(OUTAGE.as_secs() / COOL_DOWN.as_secs()).unwrap();
    let most = receives.iter().max().unwrap();
    assert!(*most <= cycles + 5, "{most} receives in {cycles} cool-downs: {receives:?}");
    let commits = events.commits();
    let told = commits.iter().flat_map(|commit| &commit.events);
    let leases = told.filter(|event| event.data.contains("half-open")).count();
    let probes = provider.probes.load(Ordering::Relaxed);
    assert_eq!(probes, leases, "only probes call while the breaker is open");
    assert!(probes >= cycles / 2 && probes <= cycles * 2, "{probes} in {cycles} cool-downs");
    assert_eq!(provider.most_running_probes.load(Ordering::Relaxed), 1, "never two probes");
    // Each environment handles a few messages when the breaker opens.
    let late = provider.late.load(Ordering::Relaxed);
    assert!(late <= ENVIRONMENTS * 5, "{late} calls in the first seconds");
}
