//! Apps from the rows of a database.

use super::*;
use crate::app::{AppKey, AuthPolicy, WebhookEvent};

const URL: (&str, &str) = ("URINGCAST_REGISTRY_URL", "sqlite://a");

fn row(id: &str, settings: &str) -> AppRow {
    AppRow {
        id: id.to_owned(),
        key: Some(format!("{id}-key")),
        secret: Some("hidden".to_owned()),
        is_enabled: true,
        settings: settings.to_owned(),
    }
}

fn apps(file: &str, rows: &[AppRow]) -> Result<Vec<App>, Vec<String>> {
    let file = TempFile::new(file);
    let problems = match load_file(&file, &[URL], &[]).unwrap().apps_with(rows) {
        Ok(apps) => return Ok(apps),
        Err(problems) => problems,
    };
    assert!(!problems.to_string().contains("hidden"), "{problems}");
    Err(problems.0.iter().map(|it| it.to_string().replace(file.path(), "FILE")).collect())
}

fn check_rows(file: &str, rows: &[AppRow], expected: &[&str]) {
    assert_eq!(apps(file, rows).unwrap_err(), expected);
}

#[test]
fn the_development_app_is_not_served_beside_a_database() {
    assert_eq!(apps("", &[]), Ok(Vec::new()));
    assert!(load("", &[URL], &["--host", "0.0.0.0"]).is_ok());
    assert_eq!(load("", &[], &[]).unwrap().apps_with(&[]).unwrap(), [development_app()]);
}

#[test]
fn a_row_is_an_app_in_toml_or_in_json() {
    let toml = "client_event_rate = 3\nauth = \"allow-all\"\norigins = [\"a\"]\n\
                [[webhooks]]\nurl = \"http://b\"\nevents = [\"cache_miss\"]\n";
    let json = r#" {"client_event_rate": 3, "auth": "allow-all", "origins": ["a"],
        "webhooks": [{"url": "http://b", "events": ["cache_miss"]}]}"#;
    let file = "[pusher]\nbatch_events_max = 4\n[[apps]]\nid = \"f\"\nkey = \"f\"\nsecret = \"s\"";
    let off = AppRow { is_enabled: false, ..row("off", "") };
    let found = apps(file, &[row("t", toml), row("j", json), off]).unwrap();
    let ids: Vec<&str> = found.iter().map(|app| &*app.id).collect();
    assert_eq!(ids, ["f", "t", "j", "off"]);
    let [_, from_toml, from_json, off] = &*found else { panic!("there are four") };
    assert_eq!(from_toml.primary(), &AppKey { key: "t-key".into(), secret: "hidden".into() });
    assert_eq!((from_toml.policy.client_event_rate, from_toml.policy.batch_events_max), (3, 4));
    assert_eq!((&from_toml.auth, from_toml.policy.enabled), (&AuthPolicy::AllowAll, true));
    assert_eq!(from_toml.webhooks[0].events, [WebhookEvent::CacheMiss]);
    let same = App { id: "j".into(), keys: from_json.keys.clone(), ..from_toml.clone() };
    assert_eq!(from_json, &same);
    assert!(!off.policy.enabled);
}

#[test]
fn several_keys_stand_in_the_settings() {
    let none = AppRow { key: None, secret: None, ..row("a", "") };
    let keys = r#"{"keys": [{"key": "n", "secret": "hidden"}, {"key": "o", "secret": "hidden"}]}"#;
    let app = apps("", &[AppRow { settings: keys.to_owned(), ..none.clone() }]).unwrap().remove(0);
    assert_eq!(app.keys.iter().map(|it| &*it.key).collect::<Vec<_>>(), ["n", "o"]);
    check_rows(
        "",
        &[none, row("b", keys)],
        &[
            "database app \"a\": [[apps]] lacks its key",
            "database app \"a\": [[apps]] lacks its secret",
            "database app \"b\": apps.key and apps.keys cannot both be there",
            "database app \"b\": apps.secret and apps.keys cannot both be there",
        ],
    );
}

#[test]
fn rows_that_cannot_be_used_are_reported() {
    let file =
        "[http]\nbody_bytes_max = 20000\n[[apps]]\nid = \"b\"\nkey = \"c-key\"\nsecret = \"s\"";
    check_rows(
        file,
        &[
            row("a/b", "\nclient_event_rat = 1\nid = \"c\"\nenabled = true"),
            row("b", "auth = deny\ndeflate = 5"),
            row("c", "{\"deflate\": tru}"),
            row("d", "{\"deflate\": null}"),
            row("e", "event_data_bytes_max = 20000"),
            row("c", ""),
        ],
        &[
            "database app \"a/b\": apps.id must be 1 to 128 letters, digits or any of - . _ ~",
            "database app \"a/b\": apps.key must be 1 to 128 letters, digits or any of - . _ ~",
            "database app \"a/b\", settings line 4: apps.enabled and the column enabled cannot \
             both be there",
            "database app \"a/b\", settings line 3: apps.id and the column id cannot both be there",
            "database app \"a/b\", settings line 2: apps.client_event_rat is not known; did you \
             mean apps.client_event_rate?",
            "database app \"b\", settings line 1: is not valid TOML: string values must be quoted, \
             expected literal string",
            "database app \"b\", settings line 2: apps.deflate must be true or false, not the \
             number 5",
            "database app \"c\": the column settings is not valid JSON: expected ident at line 1 \
             column 16",
            "database app \"d\": the column settings is not valid JSON: invalid type: null, \
             expected any valid TOML value at line 1 column 16",
            "FILE:2: http.body_bytes_max is 20000, but must be above apps.event_data_bytes_max, \
             which is 20000 (database app \"e\", settings line 1)",
            "database app \"b\": two apps have the id \"b\", the first from FILE:3",
            "database app \"c\": two apps have the key \"c-key\", the first from FILE:3",
        ],
    );
}

#[test]
fn rows_hold_at_their_limits_and_not_one_past_them() {
    let comment = |bytes: usize| row("a", &format!("#{}", "a".repeat(bytes - 1)));
    assert!(apps("", &[comment(65_536)]).is_ok());
    check_rows(
        "",
        &[comment(65_537)],
        &["database app \"a\": the column settings must be at most 65536 bytes"],
    );
    let few = "[registry]\napps_max = 2";
    assert_eq!(apps(few, &[row("a", ""), row("b", "")]).unwrap().len(), 2);
    let expected = ["database app \"c\": 3 apps are too many: at most 2 are allowed"];
    check_rows(few, &[row("a", ""), row("b", ""), row("c", "")], &expected);
}

#[test]
fn the_password_of_the_database_is_not_printed() {
    let file = "[registry]\nurl = \"postgres://user:hidden@127.0.0.1/db\"\nrefresh_s = 5";
    let printed = load(file, &[], &[]).unwrap().to_string();
    assert!(printed.contains("url = \"postgres://********@127.0.0.1/db\" # "), "{printed}");
    assert!(!printed.contains("hidden") && printed.contains("those of the database"), "{printed}");
    let real = printed.replace(form::SECRET_MASK, "user:hidden");
    assert_eq!(load(&real, &[], &[]).unwrap().config, load(file, &[], &[]).unwrap().config);
    assert_eq!(problems(&printed, &[], &[]).len(), 1);
}
