//! The two streams that an environment's process prints to, and the invocation that the text
//! belongs to.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{ChildStderr, ChildStdout};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::unix::pipe::Receiver;

use super::output::Output;
use crate::log_tail::LogTail;

/// A line longer than this, in bytes, is written in pieces.
const LONGEST_LINE: usize = 1 << 20;
/// Bytes read at a time.
const PORTION: usize = 16 * 1024;
/// Bytes read in one turn from a process that prints without a pause. Other tasks run between
/// turns.
const TURN: usize = 4 * PORTION;
/// Bytes without a pause after which the reader pauses for [`PAUSE`]. A process that floods its
/// output is held to 40 MB a second, and the engine stays responsive.
const FLOOD: usize = 1 << 20;
const PAUSE: Duration = Duration::from_millis(25);
/// Number of characters of a line that are repeated in messages.
const REPEATED: usize = 300;
/// Most bytes that a pipe can hold. Reading out ends there: later bytes were printed later.
const LARGEST_PIPE: usize = 1 << 20;

/// The output of one process. Text belongs to the invocation that began last.
#[derive(Debug)]
pub(crate) struct Pipes {
    output: Arc<Output>,
    whose: Mutex<Whose>,
    streams: OnceLock<[Stream; 2]>,
}

#[derive(Debug, Default)]
struct Whose {
    request_id: Option<Arc<str>>,
    tail: Option<Arc<LogTail>>,
}

#[derive(Debug)]
struct Stream {
    pipe: Receiver,
    /// The same pipe, for reading without waiting until it is readable.
    direct: File,
    buffer: Mutex<Buffer>,
}

#[derive(Debug, Default)]
struct Buffer {
    /// The beginning of a line.
    begun: Vec<u8>,
    /// The last non-empty line that was printed before the first invocation.
    last: Option<String>,
}

/// What is left in a pipe.
enum Rest {
    Empty,
    More,
    Ended,
}

impl Pipes {
    /// Creates the output of a process that is not started yet.
    pub(crate) fn new(output: Arc<Output>) -> Arc<Self> {
        Arc::new(Self { output, whose: Mutex::default(), streams: OnceLock::new() })
    }

    /// Reads the output of the process from now to its end.
    ///
    /// # Errors
    /// The streams cannot be registered with the runtime.
    pub(crate) fn attach(
        self: &Arc<Self>,
        stdout: ChildStdout,
        stderr: ChildStderr,
    ) -> io::Result<()> {
        let streams = [Stream::new(stdout.into())?, Stream::new(stderr.into())?];
        if self.streams.set(streams).is_ok() {
            for place in 0..2 {
                tokio::spawn(Arc::clone(self).copy(place));
            }
        }
        Ok(())
    }

    /// Begins an invocation: later output belongs to it, earlier output to the previous invocation.
    pub(crate) fn begin(&self, request_id: &str, tail: Option<Arc<LogTail>>) {
        self.read_out_and_flush();
        *self.whose.lock() = Whose { request_id: Some(request_id.into()), tail };
    }

    /// Ends an invocation: reads everything that it printed, and completes its last line.
    pub(crate) fn end(&self) {
        self.read_out_and_flush();
        self.whose.lock().tail = None;
    }

    /// Reads everything that was printed before this call.
    pub(crate) fn read_out(&self) {
        for stream in self.streams.get().into_iter().flatten() {
            self.read(stream, LARGEST_PIPE, |portion| (&stream.direct).read(portion));
        }
    }

    /// Returns the last line printed during the initialisation, from standard error if that has
    /// one.
    pub(crate) fn last_line(&self) -> Option<String> {
        let mut streams = self.streams.get()?.iter().rev();
        streams.find_map(|stream| stream.buffer.lock().last.clone())
    }

    fn read_out_and_flush(&self) {
        self.read_out();
        for stream in self.streams.get().into_iter().flatten() {
            self.flush(&mut stream.buffer.lock());
        }
    }

    async fn copy(self: Arc<Self>, place: usize) {
        let Some(stream) = self.streams.get().and_then(|streams| streams.get(place)) else {
            return;
        };
        let mut without_pause = 0;
        while stream.pipe.readable().await.is_ok() {
            match self.read(stream, TURN, |portion| stream.pipe.try_read(portion)) {
                Rest::Empty => without_pause = 0,
                Rest::More if without_pause >= FLOOD => {
                    without_pause = 0;
                    tokio::time::sleep(PAUSE).await;
                }
                Rest::More => {
                    without_pause += TURN;
                    tokio::task::yield_now().await;
                }
                Rest::Ended => return,
            }
        }
    }

    /// Reads what is there, up to about `most` bytes.
    fn read(
        &self,
        stream: &Stream,
        most: usize,
        mut from: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> Rest {
        let mut buffer = stream.buffer.lock();
        let (mut portion, mut read) = ([0; PORTION], 0);
        while read < most {
            match from(&mut portion) {
                Ok(0) => {
                    self.flush(&mut buffer);
                    return Rest::Ended;
                }
                Ok(bytes) => {
                    read += bytes;
                    self.printed(&mut buffer, portion.get(..bytes).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Rest::Empty,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::warn!(%error, "a function's output cannot be read");
                    return Rest::Ended;
                }
            }
        }
        Rest::More
    }

    fn printed(&self, buffer: &mut Buffer, printed: &[u8]) {
        let whose = self.whose.lock();
        if let Some(tail) = &whose.tail {
            tail.add(printed);
        }
        let before = buffer.begun.len();
        buffer.begun.extend_from_slice(printed);
        let whole = match printed.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => before + last + 1,
            None if buffer.begun.len() >= LONGEST_LINE => buffer.begun.len(),
            None => return,
        };
        self.pass_on(&whose, buffer, whole);
    }

    fn flush(&self, buffer: &mut Buffer) {
        if !buffer.begun.is_empty() {
            let whose = self.whose.lock();
            self.pass_on(&whose, buffer, buffer.begun.len());
        }
    }

    fn pass_on(&self, whose: &Whose, buffer: &mut Buffer, bytes: usize) {
        let lines = buffer.begun.get(..bytes).unwrap_or_default();
        self.output.printed(whose.request_id.as_deref(), lines);
        if whose.request_id.is_none() {
            let mut lines = lines.rsplit(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            let last = lines.find(|line| !line.is_empty());
            buffer.last = last.map(repeated).or(buffer.last.take());
        }
        buffer.begun.drain(..bytes);
    }
}

/// Returns the beginning of a line without control characters.
fn repeated(line: &[u8]) -> String {
    let line = line.get(..REPEATED * 4).unwrap_or(line);
    String::from_utf8_lossy(line).chars().filter(|c| !c.is_control()).take(REPEATED).collect()
}

impl Stream {
    fn new(pipe: OwnedFd) -> io::Result<Self> {
        let pipe = Receiver::from_owned_fd(pipe)?;
        let direct = File::from(pipe.as_fd().try_clone_to_owned()?);
        Ok(Self { pipe, direct, buffer: Mutex::default() })
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::super::LogLine;
    use super::*;

    /// Runs a script and reads its output.
    fn printed_by(script: &str, file: &std::path::Path) -> Arc<Output> {
        let output = Arc::new(Output::open(file, 1 << 30).unwrap());
        let mut child = Command::new("sh");
        let mut child = child
            .args(["-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pipes = Pipes::new(Arc::clone(&output));
        pipes.attach(child.stdout.take().unwrap(), child.stderr.take().unwrap()).unwrap();
        child.wait().unwrap();
        pipes.read_out();
        output
    }

    fn lines(file: &std::path::Path) -> Vec<(Option<String>, String)> {
        let text = std::fs::read_to_string(file).unwrap();
        let lines = text.lines().map(|line| LogLine::parse(line).unwrap());
        lines.map(|line| (line.request_id.map(str::to_owned), line.text.to_owned())).collect()
    }

    #[tokio::test]
    async fn lines_of_both_streams_are_kept_whole_and_unchanged() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f.log");
        let script = "printf 'a1 '; printf 'b\\n' >&2; printf 'a2\\na3'; printf 'b\\n' >&2; printf '\\n'; printf 'without an end' >&2";
        let output = printed_by(script, &file);
        let mut texts: Vec<_> = lines(&file).into_iter().map(|(_, text)| text).collect();
        texts.sort();
        assert_eq!(texts, ["a1 a2", "a3", "b", "b", "without an end"]);
        assert_eq!(output.bytes(), 6 + 3 + 2 * 2 + 14);
    }

    #[tokio::test]
    async fn the_last_line_of_an_initialisation_is_remembered_without_control_characters() {
        let dir = tempfile::tempdir().unwrap();
        for (script, last) in [
            ("echo starting; echo no table >&2; echo; echo later", Some("no table")),
            ("printf 'one\\n\\033[31mtwo\\n\\n  \\n'", Some("[31mtwo")),
            ("printf 'without an end' >&2", Some("without an end")),
            ("true", None),
        ] {
            let output = Arc::new(Output::open(&dir.path().join("f.log"), 1 << 30).unwrap());
            let mut child = Command::new("sh");
            let child = child.args(["-c", script]).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = child.spawn().unwrap();
            let pipes = Pipes::new(output);
            pipes.attach(child.stdout.take().unwrap(), child.stderr.take().unwrap()).unwrap();
            child.wait().unwrap();
            pipes.read_out();
            assert_eq!(pipes.last_line().as_deref(), last, "{script}");
            pipes.begin("r-1", None);
            assert_eq!(pipes.last_line().as_deref(), last, "{script}");
        }
    }

    #[tokio::test]
    async fn what_was_printed_before_an_invocation_belongs_to_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f.log");
        let output = Arc::new(Output::open(&file, 1 << 30).unwrap());
        let script = "cd \"$0\"; while read n; do printf \"$n\\nthe end of $n\"; : > done-$n; done";
        let mut child = Command::new("sh");
        child.args(["-c", script]).arg(dir.path());
        child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let pipes = Pipes::new(output);
        pipes.attach(child.stdout.take().unwrap(), child.stderr.take().unwrap()).unwrap();
        // Nothing is awaited, so no task of the runtime reads meanwhile.
        let mut print = |n: &str| {
            io::Write::write_all(child.stdin.as_mut().unwrap(), format!("{n}\n").as_bytes())
                .unwrap();
            let done = dir.path().join(format!("done-{n}"));
            let deadline = std::time::Instant::now() + Duration::from_secs(10);
            while !done.exists() {
                assert!(std::time::Instant::now() < deadline, "{n} was not printed");
                std::thread::yield_now();
            }
        };
        for n in ["one", "two"] {
            pipes.begin(n, None);
            print(n);
            pipes.end();
            print(&format!("late-{n}"));
        }
        drop(child.stdin.take());
        child.wait().unwrap();
        pipes.read_out();
        let of = |n: &str| {
            let late = format!("late-{n}");
            let texts = [
                n.to_owned(),
                format!("the end of {n}"),
                late.clone(),
                format!("the end of {late}"),
            ];
            texts.map(|text| (Some(n.to_owned()), text))
        };
        assert_eq!(lines(&file), [of("one"), of("two")].concat());
    }
}
