//! Tells customers by e-mail what becomes of their orders, each piece of news once.

mod handler;
mod mail;
mod mailer;
mod news;
mod parts;
mod templates;

use std::process::ExitCode;

use mimalloc::MiMalloc;
use tidegate::batch::EachRecord;
use tidegate::function::Function;
use tidegate::source::Source;

use crate::parts::Parts;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let parts = Parts::from_settings(&mut function.settings);
    // An asynchronous invocation carries one event.
    function
        .run(Source::EventBridge, |aws| Some(EachRecord::new(parts?.notification(aws)?, 1)))
        .await
}
