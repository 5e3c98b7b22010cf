//! Measures the CPU of the engine while the reference system is idle.

use std::path::Path;
use std::time::Duration;

use benchmarks::problem::Problem;
use tokio::process::Command;

use crate::emulator::Emulator;
use crate::engine::Engine;
use crate::many::idle_share;
use crate::throughput::Lab;

/// Invoices that the shop handles first, so that its functions have run.
const INVOICES: &str = "20";

impl Lab {
    /// Returns the share of a core that the engine uses during `watched`, with the whole shop
    /// running.
    pub(crate) async fn idle(
        &self,
        bin_dir: &Path,
        repository: &Path,
        watched: Duration,
    ) -> Result<f64, Problem> {
        let directory = tempfile::tempdir()?;
        let emulator = Emulator::start(&self.tools).await?;
        let topology = repository.join("infra/topology.auto.tfvars");
        let state = directory.path().join("state");
        let arguments = [Path::new("--bin-dir"), bin_dir];
        let engine =
            Engine::start(&self.tidegate, &topology, emulator.aws.endpoint(), &state, &arguments)
                .await?;
        let said = |mut command: Command| async move {
            let output = command
                .env("TIDEGATE_STATE", &state)
                .env_remove("AWS_ENDPOINT_URL")
                .output()
                .await?;
            let what = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.success() { Ok(()) } else { Err(Problem::new(what)) }
        };
        let mut import = Command::new(bin_dir.join("shop"));
        import
            .args(["import", "online-retail"])
            .arg(repository.join("events/invoices/online-retail-sample.csv.gz"));
        import.args(["--limit", INVOICES]);
        said.clone()(import).await?;
        let mut wait = Command::new(&self.tidegate);
        wait.args(["local", "wait"]);
        said(wait).await?;
        let share = idle_share(&engine, watched).await?;
        engine.stop().await?;
        emulator.stop().await?;
        Ok(share)
    }
}
