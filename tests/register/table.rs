//! A process of `budstikke register serve` over a table.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use budstikke::adapters::clock::SystemClock;
use budstikke::adapters::sqlite::{SqliteSettings, SqliteStore};
use budstikke::ports::store::{ContactRow, Store};
use budstikke::sandbox::keys;
use budstikke::sandbox::krr::{Person, Profile};
use serde_json::Value;
use tempfile::TempDir;

/// Scopes that show a person whole.
const EVERYTHING: [&str; 2] = [
    "krr:global/kontaktinformasjon.read",
    "krr:global/digitalpost.read",
];

/// The table and the process that serves it.
pub struct Table {
    pub address: SocketAddr,
    store: Arc<dyn Store>,
    _process: Ended,
    _folder: TempDir,
}

/// A process that ends with this value.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Table {
    /// With a person of every profile in it, as the fake has.
    pub async fn new(issuer: &str, signed: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("register.db").display());
        let settings = SqliteSettings {
            url: url.clone(),
            clock: Arc::new(SystemClock),
        };
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open_shared(settings).await.unwrap());
        let key = if signed {
            let pem = keys::generate_pem().unwrap();
            std::fs::write(folder.path().join("key.pem"), pem).unwrap();
            "key_file = \"key.pem\""
        } else {
            ""
        };
        let config = format!(
            "[register]\nallow_synthetic = true\n[register.serve]\n{key}\n\
             [register.serve.maskinporten]\nissuer = \"{issuer}\"\n"
        );
        std::fs::write(folder.path().join("register.toml"), config).unwrap();
        let (process, address) = serve(folder.path(), &url);
        let table = Self {
            address,
            store,
            _process: process,
            _folder: folder,
        };
        for profile in Profile::ALL {
            // Whom the register does not know is in no table.
            if *profile != Profile::NotRegistered {
                table.add(&[Person::of(*profile)]).await;
            }
        }
        table
    }

    pub async fn add(&self, persons: &[Person]) {
        let rows: Vec<ContactRow> = persons
            .iter()
            .map(|person| ContactRow {
                person: person.number().clone(),
                document: person.shown_to(&EVERYTHING.map(str::to_owned)).to_string(),
            })
            .collect();
        self.store.put_contacts(&rows).await.unwrap();
    }
}

fn serve(folder: &Path, database: &str) -> (Ended, SocketAddr) {
    let process = Command::new(env!("CARGO_BIN_EXE_budstikke"))
        .args(["register", "serve", "--listen", "127.0.0.1:0", "--json"])
        .args(["--config", "register.toml"])
        .current_dir(folder)
        .env("BUDSTIKKE__DATABASE__URL", database)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut process = Ended(process.unwrap());
    let out = process.0.stdout.take().unwrap();
    // It goes on running: only the first document is waited for.
    let mut said = serde_json::Deserializer::from_reader(out).into_iter::<Value>();
    let said = said
        .next()
        .expect("register serve says where it is")
        .unwrap();
    let address = said["url"].as_str().unwrap().trim_start_matches("http://");
    (process, address.parse().unwrap())
}
