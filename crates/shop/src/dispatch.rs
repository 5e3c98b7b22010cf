//! From the command line to the module that acts.

use std::process::ExitCode;

use terminal::problem::Problem;

use crate::arguments::{Arguments, Command, ImportFormat, OrderCommand};
use crate::ledger::options::LedgerCommand;
use crate::shipment::options::ShipmentCommand;
use crate::{
    check, generate, import, ledger, load, order, report, sales, shipment, summary, whole,
};

/// Runs the command.
///
/// # Errors
/// The command cannot do its work.
pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Problem> {
    let work = async {
        match arguments.command {
            Command::Import(ImportFormat::OnlineRetail { file, options }) => {
                import::online_retail(&options, &file).await
            }
            Command::Order(OrderCommand::Show(options)) => order::show(&options).await,
            Command::Ledger(LedgerCommand::Statement(options)) => ledger::statement(&options).await,
            Command::Ledger(LedgerCommand::Audit(options)) => ledger::audit(&options).await,
            Command::Shipment(ShipmentCommand::HandOver(options)) => {
                shipment::hand_over(&options).await
            }
            Command::Shipment(ShipmentCommand::Track(options)) => shipment::track(&options).await,
            Command::Sales(options) => sales::show(&options).await,
            Command::Generate(options) => generate::write(&options),
            Command::Check(options) if options.whole.shop => whole::check(&options).await,
            Command::Check(options) => check::check(&options).await,
            Command::Report(options) => report::report(&options).await,
            Command::Load(options) => load::load(&options).await,
            Command::Summary(options) => summary::summary(&options).await,
        }
    };
    tokio::runtime::Runtime::new()
        .map_err(|error| Problem::new(format!("the process cannot start threads: {error}")))?
        .block_on(work)
}
