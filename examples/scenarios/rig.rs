//! The private servers of `scripts/bench`, a folder, and the worker's configuration.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, anyhow, ensure};
use tokio::process::Command;

/// The agency's password at the private broker.
const PASSWORD: &str = "prove";

/// Everything that the scenarios share.
#[derive(Debug)]
pub(crate) struct Rig {
    /// Fewer messages.
    pub(crate) quick: bool,
    /// Tell what the database was asked most.
    pub(crate) statements: bool,
    /// The program under test.
    pub(crate) program: PathBuf,
    /// The superuser's URL.
    pub(crate) postgres: String,
    /// The administrator's URL.
    pub(crate) amqp: String,
    /// The agency's URL.
    pub(crate) agency_amqp: String,
    /// Postfix' sink.
    pub(crate) smtp: String,
    /// Logs, configurations, the SQLite database.
    pub(crate) folder: PathBuf,
    servers: PathBuf,
}

fn needed(name: &str) -> anyhow::Result<String> {
    std::env::var(name).map_err(|_missing| {
        anyhow!("{name} is not set: start this with scripts/bench, which starts the servers")
    })
}

impl Rig {
    /// Finds what `scripts/bench` has started and makes the agency known to the broker.
    pub(crate) async fn new(quick: bool, statements: bool) -> anyhow::Result<Self> {
        let here = std::env::current_exe().context("where this program is")?;
        // target/release/examples/scenarios beside target/release/budstikke
        let program = here
            .parent()
            .and_then(|examples| examples.parent())
            .map(|release| release.join("budstikke"))
            .filter(|program| program.exists())
            .ok_or_else(|| anyhow!("the program is not built: start this with scripts/bench"))?;
        let amqp = needed("TEST_AMQP_URL")?;
        let (_, host) = amqp
            .rsplit_once('@')
            .ok_or_else(|| anyhow!("TEST_AMQP_URL names no user"))?;
        let servers = PathBuf::from(needed("TEST_SERVERS_DIR")?);
        let rig = Self {
            quick,
            statements,
            program,
            postgres: needed("TEST_POSTGRES_URL")?,
            agency_amqp: format!("amqp://oslo:{PASSWORD}@{host}"),
            amqp,
            smtp: needed("TEST_SMTP_URL")?,
            folder: servers.join("bench"),
            servers,
        };
        std::fs::create_dir_all(&rig.folder)
            .with_context(|| format!("cannot make the folder {}", rig.folder.display()))?;
        let control = needed("TEST_RABBITMQCTL")?;
        for words in [
            format!("add_user oslo {PASSWORD}"),
            "set_permissions oslo '^$' '^budstikke\\.jobs$' '^budstikke\\.events\\.oslo$'".into(),
            "set_topic_permissions oslo budstikke.jobs '^oslo\\.(urgent|normal)$' '^$'".into(),
        ] {
            let done = Command::new("sh")
                .args(["-c", &format!("{control} {words}")])
                .stdin(Stdio::null())
                .output()
                .await?;
            let errors = String::from_utf8_lossy(&done.stderr);
            ensure!(done.status.success(), "rabbitmqctl: {errors}");
        }
        Ok(rig)
    }

    /// The process id of a private server: `postgres`, `rabbitmq` or `smtp-sink`.
    pub(crate) fn server_pid(&self, name: &str) -> anyhow::Result<u32> {
        let file = self.servers.join(format!("{name}.pid"));
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let pid = text
            .split_whitespace()
            .next()
            .and_then(|pid| pid.parse().ok());
        pid.ok_or_else(|| anyhow!("{} holds no process id", file.display()))
    }

    /// Runs the program to its end and gives its standard output.
    pub(crate) async fn call(&self, args: &[&str], setup: &Setup) -> anyhow::Result<String> {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(&self.folder);
        if let Some(config) = &setup.file {
            command.arg("--config").arg(config);
        }
        if let Some(key) = &setup.key {
            command.env("BUDSTIKKE_API_KEY", key);
        }
        let done = command
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        let errors = String::from_utf8_lossy(&done.stderr);
        let output = String::from_utf8(done.stdout).context("its output is no UTF-8")?;
        let word = args.first().copied().unwrap_or_default();
        ensure!(done.status.success(), "budstikke {word}: {errors}{output}");
        Ok(output)
    }

    /// A port that nobody has at this moment.
    pub(crate) fn free_port() -> anyhow::Result<u16> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        Ok(listener.local_addr()?.port())
    }
}

/// What a command of the program is given besides its words.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    /// `--config`.
    pub(crate) file: Option<PathBuf>,
    /// `BUDSTIKKE_API_KEY`.
    pub(crate) key: Option<String>,
}

/// A worker's configuration.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// `database.url`.
    pub(crate) database: String,
    /// `amqp.url`, if it has a broker.
    pub(crate) amqp: Option<String>,
    /// `agency.events`, as TOML.
    pub(crate) events: &'static str,
    /// Where SMS go.
    pub(crate) sms: String,
    /// Where e-mails go.
    pub(crate) smtp: String,
    /// Requests in flight to the gateway.
    pub(crate) concurrency: u32,
    /// Connections to the relay.
    pub(crate) connections: u32,
}

impl Site {
    /// The configuration, with rates far above what can be reached.
    pub(crate) fn write(&self, rig: &Rig, name: &str, port: u16) -> anyhow::Result<PathBuf> {
        let amqp = self
            .amqp
            .as_ref()
            .map_or_else(String::new, |url| format!("[amqp]\nurl = \"{url}\"\n"));
        let text = format!(
            "[database]\nurl = \"{}\"\n{amqp}\
             [http]\nlisten = \"127.0.0.1:{port}\"\nrate_per_key = 1000000.0\nburst_per_key = 1000000\n\
             [log]\nfilter = \"warn\"\n\
             [[agency]]\nid = \"oslo\"\nname = \"Oslo kommune\"\norg_number = \"958935420\"\n\
             kind = \"municipality\"\nbroker_user = \"oslo\"\nsms_sender = \"OsloKommune\"\n\
             email_from = \"Oslo kommune <varsel@oslo.example>\"\nurgent_per_hour = 1000000\nevents = {}\n\
             [[sms_gateway]]\nname = \"gateway\"\nkind = \"json\"\nurl = \"{}\"\nrate = 1000000.0\n\
             burst = 100000\nconcurrency = {}\n\
             [[email_relay]]\nname = \"relay\"\nurl = \"{}\"\nrate = 1000000.0\nburst = 100000\nconnections = {}\n",
            self.database, self.events, self.sms, self.concurrency, self.smtp, self.connections
        );
        let file = rig.folder.join(format!("{name}.toml"));
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }
}
