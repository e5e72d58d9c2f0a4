//! How long a notification takes through an idle fleet. `budstikke bench` publishes, is gateway and
//! mail server, and reads the events.

use anyhow::{anyhow, ensure};
use serde_json::Value;

use crate::broker::Broker;
use crate::catalog::Figures;
use crate::database::Database;
use crate::drain::Drain;
use crate::rig::{Rig, Setup, Site};
use crate::worker::Worker;

pub(crate) async fn run(rig: &Rig) -> anyhow::Result<Figures> {
    let jobs = if rig.quick { "500" } else { "1500" };
    let mut database = Database::fresh(rig).await?;
    let broker = Broker::connect(rig).await?;
    broker.clear().await?;
    let sms = format!("127.0.0.1:{}", Rig::free_port()?);
    let smtp = format!("127.0.0.1:{}", Rig::free_port()?);
    let site = Site {
        database: database.url.clone(),
        amqp: Some(rig.amqp.clone()),
        events: Drain::W1.events,
        sms: format!("http://{sms}/sms"),
        smtp: format!("smtp://{smtp}"),
        concurrency: 64,
        connections: 16,
    };
    let mut worker = Worker::start(rig, &site, "latency", "all")?;
    worker.ready().await?;
    database.settle().await?;
    let pid = format!("worker={}", worker.pid);
    let call = |jobs: &'static str| {
        let args = [
            "bench",
            "--amqp",
            &rig.agency_amqp,
            "--jobs",
            jobs,
            "--rate",
            "50/s",
            "--sink",
            "--sms-sink",
            &sms,
            "--smtp-sink",
            &smtp,
            "--pid",
            &pid,
            "--json",
        ];
        let args = args.map(str::to_owned);
        async move {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let output = rig.call(&args, &Setup::default()).await?;
            let report: Value = serde_json::from_str(&output)?;
            ensure!(
                report["complete"] == true,
                "not everything was settled: {report}"
            );
            anyhow::Ok(report)
        }
    };
    // What is slow only once is not what is measured: connections, plans, pages of the allocator.
    call("100").await?;
    let report = call(jobs).await?;
    worker.stop().await?;
    broker.close().await?;
    let mut figures = Figures::default();
    for (key, pointer) in [
        ("p50", "/latency_ms/taken_over/p50"),
        ("p99", "/latency_ms/taken_over/p99"),
        ("max", "/latency_ms/taken_over/max"),
        ("settled_p50", "/latency_ms/settled/p50"),
        ("settled_p99", "/latency_ms/settled/p99"),
    ] {
        let value = report.pointer(pointer).and_then(Value::as_f64);
        figures.put(
            key,
            value.ok_or_else(|| anyhow!("no {pointer} in {report}"))?,
        );
    }
    Ok(figures)
}
