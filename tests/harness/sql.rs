//! Databases that a server reads its apps from: a file, or a `PostgreSQL` of the test's own.

use std::env;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use tokio::runtime::{Builder, Runtime};

use crate::until;

/// The user that `PostgreSQL` runs as when the tests are root's, which it refuses.
const NOBODY: u32 = 65_534;

/// A folder that is there as long as this value lives.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static FOLDERS: AtomicU32 = AtomicU32::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("uringcast-sql-{}-{number}", process::id()));
        fs::create_dir(&path).expect("the temporary directory is writable");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Best effort: a folder left behind is no reason to hide why a test failed.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A database.
#[derive(Debug)]
pub struct Database {
    url: String,
    runtime: Runtime,
    postgres: Option<Postgres>,
    /// Removed after the server that works in it has ended.
    _folder: Folder,
}

impl Database {
    /// An empty `SQLite` database in a file.
    pub fn sqlite() -> Self {
        let folder = Folder::new();
        let path = folder.0.join("apps.db");
        fs::write(&path, "").expect("the folder is writable");
        Self::new(format!("sqlite://{}", path.display()), None, folder)
    }

    /// An empty `PostgreSQL` database in a server of its own; `None` where none is installed.
    pub fn postgres() -> Option<Self> {
        let folder = Folder::new();
        let postgres = Postgres::new(&folder.0)?;
        let socket = folder.0.display().to_string().replace('/', "%2F");
        let url = format!("postgres://postgres:{PASSWORD}@{socket}/postgres");
        let mut database = Self::new(url, Some(postgres), folder);
        database.restart();
        Some(database)
    }

    fn new(url: String, postgres: Option<Postgres>, folder: Folder) -> Self {
        install_default_drivers();
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("the system has room for a runtime");
        Self { url, runtime, postgres, _folder: folder }
    }

    /// What `registry.url` is to be.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Carries out statements, which must succeed.
    pub fn execute(&self, sql: &str) {
        self.try_execute(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// Ends the database's server at once; only with [`postgres`](Self::postgres).
    pub fn stop(&mut self) {
        self.postgres.as_mut().expect("the test has started PostgreSQL itself").stop();
    }

    /// Starts the database's server and waits until it answers.
    pub fn restart(&mut self) {
        self.postgres.as_mut().expect("the test has started PostgreSQL itself").start();
        until("PostgreSQL answers", || self.try_execute("SELECT 1").is_ok());
    }

    fn try_execute(&self, sql: &str) -> Result<(), sqlx::Error> {
        self.runtime.block_on(async {
            let mut connection = AnyConnection::connect(&self.url).await?;
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
            connection.close().await
        })
    }
}

const PASSWORD: &str = "secret-of-the-test";

/// A `PostgreSQL` server that listens in a folder only.
#[derive(Debug)]
struct Postgres {
    binaries: PathBuf,
    folder: PathBuf,
    child: Option<Child>,
}

impl Postgres {
    /// A fresh cluster in `folder`, or `None` where `PostgreSQL` is not installed.
    fn new(folder: &Path) -> Option<Self> {
        let installed = fs::read_dir("/usr/lib/postgresql").ok()?;
        let mut binaries = installed.filter_map(|version| Some(version.ok()?.path().join("bin")));
        let binaries = binaries.find(|path| path.join("initdb").exists())?;
        let password = folder.join("password");
        fs::write(&password, PASSWORD).expect("the folder is ours");
        if is_root() {
            for path in [folder, &password] {
                chown(path, Some(NOBODY), Some(NOBODY)).expect("root may change owners");
            }
        }
        let server = Self { binaries, folder: folder.to_owned(), child: None };
        let mut initdb = server.command("initdb");
        initdb.args(["--no-sync", "-U", "postgres", "-A", "scram-sha-256", "--pwfile"]);
        let output = initdb.arg(&password).arg("-D").arg(server.data()).output();
        let output = output.expect("initdb can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(server)
    }

    fn start(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let mut command = self.command("postgres");
        command.args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"]).arg(&self.folder);
        command.arg("-D").arg(self.data()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().expect("postgres can be started"));
    }

    fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // SAFETY: `kill` touches no memory of ours, and the child has not been waited for. On
        // SIGQUIT the server ends its own children and then itself, at once.
        let _ = unsafe { libc::kill(child.id().cast_signed(), libc::SIGQUIT) };
        drop(child.wait());
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.join(name));
        command.current_dir(&self.folder).env_clear().env("LC_ALL", "C");
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

fn is_root() -> bool {
    // SAFETY: it takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}
