//! Tests effects that are declared once and run for each record.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use super::holes::Watched;
use crate::batch::{BatchContext, Invocation, Runner};
use crate::dead_letter::MemoryDeadLetters;
use crate::each;
use crate::failure::{Class, Failure};
use crate::idempotency::*;
use crate::source::Source;
use crate::test::SqsEvent;

const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

fn mail(store: &Arc<MemoryIdempotency>, after_crash: AfterCrash) -> Effect {
    let effects = Effects::new(Arc::<MemoryIdempotency>::clone(store), "shop", RETENTION);
    Effect::new(effects, "mail", after_crash)
}

fn context() -> BatchContext {
    BatchContext::new(Duration::from_secs(10))
}

async fn number(text: &str) -> Result<u8, EffectError> {
    Ok(text.parse::<u8>()?)
}

#[tokio::test]
async fn it_runs_once_for_each_key_and_gets_the_key() {
    let store = Arc::new(MemoryIdempotency::default());
    let (mail, keys) = (mail(&store, AfterCrash::Hold), RefCell::new(Vec::new()));
    let send = async |order: &str| {
        let effect = async |key: &EffectKey| {
            keys.borrow_mut().push(key.to_string());
            Ok(order.len())
        };
        mail.run(order, &order, &context(), effect).await
    };
    assert_eq!(send("7").await, Ok(Ran::Applied(1)));
    assert_eq!(send("7").await, Ok(Ran::Duplicate(Kept::Result(1))));
    assert_eq!(send("8").await, Ok(Ran::Applied(1)));
    assert_eq!(*keys.borrow(), ["shop#mail#7", "shop#mail#8"]);
    assert_eq!(send("").await.unwrap_err().code(), "missing_key");
}

#[tokio::test]
async fn an_error_of_a_client_leaves_open_whether_the_effect_took_place() {
    for (after_crash, expected) in
        [(AfterCrash::RunAgain, Err("unclassified")), (AfterCrash::Hold, Ok(Ran::Held))]
    {
        let store = Arc::new(MemoryIdempotency::default());
        let context = lambda_context();
        let mail = mail(&store, after_crash);
        let ran = mail.run("7", &"x", &context, async |_| number("x").await).await;
        assert_eq!(ran.as_ref().map_err(Failure::code).cloned(), expected);
        let held = store.held(None).await.unwrap().effects.len();
        assert_eq!(held, usize::from(after_crash == AfterCrash::Hold));
    }
}

/// A request's invocation: the client repeats it, so an effect is held without an event.
fn lambda_context() -> lambda_runtime::Context {
    let mut context = lambda_runtime::Context::default();
    let end = jiff::Timestamp::now().as_millisecond() + 30_000;
    context.deadline = u64::try_from(end).unwrap();
    context
}

#[tokio::test]
async fn a_record_that_is_handled_is_kept_with_its_held_effect() {
    let store = Arc::new(MemoryIdempotency::default());
    let mail = mail(&store, AfterCrash::Hold);
    let handler = each!(1, async move |order: &String, context| {
        let sent = mail.run(order, order, context, async |_| number("lost").await).await?;
        Ok(sent.handled())
    });
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner = Runner::new(Source::Sqs, handler, "mailer", letters);
    let event = SqsEvent::new().message(r#""7""#).build();
    let report = runner.run(Invocation::new(&event, Duration::from_secs(10))).await;
    assert_eq!((report.counts.held, report.counts.total()), (1, 1));
    let held = store.held(None).await.unwrap().effects;
    assert_eq!(held[0].repeat.as_ref().unwrap().function, "mailer");
    // Without a delivery nothing could run it again, so it must come again.
    let other = Effect::new(
        Effects::new(Arc::<MemoryIdempotency>::clone(&store), "shop", RETENTION),
        "mail",
        AfterCrash::Hold,
    );
    let failed = other.run("8", &"8", &context(), async |_| number("lost").await).await;
    let failed = failed.unwrap_err();
    assert_eq!((failed.class(), failed.code()), (Class::Transient, "no_event"));
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_keeps_the_claim_of_a_long_effect() {
    let watched = Watched::new(Arc::new(MemoryIdempotency::default()));
    let effects = Effects::new(Arc::<Watched>::clone(&watched), "shop", RETENTION);
    let quiet = Effect::new(effects, "mail", AfterCrash::RunAgain);
    let beating = quiet.clone().heartbeat(Duration::from_secs(3));
    for (effect, order, extended) in [(quiet, "7", 0), (beating, "8", 2)] {
        let long = async |_: &EffectKey| {
            tokio::time::sleep(Duration::from_millis(2500)).await;
            Ok(7_u8)
        };
        assert_eq!(effect.run(order, &"x", &context(), long).await, Ok(Ran::Applied(7)));
        assert_eq!(watched.calls("extend"), extended);
    }
}
