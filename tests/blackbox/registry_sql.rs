//! Apps in a database, and what happens when it changes or goes away.

use std::fs;

use uringcast_tests::{Api, App, Client, Database, Options, Raw, Server, skip, until};

/// The statement that makes the table, as operators are given it.
fn schema() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/apps.sql");
    fs::read_to_string(path).expect("the file is in the repository")
}

fn insert(name: &str, settings: &str) -> String {
    format!(
        "INSERT INTO apps (id, \"key\", secret, settings) \
         VALUES ('{name}', '{name}-key', '{name}-secret', '{settings}')"
    )
}

fn app(name: &str) -> App {
    App::new(name, &format!("{name}-key"), &format!("{name}-secret"))
}

fn start(database: &Database) -> Server {
    let file = format!(
        "[registry]\nurl = \"{}\"\nrefresh_s = 1\n[[apps]]\nid = \"file\"\nkey = \"file-key\"\n\
         secret = \"file-secret\"\n",
        database.url()
    );
    Server::start(Options::new().cores(2).config(&file))
}

fn status(server: &Server, name: &str) -> u16 {
    Api::with_app(server.address(), app(name)).get("/channels").status
}

fn client(server: &Server, name: &str) -> Client {
    Client::with_app(server.address(), app(name))
}

/// Rows come, change and go; what cannot be used changes nothing.
fn check_changes(database: &Database) {
    database.execute(&schema());
    database.execute(&insert("stays", "channel_name_max = 10"));
    database.execute(&insert("goes", "{\"origins\": []}"));
    let server = start(database);
    let [mut file, mut stays, mut goes] = ["file", "stays", "goes"].map(|it| client(&server, it));
    stays.subscribe("1234567890");
    stays.ask_subscribe("12345678901");
    stays.expect("pusher:subscription_error");
    stays.event(); // The error that goes with it.

    database.execute(&insert("comes", ""));
    until("the new app is served", || status(&server, "comes") == 200);
    database.execute("UPDATE apps SET enabled = FALSE WHERE id = 'goes'");
    goes.expect_close(4003);

    database.execute(&insert("bad", "client_event_rat = 1"));
    database.execute(&insert("late", ""));
    server.until_refused("reload");
    assert_eq!(status(&server, "late"), 404, "one bad row keeps all as they were");
    database.execute("DELETE FROM apps WHERE id IN ('bad', 'stays')");
    stays.expect_close(4001);
    until("the other core knows it, too", || status(&server, "late") == 200);
    file.expect_quiet();
}

#[test]
fn rows_of_sqlite_are_served_as_they_come_and_go() {
    check_changes(&Database::sqlite());
}

#[test]
fn rows_of_postgresql_are_served_as_they_come_and_go() {
    if let Some(database) = postgres() {
        check_changes(&database);
    }
}

#[test]
fn a_database_that_fails_leaves_the_last_apps_in_force() {
    let Some(mut database) = postgres() else { return };
    database.execute(&schema().replace("settings TEXT NOT NULL DEFAULT ''", "settings JSONB"));
    database.execute(&insert("a", "{\"client_event_rate\": 5}"));
    let mut server = start(&database);
    let mut connected = client(&server, "a");
    database.stop();
    server.until_refused("reload");
    connected.subscribe("room");
    client(&server, "a").subscribe("room");
    database.restart();
    database.execute("UPDATE apps SET id = 'b', \"key\" = 'b-key', secret = 'b-secret'");
    connected.expect_close(4001);
    until("the new app is served", || status(&server, "b") == 200);
    let errors = server.said();
    for (text, count) in [("cannot be read and stay as they were", 1), ("can be read again", 1)] {
        assert_eq!(errors.matches(text).count(), count, "{text}\n{errors}");
    }
}

#[test]
fn a_database_that_cannot_be_read_at_the_start_ends_it_with_69() {
    let database = Database::sqlite();
    let options = Options::new().config(&format!("[registry]\nurl = \"{}\"\n", database.url()));
    let (code, errors) = Server::refused(&options);
    assert_eq!(code, Some(69), "{errors}");
    assert!(errors.contains("registry.url cannot be read: "), "{errors}");
    assert!(errors.contains("no such table: apps"), "{errors}");
}

/// A database that was just set up serves nobody, and whoever comes is told so.
#[test]
fn a_table_without_rows_turns_clients_away_until_there_is_one() {
    let database = Database::sqlite();
    database.execute(&schema());
    let file = format!("[registry]\nurl = \"{}\"\nrefresh_s = 1\n", database.url());
    let server = Server::start(Options::new().config(&file));
    for _ in 0..2 {
        let path = "/app/first-key?protocol=7";
        let mut early = Client::open(server.address(), path, app("first"));
        early.expect_error(Some(4001));
        early.expect_close(4001);
    }
    database.execute(&insert("first", ""));
    until("the first app is served", || status(&server, "first") == 200);
    client(&server, "first").subscribe("room");
}

#[test]
fn rows_that_cannot_be_used_at_the_start_end_it_with_64() {
    let database = Database::sqlite();
    database.execute(&schema());
    database.execute(&insert("a", "client_event_rat = 1"));
    database.execute(&insert("file", ""));
    let file = "[[apps]]\nid = \"file\"\nkey = \"k\"\nsecret = \"s\"\n";
    let file = format!("[registry]\nurl = \"{}\"\n{file}", database.url());
    let (code, errors) = Server::refused(&Options::new().config(&file));
    assert_eq!(code, Some(64), "{errors}");
    for line in [
        "2 problems in the configuration:",
        "database app \"a\", settings line 1: apps.client_event_rat is not known; did you mean",
        "database app \"file\": two apps have the id \"file\", the first from",
    ] {
        assert!(errors.contains(line), "{line}\n{errors}");
    }
    assert!(!errors.contains("file-secret"), "{errors}");
}

#[test]
fn sighup_reads_the_table_at_once() {
    let database = Database::sqlite();
    database.execute(&schema());
    let file = format!("[registry]\nurl = \"{}\"\nrefresh_s = 3600\n", database.url());
    let server = Server::start(Options::new().config(&file));
    assert_eq!(status(&server, "a"), 404, "no app is served yet, which is no mistake");
    let mut early = Raw::upgrade(server.address(), "/app/a-key?protocol=7");
    early.expect_event("pusher:error");
    early.expect_close(4001);
    database.execute(&insert("a", ""));
    server.signal(libc::SIGHUP);
    until("the new app is served", || status(&server, "a") == 200);
}

/// `PostgreSQL`, or a line that says why there is none.
fn postgres() -> Option<Database> {
    let database = Database::postgres();
    if database.is_none() {
        skip("PostgreSQL is not installed in /usr/lib/postgresql");
    }
    database
}
