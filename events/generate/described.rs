//! A message type, with what the generated files say about it.

use std::error::Error;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::value::RawValue;
use tidegate::envelope::{Data, DataSchema, Envelope};
use tidegate::failure::Failure;
use tidegate::ids::{StreamId, Version, content_id, event_id};
use tidegate::message::Message;
use tidegate::process::DEADLINES_SOURCE;

/// Source of the sample commands that come from outside.
const CLIENT_SOURCE: &str = "shop.import";

/// A part of the shop that alone writes its streams.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// `source` of its events.
    pub source: &'static str,
    /// Functions that decide its commands and write its events.
    pub writers: &'static [&'static str],
}

/// How a command or deadline travels to the function that decides it.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub to: Address,
    /// Functions that send it.
    pub senders: &'static [&'static str],
    /// Who else sends it.
    pub outside: &'static [&'static str],
}

impl Way {
    /// Returns the queue that carries it.
    pub fn to_queue(self) -> Option<&'static str> {
        match self.to {
            Address::Stream(_) => None,
            Address::Queue(name) => Some(name),
        }
    }
}

/// What carries commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// A Kinesis stream.
    Stream(&'static str),
    /// An SQS queue.
    Queue(&'static str),
}

/// What a message is for.
#[derive(Clone, Copy, Debug)]
pub enum Role {
    /// A fact that its service decided.
    Event,
    /// A request to its service.
    Command(Way),
    /// What a process gets when a time has passed, unless it cancels it before.
    Deadline(Way),
}

/// A message type, and a sample of it.
#[derive(Clone)]
pub struct Described {
    pub kind: &'static str,
    pub version: u32,
    pub role: Role,
    pub service: Service,
    /// Functions that read it from the event store's own stream.
    pub projections: &'static [&'static str],
    pub sample: Envelope,
    /// Returns a schema of the type in a document of its own.
    pub root_schema: fn(SchemaGenerator) -> Schema,
    /// Returns a schema of the type in the document of the generator.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// Decodes content and encodes it again.
    pub recode: fn(u32, &str) -> Result<String, Failure>,
}

impl Described {
    /// Describes the type of `content`.
    ///
    /// # Errors
    /// The content cannot be written as JSON, or `subject` is not the id of a stream.
    pub fn new<M: Message + JsonSchema>(
        role: Role,
        service: Service,
        subject: &str,
        origin: &Origin<'_>,
        content: &M,
    ) -> Result<Self, Box<dyn Error>> {
        let sample = origin.envelope(service, subject.parse()?, content)?;
        Ok(Self {
            kind: M::TYPE,
            version: M::VERSION,
            role,
            service,
            projections: &[],
            sample,
            root_schema: SchemaGenerator::into_root_schema_for::<M>,
            schema: SchemaGenerator::subschema_for::<M>,
            recode: |version, data| {
                let content = M::decode(version, data)?;
                serde_json::to_string(&content)
                    .map_err(|error| Failure::permanent("unencodable", error.to_string()))
            },
        })
    }

    /// Returns the type with its version, as in the names of files.
    pub fn file_stem(&self) -> String {
        format!("{}.v{}", self.kind, self.version)
    }

    /// Returns whether the message asks its service for something.
    pub fn is_command(&self) -> bool {
        matches!(self.role, Role::Command(_))
    }

    /// Returns how the type travels. `None` for events, which `events::routes` sends on.
    pub fn way(&self) -> Option<Way> {
        match self.role {
            Role::Event => None,
            Role::Command(way) | Role::Deadline(way) => Some(way),
        }
    }
}

/// Why the sample exists.
pub enum Origin<'a> {
    /// A client sent it at this time.
    Client(Timestamp),
    /// It is the event with this version, and follows from a message.
    Event(&'a Envelope, u64),
    /// The process sends it in the step with this version, because of a message.
    Process(&'a Envelope, u64),
    /// The process set it because of a message.
    Deadline(&'a Envelope),
}

impl Origin<'_> {
    /// Returns the envelope as the toolkit makes it.
    ///
    /// # Errors
    /// The content cannot be written as JSON.
    pub fn envelope<M: Message>(
        &self,
        service: Service,
        subject: StreamId,
        content: &M,
    ) -> Result<Envelope, Box<dyn Error>> {
        let data = serde_json::to_string(content)?;
        let schema = DataSchema::new(M::TYPE, M::VERSION);
        let inline = Data::Inline(RawValue::from_string(data.clone())?);
        let (id, source, time) = match self {
            Self::Client(time) => {
                let version = M::VERSION.to_string();
                let id = content_id(&["command", M::TYPE, &version, subject.as_str(), &data]);
                (id, CLIENT_SOURCE, *time)
            }
            Self::Event(cause, version) => {
                let id = event_id(&subject, Version::new(*version), &cause.cause());
                (id, service.source, cause.time)
            }
            Self::Process(input, step) => {
                let id = content_id(&["outgoing", &step_id(&subject, input, *step)?, "command 0"]);
                (id, events::FULFILMENT_SOURCE, input.time)
            }
            Self::Deadline(input) => {
                let id = content_id(&["deadline", subject.as_str(), M::TYPE]);
                (id, DEADLINES_SOURCE, input.time)
            }
        };
        let mut envelope = Envelope::new(id, source, subject.clone(), time, schema, inline);
        match self {
            Self::Client(_) => {}
            Self::Event(cause, version) => {
                envelope.sequence = Some(Version::new(*version));
                follow(&mut envelope, cause, cause.id.clone());
            }
            Self::Process(input, step) => {
                follow(&mut envelope, input, step_id(&subject, input, *step)?);
            }
            Self::Deadline(input) => follow(&mut envelope, input, input.id.clone()),
        }
        Ok(envelope)
    }
}

fn follow(envelope: &mut Envelope, cause: &Envelope, causation_id: String) {
    envelope.correlation_id = cause.correlation_id.clone();
    envelope.causation_id = Some(causation_id);
}

/// Returns the id of the event by which a process took a step. The process has the key of the
/// stream that it sends to.
fn step_id(subject: &StreamId, input: &Envelope, step: u64) -> Result<String, Box<dyn Error>> {
    let process = StreamId::new(events::stream_kind::FULFILMENT, subject.key())?;
    Ok(event_id(&process, Version::new(step), &input.cause()).to_string())
}
