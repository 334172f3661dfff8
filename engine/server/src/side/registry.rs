//! The table of apps in a database, read whole and read again.
//!
//! The rows are small and few, so nothing is asked for by key: what was read last is the cache, and
//! a database that fails leaves it in force.

use std::io;
use std::time::Duration;

use crossbeam_channel::Sender;
use sqlx::any::{AnyRow, install_default_drivers};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::config::{AppRow, RegistryConfig};

/// What the database says, or why it says nothing.
pub type Rows = Result<Vec<AppRow>, String>;

/// What the side thread needs to read the table again and again.
#[derive(Debug)]
pub struct Watch {
    /// Where, and how often.
    pub config: RegistryConfig,
    /// The rows that were read before.
    pub known: Vec<AppRow>,
    /// Takes rows that have changed, every failure, and the first rows after one.
    pub rows: Sender<Rows>,
    /// Asks to read now.
    pub now: mpsc::Receiver<()>,
}

/// Asks for the table to be read now.
#[derive(Clone, Debug)]
pub struct Ask(mpsc::Sender<()>);

impl Ask {
    /// Ask; many before the read begins are one.
    pub fn ask(&self) {
        let _ = self.0.try_send(()); // If it is full, the table is about to be read anyway.
    }
}

/// Whoever asks, and where the watch hears it.
pub fn asking() -> (Ask, mpsc::Receiver<()>) {
    let (now, asked) = mpsc::channel(1);
    (Ask(now), asked)
}

/// Read the table once, on the calling thread, which waits.
///
/// # Errors
/// If this process cannot wait, which is told from a database that cannot be read.
pub fn read_once(config: &RegistryConfig) -> io::Result<Rows> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(Database::new(config.clone()).read()))
}

/// Read the table again and again, until nobody takes the rows.
pub(super) async fn watch(mut watch: Watch) {
    let mut database = Database::new(watch.config);
    let pause = Duration::from_secs(database.config.refresh_s.into());
    let mut has_failed = false;
    loop {
        tokio::select! {
            () = sleep(pause) => {}
            Some(()) = watch.now.recv() => {}
        }
        let rows = database.read().await;
        let is_news = rows.as_ref().map_or(true, |rows| has_failed || *rows != watch.known);
        has_failed = rows.is_err();
        if let Ok(rows) = &rows {
            watch.known.clone_from(rows);
        }
        if is_news && watch.rows.send(rows).is_err() {
            return;
        }
    }
}

/// A connection that is made when it is needed, and again after it broke.
struct Database {
    config: RegistryConfig,
    connection: Option<AnyConnection>,
}

impl Database {
    fn new(config: RegistryConfig) -> Self {
        install_default_drivers(); // Once for the process; later calls change nothing.
        Self { config, connection: None }
    }

    async fn read(&mut self) -> Rows {
        let patience = Duration::from_secs(self.config.timeout_s.into());
        let rows = match timeout(patience, self.try_read()).await {
            Ok(rows) => rows.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", self.config.timeout_s)),
        };
        if rows.is_err() {
            self.connection = None;
        }
        rows
    }

    async fn try_read(&mut self) -> Result<Vec<AppRow>, sqlx::Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => AnyConnection::connect(&self.config.url).await?,
        };
        let query = query(self.config.apps_max);
        let rows = sqlx::query(AssertSqlSafe(query)).fetch_all(&mut connection).await?;
        let rows = rows.iter().map(app_row).collect();
        self.connection = Some(connection);
        rows
    }
}

/// One row more than may be served, and one character more than may stand in each column, so that
/// what is too much shows and no more than that is held.
///
/// Everything is cast to text: that is what the two databases agree on, and `settings` may be
/// `jsonb`.
fn query(apps_max: u32) -> String {
    let text =
        |column, chars_max: u32| format!("SUBSTR(CAST({column} AS TEXT), 1, {})", chars_max + 1);
    format!(
        "SELECT {}, {}, {}, CASE WHEN enabled THEN 'true' ELSE 'false' END, {} \
         FROM apps ORDER BY id LIMIT {}",
        text("id", 128),
        text("\"key\"", 128),
        text("secret", 256),
        text("settings", 65_536),
        apps_max + 1
    )
}

fn app_row(row: &AnyRow) -> Result<AppRow, sqlx::Error> {
    let text = |index: usize| row.try_get::<Option<String>, _>(index);
    Ok(AppRow {
        id: text(0)?.unwrap_or_default(),
        key: text(1)?,
        secret: text(2)?,
        is_enabled: text(3)?.as_deref() == Some("true"),
        settings: text(4)?.unwrap_or_default(),
    })
}
