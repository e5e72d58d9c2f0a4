//! One machine without servers: SQLite, jobs over HTTP, events from the feed.

use anyhow::{anyhow, ensure};
use serde_json::Value;

use crate::catalog::Figures;
use crate::drain::Drain;
use crate::rig::{Rig, Setup, Site};
use crate::sinks::Sinks;
use crate::usage::{Usage, WORKER};
use crate::worker::Worker;

pub(crate) async fn run(rig: &Rig) -> anyhow::Result<Figures> {
    let jobs = if rig.quick { "40" } else { "100" };
    let sinks = Sinks::cheap(rig).await?;
    let file = rig.folder.join("sqlite.db");
    for end in ["", "-wal", "-shm"] {
        // Of the last run, if there was one.
        drop(std::fs::remove_file(format!("{}{end}", file.display())));
    }
    let site = Site {
        database: format!("sqlite://{}", file.display()),
        amqp: None,
        events: Drain::W1.events,
        sms: sinks.sms.clone(),
        smtp: sinks.smtp.clone(),
        concurrency: 64,
        connections: 16,
    };
    let mut worker = Worker::start(rig, &site, "sqlite", "all")?;
    worker.ready().await?;
    let setup = Setup {
        file: Some(site.write(rig, "sqlite-key", worker.port)?),
        key: None,
    };
    let key: Value = serde_json::from_str(
        &rig.call(&["agency", "key", "oslo", "--json"], &setup)
            .await?,
    )?;
    let key = key["key"].as_str().ok_or_else(|| anyhow!("no API key"))?;
    let setup = Setup {
        file: None,
        key: Some(key.to_owned()),
    };
    let url = format!("http://127.0.0.1:{}", worker.port);
    let pid = format!("worker={}", worker.pid);
    let args = [
        "bench",
        "--url",
        &url,
        "--jobs",
        jobs,
        "--recipients",
        "1000",
        "--at-once",
        "4",
        "--sandboxed",
        "--pid",
        &pid,
        "--json",
    ];
    let pids = sinks
        .pids
        .iter()
        .map(|(name, pid)| ((*name).to_owned(), *pid));
    let mut usage = Usage::start(pids.chain([(WORKER.to_owned(), worker.pid)]));
    let report: Value = serde_json::from_str(&rig.call(&args, &setup).await?)?;
    usage.look();
    ensure!(
        report["complete"] == true,
        "not everything was settled: {report}"
    );
    worker.stop().await?;
    let number = |pointer: &str| {
        let found = report.pointer(pointer).and_then(Value::as_f64);
        found.ok_or_else(|| anyhow!("no {pointer} in {report}"))
    };
    let mut figures = Figures::default();
    let settled = number("/settled/notifications")?;
    figures.put("rate", number("/settled/per_second")?);
    figures.shares(&usage, settled);
    let peaks = report["processes"].as_array().into_iter().flatten();
    for process in peaks {
        let name = process["name"].as_str().unwrap_or_default();
        if let (Some(peak), "worker") = (process["memory_peak_mib"].as_f64(), name) {
            figures.put("memory", peak);
        }
        if let (Some(cpu), "bench") = (process["cpu_us_per_notification"].as_f64(), name) {
            figures.cpu.insert("bench".to_owned(), cpu);
        }
    }
    Ok(figures)
}
