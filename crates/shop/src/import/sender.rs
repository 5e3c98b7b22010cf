//! Puts records on a Kinesis stream, and retries refused ones.

use std::collections::HashSet;
use std::iter::Peekable;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use terminal::counted::counted;
use terminal::name_prefix::PhysicalName;
use terminal::problem::Problem;
use tidegate::failure::chain;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::record::{Kind, Record};
use super::refused::{Refused, is_throttled};

/// Largest size of a record: data and partition key.
pub(super) const RECORD_BYTES: usize = 1 << 20;

/// Largest size of a request: data and partition keys.
const REQUEST_BYTES: usize = 5 << 20;

/// Most records in one request.
///
/// Kinesis accepts 500. With smaller requests, a shard's readers start earlier, and its limit of 1
/// MiB a second refuses fewer records.
const REQUEST_RECORDS: usize = 200;

/// Concurrent requests, so that the next one waits at the stream and not here.
const CONCURRENCY: usize = 4;

/// Pause before the first retry of refused records. It doubles up to the longest pause.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long all records of a request may be refused before the import fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Result of one record.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Sent { kind: Kind, again: bool },
    TooLarge { partition_key: String, bytes: usize },
}

/// Puts records on a stream.
pub(super) struct Sender {
    client: Client,
    stream: PhysicalName,
    patience: Duration,
}

impl Sender {
    pub(super) fn new(client: Client, stream: PhysicalName) -> Self {
        Self { client, stream, patience: PATIENCE }
    }

    /// Checks that the stream and its endpoint exist, to report early and clearly if they do not.
    ///
    /// # Errors
    /// Fails if there is no response, or no such stream. A producer with write permission only
    /// passes.
    pub(super) async fn probe(&self) -> Result<(), Problem> {
        let answer =
            self.client.describe_stream_summary().stream_name(self.stream.as_str()).send().await;
        match answer {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                Err(self.stream.missing("stream"))
            }
            Err(error) if error.as_service_error().is_none() => {
                Err(Problem::new(format!("stream `{}`: {}", self.stream, chain(&error))))
            }
            _ => Ok(()),
        }
    }

    /// Sends all records, several requests at a time.
    ///
    /// Only one record of each partition key is under way at a time, so that a later record of the
    /// same key cannot overtake a refused one.
    ///
    /// # Errors
    /// Fails if a request fails, or if its records are refused for a minute. Records that were sent
    /// before stay in the stream.
    pub(super) async fn send(
        &self,
        records: impl Iterator<Item = Record>,
        mut on: impl FnMut(Step),
    ) -> Result<(), Problem> {
        let mut records = records.peekable();
        let mut busy: HashSet<String> = HashSet::new();
        let mut requests: JoinSet<Result<Vec<Record>, Problem>> = JoinSet::new();
        loop {
            while requests.len() < CONCURRENCY {
                let batch = next_batch(&mut records, &busy, &mut on);
                if batch.is_empty() {
                    break;
                }
                busy.extend(batch.iter().map(|record| record.partition_key.clone()));
                let put = Put {
                    client: self.client.clone(),
                    stream: self.stream.clone(),
                    patience: self.patience,
                };
                requests.spawn(put.all(batch));
            }
            let Some(done) = requests.join_next().await else { return Ok(()) };
            let sent =
                done.map_err(|error| Problem::new(format!("a request was lost: {error}")))??;
            for record in sent {
                busy.remove(&record.partition_key);
                on(Step::Sent { kind: record.kind, again: record.again });
            }
        }
    }
}

/// Returns as many records as a request holds, up to the first whose key is under way.
fn next_batch(
    records: &mut Peekable<impl Iterator<Item = Record>>,
    busy: &HashSet<String>,
    on: &mut impl FnMut(Step),
) -> Vec<Record> {
    let mut batch = Vec::new();
    let mut keys = HashSet::new();
    let mut bytes = 0;
    while let Some(record) = records.peek() {
        let size = record.data.len() + record.partition_key.len();
        if size > RECORD_BYTES {
            on(Step::TooLarge { partition_key: record.partition_key.clone(), bytes: size });
            records.next();
            continue;
        }
        let full = batch.len() == REQUEST_RECORDS || bytes + size > REQUEST_BYTES;
        if full
            || busy.contains(&record.partition_key)
            || !keys.insert(record.partition_key.clone())
        {
            break;
        }
        bytes += size;
        batch.extend(records.next());
    }
    batch
}

struct Put {
    client: Client,
    stream: PhysicalName,
    patience: Duration,
}

impl Put {
    /// Sends a batch until the stream has accepted every record.
    async fn all(self, batch: Vec<Record>) -> Result<Vec<Record>, Problem> {
        let mut waiting: Vec<usize> = (0..batch.len()).collect();
        let mut pause = FIRST_PAUSE;
        let mut taken_last = Instant::now();
        loop {
            let entries = waiting
                .iter()
                .filter_map(|index| batch.get(*index))
                .map(entry)
                .collect::<Result<_, _>>()?;
            let answer = self
                .client
                .put_records()
                .stream_name(self.stream.as_str())
                .set_records(Some(entries))
                .send()
                .await;
            let refused = match answer {
                Ok(answer) => Refused::from_answer(&answer, &waiting)?,
                Err(error) if is_throttled(&error) => Refused::all(&waiting, &error),
                Err(error) => {
                    return Err(Problem::new(format!(
                        "stream `{}`: {}",
                        self.stream,
                        chain(&error)
                    )));
                }
            };
            if refused.places.is_empty() {
                return Ok(batch);
            }
            if refused.places.len() < waiting.len() {
                taken_last = Instant::now();
                pause = FIRST_PAUSE;
            }
            if taken_last.elapsed() >= self.patience {
                return Err(Problem::new(format!(
                    "stream `{}` refused {} for {} s: {}",
                    self.stream,
                    counted(refused.places.len(), "record", "records"),
                    self.patience.as_secs(),
                    refused.reason()
                )));
            }
            waiting = refused.places;
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

fn entry(record: &Record) -> Result<PutRecordsRequestEntry, Problem> {
    PutRecordsRequestEntry::builder()
        .partition_key(&record.partition_key)
        .data(Blob::new(record.data.clone()))
        .build()
        .map_err(|error| Problem::new(format!("a record cannot be sent: {error}")))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use terminal::connection::Connection;

    fn record(key: &str, bytes: usize) -> Record {
        Record {
            kind: Kind::Order,
            again: false,
            partition_key: key.to_owned(),
            data: vec![b'x'; bytes],
        }
    }

    type Answers = Arc<Mutex<dyn FnMut(&[String]) -> Vec<bool> + Send>>;

    /// Starts a stream on a free port. A script accepts or refuses each record, given the request's
    /// partition keys.
    async fn scripted(answers: Answers) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_requests(stream, Arc::clone(&answers)));
            }
        });
        endpoint
    }

    async fn answer_requests(mut stream: TcpStream, answers: Answers) {
        let mut received = Vec::new();
        loop {
            let Some(body) = next_body(&mut stream, &mut received).await else { return };
            let request: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let keys: Vec<String> = request["Records"]
                .as_array()
                .unwrap()
                .iter()
                .map(|record| record["PartitionKey"].as_str().unwrap().to_owned())
                .collect();
            let taken = (answers.lock().unwrap())(&keys);
            let records: Vec<_> = taken
                .iter()
                .map(|taken| match taken {
                    true => serde_json::json!({"SequenceNumber": "1", "ShardId": "shardId-000000000000"}),
                    false => serde_json::json!({"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}),
                })
                .collect();
            let failed = taken.iter().filter(|taken| !**taken).count();
            let body =
                serde_json::json!({"FailedRecordCount": failed, "Records": records}).to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all((head + &body).as_bytes()).await.unwrap();
        }
    }

    async fn next_body(stream: &mut TcpStream, received: &mut Vec<u8>) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
                let length: usize = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length:"))
                    .map(|length| length.trim().parse().unwrap())
                    .unwrap();
                if received.len() >= end + 4 + length {
                    let body = received[end + 4..end + 4 + length].to_vec();
                    received.drain(..end + 4 + length);
                    return Some(body);
                }
            }
            if stream.read_buf(received).await.ok()? == 0 {
                return None;
            }
        }
    }

    async fn sender(script: impl FnMut(&[String]) -> Vec<bool> + Send + 'static) -> Sender {
        let endpoint = scripted(Arc::new(Mutex::new(script))).await;
        Sender::new(Connection::to(&endpoint).kinesis(), PhysicalName::given("orders"))
    }

    #[tokio::test]
    async fn only_refused_records_are_sent_again_and_a_key_is_never_overtaken() {
        let requests: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let mut round = 0;
        let sender = sender(move |keys| {
            seen.lock().unwrap().push(keys.to_vec());
            round += 1;
            keys.iter().map(|key| round > 2 || key != "b").collect()
        })
        .await;
        let mut sent = 0;
        let records = ["a", "b", "c", "b", "d"].map(|key| record(key, 10));
        sender
            .send(records.into_iter(), |step| {
                sent += usize::from(matches!(step, Step::Sent { .. }))
            })
            .await
            .unwrap();
        assert_eq!(sent, 5);
        let requests = requests.lock().unwrap().clone();
        assert_eq!(requests, [vec!["a", "b", "c"], vec!["b"], vec!["b"], vec!["b", "d"]]);
    }

    #[tokio::test]
    async fn a_stream_that_takes_nothing_is_given_up_with_its_reason() {
        let mut sender = sender(|keys| vec![false; keys.len()]).await;
        sender.patience = Duration::from_millis(200);
        let problem =
            sender.send([record("a", 1)].into_iter(), |_| ()).await.unwrap_err().to_string();
        assert!(
            problem.contains("refused 1 record for")
                && problem.contains("ProvisionedThroughputExceeded"),
            "{problem}"
        );
    }

    #[tokio::test]
    async fn a_record_too_large_is_reported_and_the_others_are_sent() {
        let sender = sender(|keys| vec![true; keys.len()]).await;
        let mut steps = Vec::new();
        let records =
            [record("a", 1), record("large", RECORD_BYTES), record("fits", RECORD_BYTES - 4)];
        sender.send(records.into_iter(), |step| steps.push(step)).await.unwrap();
        assert_eq!(steps.len(), 3);
        assert_eq!(
            steps[0],
            Step::TooLarge { partition_key: "large".to_owned(), bytes: RECORD_BYTES + 5 }
        );
    }

    #[test]
    fn a_request_stays_within_the_limits_of_the_stream() {
        let large = (0..12).map(|number| record(&number.to_string(), 1_000_000));
        let small = (100..900).map(|number| record(&number.to_string(), 10));
        let mut records = large.chain(small).peekable();
        let mut total = 0;
        loop {
            let batch = next_batch(&mut records, &HashSet::new(), &mut |_| ());
            if batch.is_empty() {
                break;
            }
            let bytes: usize =
                batch.iter().map(|record| record.data.len() + record.partition_key.len()).sum();
            assert!(
                batch.len() <= 500 && bytes <= 5 * 1024 * 1024,
                "{} records, {bytes} bytes",
                batch.len()
            );
            total += batch.len();
        }
        assert_eq!(total, 812);
    }
}
