//! C-22: a disk that is full for a while. The fleet's tables lie on a small file system of their own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

use crate::chaos::world::World;
use crate::parts::fleet::Fleet;
use crate::parts::steady::until;
use crate::parts::worker::read;

/// Enough for the tables of a case.
const SIZE: &str = "size=96m,mode=0700";
const FILLING: &str = "filling";
/// A full disk is noticed by some worker within this.
const NOTICED: Duration = Duration::from_secs(15);

/// What the tablespace of a database is called.
pub(in crate::chaos) fn tablespace(database: &str) -> String {
    format!("{database}_disk")
}

/// The file system under the tablespace. It is unmounted when this is dropped.
#[derive(Debug)]
pub(in crate::chaos) struct SmallDisk {
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
        let (_, database) = fleet
            .database
            .rsplit_once('/')
            .context("a database's URL")?;
        let tablespace = tablespace(database);
        for statement in [
            format!(
                "CREATE TABLESPACE {tablespace} LOCATION '{}'",
                path.display()
            ),
            format!("ALTER DATABASE {database} SET TABLESPACE {tablespace}"),
        ] {
            sql.execute(AssertSqlSafe(statement)).await?;
        }
        Ok(Self {
            mount,
            _folder: folder,
        })
    }

    fn filling(&self) -> PathBuf {
        self.mount.0.join(FILLING)
    }

    /// Gives the space back, whatever happened.
    pub(in crate::chaos) fn free(&self) {
        drop(std::fs::remove_file(self.filling()));
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

/// Takes every free byte until some worker was told so by the database, and a while longer; again
/// and again.
pub(super) async fn fill(world: &mut World, end: Instant) -> anyhow::Result<()> {
    let path = world.disk.as_ref().context("no small disk")?.filling();
    while Instant::now() < end {
        world.pause(1_000, 3_000).await;
        let before = refusals(world);
        take_all(&path);
        world.hit("full disks");
        let noticed = until(NOTICED, || refusals(world) > before).await;
        world.pause(1_000, 3_000).await;
        std::fs::remove_file(&path)?;
        ensure!(noticed, "no worker noticed that the disk was full");
    }
    world
        .thrown
        .insert("statements without room", refusals(world));
    Ok(())
}

/// How often a worker has told that the store refuses; nothing else is wrong with it in this case.
fn refusals(world: &World) -> u64 {
    let of = |log: &PathBuf| read(log).matches("the store cannot be reached").count();
    world.fleet.logs().iter().map(of).sum::<usize>() as u64
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
