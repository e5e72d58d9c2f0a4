//! The other side of the wire, in processes of their own: nginx or the sandbox takes the SMS,
//! Postfix' smtp-sink or the sandbox the e-mails.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::rig::Rig;

/// The sinks of one scenario; those started here are killed when dropped.
#[derive(Debug)]
pub(crate) struct Sinks {
    /// Where SMS go.
    pub(crate) sms: String,
    /// Where e-mails go.
    pub(crate) smtp: String,
    /// Their names and process ids.
    pub(crate) pids: Vec<(&'static str, u32)>,
    _children: Vec<Child>,
}

impl Sinks {
    /// As cheap as there are.
    pub(crate) async fn cheap(rig: &Rig) -> anyhow::Result<Self> {
        let (name, sms, child) = match nginx(rig).await {
            Some((url, child)) => ("nginx", url, child),
            None => {
                let (url, _, child) = sandbox(rig, &["--smtp", "off"]).await?;
                ("sandbox", url.ok_or_else(unheard)?, child)
            }
        };
        let pid = child.id().ok_or_else(|| anyhow!("the SMS sink ended"))?;
        Ok(Self {
            sms,
            smtp: rig.smtp.clone(),
            pids: vec![(name, pid), ("smtp-sink", rig.server_pid("smtp-sink")?)],
            _children: vec![child],
        })
    }

    /// The sandbox, whose answers take `latency`.
    pub(crate) async fn slow(rig: &Rig, latency: Duration) -> anyhow::Result<Self> {
        let millis = latency.as_millis().to_string();
        let (sms, smtp, child) = sandbox(rig, &["--latency", &millis]).await?;
        let pid = child.id().ok_or_else(|| anyhow!("the sandbox ended"))?;
        Ok(Self {
            sms: sms.ok_or_else(unheard)?,
            smtp: smtp.ok_or_else(unheard)?,
            pids: vec![("sandbox", pid)],
            _children: vec![child],
        })
    }
}

fn unheard() -> anyhow::Error {
    anyhow!("the sandbox did not say where it listens")
}

/// Both addresses as the sandbox says them.
async fn sandbox(
    rig: &Rig,
    args: &[&str],
) -> anyhow::Result<(Option<String>, Option<String>, Child)> {
    let mut command = Command::new(&rig.program);
    command.args(["sandbox", "--sms", "127.0.0.1:0"]);
    if !args.contains(&"--smtp") {
        command.args(["--smtp", "127.0.0.1:0"]);
    }
    let mut child = command
        .args(args)
        .current_dir(&rig.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("the sandbox does not start")?;
    let errors = child.stderr.take().ok_or_else(unheard)?;
    let mut lines = BufReader::new(errors).lines();
    let wants_mail = !args.contains(&"--smtp");
    let (mut sms, mut smtp) = (None, None);
    while sms.is_none() || (wants_mail && smtp.is_none()) {
        let line = tokio::time::timeout(Duration::from_secs(10), lines.next_line()).await;
        let line = line
            .context("the sandbox says nothing")??
            .ok_or_else(unheard)?;
        if let Some(url) = line.strip_prefix("SMS gateway: ") {
            sms = Some(url.to_owned());
        } else if let Some(url) = line.strip_prefix("mail server: ") {
            smtp = Some(url.to_owned());
        }
    }
    // What it says each second is read and forgotten, or its pipe would fill.
    drop(tokio::spawn(async move {
        while let Ok(Some(_)) = lines.next_line().await {}
    }));
    Ok((sms, smtp, child))
}

/// nginx, if it is there.
async fn nginx(rig: &Rig) -> Option<(String, Child)> {
    let port = Rig::free_port().ok()?;
    let folder = rig.folder.join("nginx");
    std::fs::create_dir_all(&folder).ok()?;
    let place = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|what| format!("  {what}_temp_path {place}/{what};\n"))
        .collect();
    let text = format!(
        "daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log {place}/error.log;\n\
         events {{ worker_connections 4096; }}\nhttp {{\n  access_log off;\n\
         \x20 keepalive_requests 100000000;\n  keepalive_timeout 300s;\n{temporary}\
         \x20 server {{\n    listen 127.0.0.1:{port} backlog=4096;\n    default_type application/json;\n\
         \x20   location / {{ return 200 '{{\"id\":\"$request_id\"}}'; }}\n  }}\n}}\n"
    );
    let config = folder.join("nginx.conf");
    std::fs::write(&config, text).ok()?;
    let child = Command::new("nginx")
        .arg("-c")
        .arg(&config)
        .arg("-p")
        .arg(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    for _ in 0..250 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_ok()
        {
            return Some((format!("http://127.0.0.1:{port}/sms"), child));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    None
}
