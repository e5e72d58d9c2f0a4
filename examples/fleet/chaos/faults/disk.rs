//! C-22: a disk that is full for a while. The fleet's tables lie on a small file system of their own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

use crate::chaos::world::World;
use crate::parts::fleet::Fleet;

/// Enough for the tables of a case.
const SIZE: &str = "size=96m,mode=0700";
const TABLESPACE: &str = "chaos_disk";
const FILLING: &str = "filling";

/// The file system and the tablespace on it.
#[derive(Debug)]
pub(in crate::chaos) struct SmallDisk {
    server: String,
    database: String,
    // Unmounted before its folder goes.
    mount: Mount,
    _folder: TempDir,
}

#[derive(Debug)]
struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open there ends soon.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

impl SmallDisk {
    /// Moves the fleet's database, which nobody uses yet, to a small disk.
    ///
    /// # Errors
    /// We may not mount, or the server refuses.
    pub(in crate::chaos) async fn under(server: &str, fleet: &Fleet) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("budstikke-disk.")?;
        let path = folder.path().to_owned();
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", SIZE, "tmpfs"])
            .arg(&path))
        .context("mounting a small file system needs root")?;
        let mount = Mount(path.clone());
        let mut sql = PgConnection::connect(server).await?;
        let data: String = sqlx::query_scalar("SHOW data_directory")
            .fetch_one(&mut sql)
            .await?;
        run(Command::new("chown")
            .arg(format!("--reference={data}"))
            .arg(&path))?;
        // The folder itself belongs to us only, and the server must reach through it.
        let (_, database) = fleet
            .database
            .rsplit_once('/')
            .context("a database's URL")?;
        for statement in [
            format!(
                "CREATE TABLESPACE {TABLESPACE} LOCATION '{}'",
                path.display()
            ),
            format!("ALTER DATABASE {database} SET TABLESPACE {TABLESPACE}"),
        ] {
            sql.execute(AssertSqlSafe(statement)).await?;
        }
        Ok(Self {
            server: server.to_owned(),
            database: database.to_owned(),
            mount,
            _folder: folder,
        })
    }

    fn filling(&self) -> PathBuf {
        self.mount.0.join(FILLING)
    }

    /// Gives everything back.
    pub(in crate::chaos) async fn end(self) {
        drop(std::fs::remove_file(self.filling()));
        if let Ok(mut sql) = PgConnection::connect(&self.server).await {
            for statement in [
                format!("DROP DATABASE {} WITH (FORCE)", self.database),
                format!("DROP TABLESPACE {TABLESPACE}"),
            ] {
                // The server is a private one and goes at the end anyway.
                drop(sql.execute(AssertSqlSafe(statement)).await);
            }
        }
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output()?;
    ensure!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Takes every free byte, for some seconds, again and again.
pub(super) async fn fill(world: &mut World, end: Instant) -> anyhow::Result<()> {
    let path = world.disk.as_ref().context("no small disk")?.filling();
    while Instant::now() < end {
        world.pause(1_000, 3_000).await;
        take_all(&path);
        world.hit("full disks");
        world.pause(2_000, 4_000).await;
        std::fs::remove_file(&path)?;
    }
    Ok(())
}

/// Writes until nothing fits.
fn take_all(path: &Path) {
    use std::io::Write as _;
    let Ok(mut file) = std::fs::File::create(path) else {
        return;
    };
    let zeros = vec![0; 64 * 1024];
    let mut size = zeros.len();
    while size > 0 {
        if file.write_all(&zeros[..size]).is_err() {
            size /= 2;
        }
    }
}
