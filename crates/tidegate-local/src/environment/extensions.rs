//! The internal extensions of one environment, as a pure state machine.
//!
//! An internal extension is a part of the function's process that registers with the Extensions
//! API. Lambda starts external extensions as processes from `/opt/extensions`. The engine has none
//! of those, so every extension here is internal.

use tokio::sync::oneshot;
use uuid::Uuid;

use super::phase::InvocationId;

/// Lambda's limit of extensions per environment.
const LIMIT: usize = 10;

/// The event that an extension receives when the function is invoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invoked {
    pub(crate) request_id: String,
    pub(crate) deadline_unix_ms: u64,
    pub(crate) function_arn: String,
    pub(crate) trace_id: String,
}

/// Why a call of an extension was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The function has already asked for its first invocation.
    #[error("Extension registration closed already")]
    Closed,
    /// Another extension has this name.
    #[error("Extension with this name already registered")]
    NameTaken,
    /// The environment already has as many extensions as Lambda allows.
    #[error("Extension limit ({LIMIT}) reached")]
    TooMany,
    /// An internal extension cannot register for this event.
    #[error("{0}: an internal extension can register for INVOKE only")]
    Event(String),
    /// The identifier does not belong to an extension of this environment.
    #[error("Unknown extension {0}")]
    Unknown(Uuid),
    /// The extension reports that its initialisation failed, but it has already asked for events.
    #[error("extension {0} has called event/next: its initialisation is over")]
    Initialised(String),
    /// The extension has reported a failure before.
    #[error("extension {0} has reported its failure")]
    Failed(String),
}

impl Refused {
    /// Returns the error type that Lambda's own API uses.
    pub(crate) fn error_type(&self) -> &'static str {
        match self {
            Self::Closed => "Extension.RegistrationClosed",
            Self::TooMany => "Extension.TooManyExtensions",
            Self::Event(_) => "Extension.InvalidEventType",
            Self::Unknown(_) => "Extension.UnknownExtensionIdentifier",
            Self::NameTaken | Self::Initialised(_) | Self::Failed(_) => {
                "Extension.InvalidExtensionState"
            }
        }
    }
}

/// The extensions of an environment.
#[derive(Debug, Default)]
pub(crate) struct Extensions {
    registered: Vec<Extension>,
    closed: bool,
    /// The last invocation that the extensions received. A request id would not do: all attempts of
    /// an asynchronous event share it.
    heard: Option<InvocationId>,
}

#[derive(Debug)]
struct Extension {
    id: Uuid,
    name: String,
    stage: Stage,
    hears_of_invocations: bool,
    /// The extension received an invocation and has not come back.
    at_work: bool,
    /// The event that the extension gets when it next asks.
    kept: Option<Invoked>,
    waiter: Option<oneshot::Sender<Invoked>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Registered,
    Ready,
    Failed,
}

/// When an extension failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Init,
    Exit,
}

impl Extensions {
    /// Registers an extension for these events and returns its identifier.
    pub(crate) fn register(&mut self, name: &str, events: &[String]) -> Result<Uuid, Refused> {
        if let Some(event) = events.iter().find(|event| *event != "INVOKE") {
            return Err(Refused::Event(event.clone()));
        }
        if self.closed {
            return Err(Refused::Closed);
        }
        if self.registered.len() >= LIMIT {
            return Err(Refused::TooMany);
        }
        if self.registered.iter().any(|other| other.name == name) {
            return Err(Refused::NameTaken);
        }
        let id = Uuid::new_v4();
        self.registered.push(Extension {
            id,
            name: name.to_owned(),
            stage: Stage::Registered,
            hears_of_invocations: !events.is_empty(),
            at_work: false,
            kept: None,
            waiter: None,
        });
        Ok(id)
    }

    /// Closes the registration: the function asks for its first invocation.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Registers the extension as waiting for its next event.
    pub(crate) fn next(&mut self, id: Uuid) -> Result<oneshot::Receiver<Invoked>, Refused> {
        let extension = self.find(id)?;
        if extension.stage == Stage::Failed {
            return Err(Refused::Failed(extension.name.clone()));
        }
        extension.stage = Stage::Ready;
        let (waiter, event) = oneshot::channel();
        extension.waiter = Some(waiter);
        match extension.kept.take() {
            Some(kept) => extension.tell(kept),
            None => extension.at_work = false,
        }
        Ok(event)
    }

    /// Passes an invocation to the extensions that registered for invocations.
    ///
    /// They receive each invocation once, even if the function gets it a second time.
    pub(crate) fn invoked(&mut self, invocation: InvocationId, event: &Invoked) {
        if self.heard.replace(invocation) == Some(invocation) {
            return;
        }
        for extension in
            self.registered.iter_mut().filter(|extension| extension.hears_of_invocations)
        {
            extension.tell(event.clone());
        }
    }

    /// Records that the extension reported a failure. Returns its name.
    pub(crate) fn failed(&mut self, id: Uuid, moment: Moment) -> Result<String, Refused> {
        let extension = self.find(id)?;
        if moment == Moment::Init && extension.stage == Stage::Ready {
            return Err(Refused::Initialised(extension.name.clone()));
        }
        extension.stage = Stage::Failed;
        Ok(extension.name.clone())
    }

    /// Returns whether an extension is still at work on an invocation. Until all come back, the
    /// environment gets no other invocation.
    pub(crate) fn at_work(&self) -> bool {
        self.registered.iter().any(|extension| extension.at_work)
    }

    /// Returns whether no extension is registered.
    pub(crate) fn is_empty(&self) -> bool {
        self.registered.is_empty()
    }

    fn find(&mut self, id: Uuid) -> Result<&mut Extension, Refused> {
        self.registered.iter_mut().find(|extension| extension.id == id).ok_or(Refused::Unknown(id))
    }
}

impl Extension {
    fn tell(&mut self, event: Invoked) {
        self.at_work = true;
        self.kept = match self.waiter.take() {
            Some(waiter) => waiter.send(event).err(),
            None => Some(event),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: InvocationId = InvocationId(1);
    const B: InvocationId = InvocationId(2);

    fn event(request_id: &str) -> Invoked {
        Invoked {
            request_id: request_id.to_owned(),
            deadline_unix_ms: 1,
            function_arn: "arn".to_owned(),
            trace_id: "Root=1".to_owned(),
        }
    }

    fn for_invocations(extensions: &mut Extensions) -> Uuid {
        extensions.register("one", &["INVOKE".to_owned()]).unwrap()
    }

    #[test]
    fn an_extension_registers_before_the_first_invocation_is_asked_for_and_under_a_name_of_its_own()
    {
        let mut extensions = Extensions::default();
        assert!(extensions.is_empty());
        extensions.register("one", &[]).unwrap();
        assert!(!extensions.is_empty());
        assert_eq!(extensions.register("one", &[]), Err(Refused::NameTaken));
        for number in 1..LIMIT {
            extensions.register(&number.to_string(), &[]).unwrap();
        }
        assert_eq!(extensions.register("more", &[]), Err(Refused::TooMany));
        extensions.close();
        assert_eq!(extensions.register("late", &[]), Err(Refused::Closed));
    }

    #[test]
    fn an_internal_extension_cannot_register_for_the_shutdown() {
        let refused = Extensions::default().register("one", &["INVOKE".into(), "SHUTDOWN".into()]);
        assert_eq!(refused, Err(Refused::Event("SHUTDOWN".into())));
        assert_eq!(refused.unwrap_err().error_type(), "Extension.InvalidEventType");
    }

    #[test]
    fn who_registered_for_invocations_hears_of_each_once_and_is_at_work_until_it_comes_back() {
        let mut extensions = Extensions::default();
        let id = for_invocations(&mut extensions);
        let mut waiting = extensions.next(id).unwrap();
        assert!(waiting.try_recv().is_err() && !extensions.at_work());
        extensions.invoked(A, &event("a"));
        extensions.invoked(A, &event("a"));
        assert_eq!(waiting.try_recv(), Ok(event("a")));
        assert!(extensions.at_work());
        let mut waiting = extensions.next(id).unwrap();
        assert!(waiting.try_recv().is_err() && !extensions.at_work(), "not told a second time");
        extensions.invoked(B, &event("b"));
        assert_eq!(waiting.try_recv(), Ok(event("b")));
    }

    #[test]
    fn each_attempt_of_an_asynchronous_event_is_heard_of_though_all_have_one_request_id() {
        let mut extensions = Extensions::default();
        let id = for_invocations(&mut extensions);
        for attempt in [A, B] {
            let mut waiting = extensions.next(id).unwrap();
            extensions.invoked(attempt, &event("same"));
            assert_eq!(waiting.try_recv(), Ok(event("same")), "{attempt:?}");
            assert!(extensions.at_work());
        }
    }

    #[test]
    fn what_an_extension_was_not_there_for_is_kept_until_it_comes() {
        let mut extensions = Extensions::default();
        let id = for_invocations(&mut extensions);
        extensions.invoked(A, &event("a"));
        assert!(extensions.at_work());
        drop(extensions.next(id).unwrap());
        extensions.next(id).unwrap();
        extensions.invoked(B, &event("b"));
        assert_eq!(
            extensions.next(id).unwrap().try_recv(),
            Ok(event("b")),
            "its waiter had hung up"
        );
    }

    #[test]
    fn without_events_an_extension_hears_nothing_and_holds_nothing_up() {
        let mut extensions = Extensions::default();
        let id = extensions.register("one", &[]).unwrap();
        let mut waiting = extensions.next(id).unwrap();
        extensions.invoked(A, &event("a"));
        assert!(waiting.try_recv().is_err() && !extensions.at_work());
    }

    #[test]
    fn a_failure_is_reported_by_those_who_registered_and_at_its_time() {
        let mut extensions = Extensions::default();
        let unknown = Uuid::nil();
        assert_eq!(extensions.failed(unknown, Moment::Exit), Err(Refused::Unknown(unknown)));
        assert_eq!(extensions.next(unknown).unwrap_err(), Refused::Unknown(unknown));
        let id = for_invocations(&mut extensions);
        extensions.next(id).unwrap();
        assert_eq!(extensions.failed(id, Moment::Init), Err(Refused::Initialised("one".into())));
        assert_eq!(extensions.failed(id, Moment::Exit), Ok("one".into()));
        assert_eq!(extensions.next(id).unwrap_err(), Refused::Failed("one".into()));
    }
}
