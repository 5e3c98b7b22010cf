//! Arguments of the command line.

use std::path::PathBuf;

use clap::Parser;
use payment_simulator::Script;
use terminal::problem::Problem;

/// A payment provider for tests and demos. It listens on 127.0.0.1 and keeps everything in memory.
/// Its first line of output is its address.
#[derive(Debug, Parser)]
#[command(name = "payment-simulator", version, after_long_help = DETAILS)]
pub(crate) struct Arguments {
    /// Port; 0 takes a free one.
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    pub(crate) port: u16,

    /// JSON file with what to do wrong; see below.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,

    /// Seed of all chances; instead of the script's.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

const DETAILS: &str = r#"Calls (JSON; each POST needs the header `Idempotency-Key`):
  POST /payments                      {"reference": "536365", "amount": 1530, "currency": "GBP"}
                                      authorised, or declined with a reason
  POST /payments/536365/capture       captured, or refused with a reason
  POST /payments/536365/void          voided; nothing is authorised under this reference any more
  POST /refunds                       as /payments; refunded, or refused with a reason
  GET  /operations/KEY                the answer to the operation with this key; 404: not known
  GET  /report                        calls, look-ups, dropped answers, duplicate charges, sums
  POST /control/outage                {"down": true} begins an outage (status 503), false ends it

Script (every field may be absent):
  {
    "decline": ["536370"],            references that are declined
    "decline_one_in": 50,             of the others, one in 50, by a hash of the reference
    "refuse_capture": ["536371"],     references whose capture is refused
    "refuse_refund": ["C536379"],     references whose refund is refused
    "drop_percent": 5,                operations that are carried out, and whose answer is dropped
    "delay_milliseconds": 20,         time that an answer takes
    "delay_percent": 100,             operations whose answer takes that long
    "outages": [{"from_call": 100, "to_call": 200}],
    "seed": 1
  }

An operation that is asked for again with its key is answered as the first time. The same payment,
capture or refund with another key is carried out again, and counted as a duplicate charge."#;

impl Arguments {
    /// Reads the script.
    pub(crate) fn script(&self) -> Result<Script, Problem> {
        let mut script = match &self.script {
            None => Script::default(),
            Some(path) => {
                let wrong =
                    |problem: String| Problem::new(format!("{}: {problem}", path.display()));
                let text =
                    std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
                Script::parse(&text).map_err(wrong)?
            }
        };
        script.seed = self.seed.unwrap_or(script.seed);
        Ok(script)
    }
}
