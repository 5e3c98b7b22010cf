//! Reads one shard: keeps and renews its iterator, and polls at the right pace.

use std::sync::Arc;

use tokio::time::Instant;

use super::source::{Page, ReadError, ReadFrom, StreamSource};
use crate::pace::{Pacer, Seen, Signals};

/// Records from which on a page counts as full: DynamoDB returns no more at once.
const FULL: usize = 1_000;

/// Reads one shard page by page.
pub(super) struct Reader {
    source: Arc<dyn StreamSource>,
    shard: String,
    from: ReadFrom,
    iterator: Option<String>,
    pacer: Pacer,
    polled: Instant,
    seen: Seen,
}

/// Result of a poll.
pub(super) struct Polled {
    /// The page, or a message for people.
    pub(super) page: Result<Page, String>,
    /// Activity counter before the poll began.
    pub(super) seen: u64,
}

impl Reader {
    pub(super) fn new(
        source: Arc<dyn StreamSource>,
        shard: &str,
        from: ReadFrom,
        pacer: Pacer,
    ) -> Self {
        Self {
            source,
            shard: shard.to_owned(),
            from,
            iterator: None,
            pacer,
            polled: Instant::now(),
            seen: Seen::default(),
        }
    }

    /// Waits until a poll is due, then polls.
    pub(super) async fn poll(&mut self, limit: usize, signals: &Signals) -> Polled {
        if signals.until_poll(&self.pacer, self.polled, self.seen).await {
            self.pacer.woken();
        }
        self.seen = signals.now();
        let page = self.page(limit).await;
        match &page {
            Ok(page) if page.records.is_empty() && page.millis_behind.unwrap_or(0) == 0 => {
                self.pacer.empty()
            }
            // An empty page in the middle of a shard is normal: there is more behind it.
            Ok(page) => {
                self.pacer
                    .brought(page.records.len() >= limit.min(FULL) || page.millis_behind > Some(0));
            }
            Err(_) => self.pacer.failed(),
        }
        self.polled = Instant::now();
        Polled { page: page.map_err(|error| error.to_string()), seen: self.seen.activity }
    }

    /// Returns the next page, without records from before [`ReadFrom::Since`].
    ///
    /// It skips pages that held only such records, because the shard would otherwise look idle.
    async fn page(&mut self, limit: usize) -> Result<Page, ReadError> {
        loop {
            let mut page = self.read(limit).await?;
            let found = page.records.len();
            if let ReadFrom::Since(moment) = self.from {
                page.records.retain(|record| record.arrived.second() >= moment.second());
            }
            if let Some(last) = page.records.last() {
                self.from = ReadFrom::After(last.sequence.to_string());
            } else if found > 0 && page.next.is_some() {
                continue;
            }
            return Ok(page);
        }
    }

    async fn read(&mut self, limit: usize) -> Result<Page, ReadError> {
        let iterator = match self.iterator.take() {
            Some(iterator) => iterator,
            None => self.renew().await?,
        };
        let page = match self.source.read(&self.shard, &iterator, limit).await {
            Err(ReadError::Expired) => {
                let iterator = self.renew().await?;
                self.source.read(&self.shard, &iterator, limit).await?
            }
            Err(ReadError::Trimmed) => {
                self.trimmed();
                return Err(ReadError::Trimmed);
            }
            Err(other) => {
                self.iterator = Some(iterator);
                return Err(other);
            }
            Ok(page) => page,
        };
        self.iterator.clone_from(&page.next);
        Ok(page)
    }

    fn trimmed(&mut self) {
        if !matches!(self.from, ReadFrom::Since(_)) {
            self.from = ReadFrom::Horizon;
        }
    }

    /// Returns a new iterator after the last record read.
    ///
    /// If that position is gone, reading goes on at the oldest record.
    async fn renew(&mut self) -> Result<String, ReadError> {
        match self.source.iterator(&self.shard, &self.from).await {
            Err(ReadError::Trimmed) => {
                self.trimmed();
                self.source.iterator(&self.shard, &self.from).await
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use bytes::Bytes;
    use futures::future::BoxFuture;

    use super::super::source::ShardInfo;
    use super::*;
    use crate::pace::Pace;
    use lambda_shapes::moment::Moment;
    use lambda_shapes::record::{OrderingKey, Record};
    use lambda_shapes::sequence::SequenceNumber;

    /// A stream that answers reads from a script and keeps the positions of requested iterators.
    struct Scripted {
        reads: Mutex<Vec<Result<Page, ReadError>>>,
        iterators: Mutex<Vec<ReadFrom>>,
    }

    impl StreamSource for Scripted {
        fn shards(&self) -> BoxFuture<'_, Result<Vec<ShardInfo>, ReadError>> {
            Box::pin(async { Ok(Vec::new()) })
        }

        fn iterator<'a>(
            &'a self,
            _shard: &'a str,
            from: &'a ReadFrom,
        ) -> BoxFuture<'a, Result<String, ReadError>> {
            self.iterators.lock().unwrap().push(from.clone());
            Box::pin(async { Ok("iterator".to_owned()) })
        }

        fn read<'a>(
            &'a self,
            _shard: &'a str,
            _iterator: &'a str,
            _limit: usize,
        ) -> BoxFuture<'a, Result<Page, ReadError>> {
            let read = self.reads.lock().unwrap().remove(0);
            Box::pin(async { read })
        }
    }

    const SINCE: Moment = Moment::from_millis(-1500);

    fn page(sequences: &[&str]) -> Page {
        let records = sequences.iter().map(|digits| Record {
            sequence: SequenceNumber::new(*digits),
            key: OrderingKey::new(b"k"),
            arrived: Moment::from_millis(0),
            json: Bytes::new(),
        });
        Page { records: records.collect(), next: Some("next".to_owned()), millis_behind: None }
    }

    /// Polls this number of times and returns the positions of the requested iterators.
    async fn iterators(reads: Vec<Result<Page, ReadError>>, polls: usize) -> Vec<ReadFrom> {
        let source = Arc::new(Scripted { reads: Mutex::new(reads), iterators: Mutex::default() });
        let pacer = Pacer::new(Pace::Fast, Duration::ZERO);
        let mut reader =
            Reader::new(Arc::<Scripted>::clone(&source), "s", ReadFrom::Since(SINCE), pacer);
        let signals = Signals { activity: Arc::default(), wake: Arc::default() };
        for _ in 0..polls {
            let _ = reader.poll(10, &signals).await;
        }
        let iterators = source.iterators.lock().unwrap();
        iterators.clone()
    }

    #[tokio::test]
    async fn an_expired_iterator_is_renewed_behind_the_last_record_read() {
        let reads = vec![Ok(page(&["7", "8"])), Err(ReadError::Expired), Ok(page(&[]))];
        assert_eq!(
            iterators(reads, 2).await,
            [ReadFrom::Since(SINCE), ReadFrom::After("8".to_owned())]
        );
    }

    #[tokio::test]
    async fn a_position_that_is_gone_is_replaced_by_the_oldest_record() {
        let reads = vec![Ok(page(&["7"])), Err(ReadError::Trimmed), Ok(page(&[]))];
        assert_eq!(iterators(reads, 3).await, [ReadFrom::Since(SINCE), ReadFrom::Horizon]);
    }

    #[tokio::test]
    async fn a_failed_read_keeps_its_iterator() {
        let reads = vec![Ok(page(&["7"])), Err(ReadError::Other("down".to_owned())), Ok(page(&[]))];
        assert_eq!(iterators(reads, 3).await, [ReadFrom::Since(SINCE)]);
    }

    #[tokio::test]
    async fn pages_from_before_the_beginning_are_passed_over_and_an_empty_one_is_not() {
        let aged = |sequence: &str, millis: i64| {
            let mut page = page(&[sequence]);
            page.records[0].arrived = Moment::from_millis(millis);
            Ok(page)
        };
        // Reading begins at -1.5 s, and times may be whole seconds.
        let reads = vec![aged("1", -9000), aged("2", -2001), Ok(page(&[])), aged("3", -2000)];
        let source = Arc::new(Scripted { reads: Mutex::new(reads), iterators: Mutex::default() });
        let pacer = Pacer::new(Pace::Fast, Duration::ZERO);
        let mut reader = Reader::new(source, "s", ReadFrom::Since(SINCE), pacer);
        let signals = Signals { activity: Arc::default(), wake: Arc::default() };
        assert!(reader.poll(10, &signals).await.page.unwrap().records.is_empty());
        let page = reader.poll(10, &signals).await.page.unwrap();
        assert_eq!(page.records[0].sequence.as_str(), "3");
        assert_eq!(reader.from, ReadFrom::After("3".to_owned()));
    }
}
