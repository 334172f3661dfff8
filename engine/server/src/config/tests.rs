//! The layers, their order, and what is refused.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, process};

use super::field::Written;
use super::key::{Key, Place};
use super::keys::{KEYS, SECTIONS};
use super::networks::NETWORKS_MAX;
use super::*;
use crate::setting::{Kind, Value};

mod apps;
mod environment;
mod gateway;
mod history;
mod rows;
mod sinks;

/// A configuration file that is removed with its owner.
struct TempFile(PathBuf);

impl TempFile {
    fn new(text: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("uringcast-config-{}-{number}.toml", process::id());
        let path = env::temp_dir().join(name);
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn load(file: &str, variables: &[(&str, &str)], flags: &[&str]) -> Result<Effective, Problems> {
    load_file(&TempFile::new(file), variables, flags)
}

fn load_file(
    file: &TempFile,
    variables: &[(&str, &str)],
    flags: &[&str],
) -> Result<Effective, Problems> {
    let line = ["uringcast", "serve", "--config", file.path()].into_iter();
    let command = Command::parse(line.chain(flags.iter().copied()).map(OsString::from)).unwrap();
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    Config::load(command.options().unwrap(), variables)
}

/// The problems as lines, with `FILE` for the path.
fn problems(file: &str, variables: &[(&str, &str)], flags: &[&str]) -> Vec<String> {
    let file = TempFile::new(file);
    let problems = load_file(&file, variables, flags).unwrap_err().0;
    problems.iter().map(|problem| problem.to_string().replace(file.path(), "FILE")).collect()
}

fn check(file: &str, variables: &[(&str, &str)], flags: &[&str], expected: &[&str]) {
    assert_eq!(problems(file, variables, flags), expected);
}

fn app(id: &str, key: &str, secret: &str) -> App {
    App::new(id, key, secret)
}

#[test]
fn nothing_configured_is_the_development_app_on_loopback() {
    let config = load("", &[], &[]).unwrap().config;
    assert_eq!(config, Config::default());
    assert!(config.is_development());
    assert_eq!(config.apps, [app("app-id", "app-key", "app-secret")]);
}

#[test]
fn flags_win_over_the_environment_which_wins_over_the_file() {
    let file = "[server]\nport = 1001\ncores = 1\ndrain_timeout_s = 11\n[http]\nidle_timeout_s = 5";
    let variables = [("PORT", "1002"), ("URINGCAST_SERVER_CORES", "2")];
    let effective = load(file, &variables, &["--port", "1003"]).unwrap();
    let server = effective.config.server;
    assert_eq!((server.port, server.cores, server.drain_timeout_s), (1003, 2, 11));
    assert_eq!(effective.config.http.idle_timeout_s, 5);
    assert_eq!(effective.config.connection, ConnectionConfig::default());
}

#[test]
fn the_long_variable_wins_over_its_alias() {
    let variables = [("URINGCAST_SERVER_PORT", "7"), ("PORT", "8"), ("HOST", "::1")];
    let server = load("", &variables, &[]).unwrap().config.server;
    assert_eq!((server.port, server.host.to_string().as_str()), (7, "::1"));
}

#[test]
fn an_empty_variable_is_not_set() {
    assert_eq!(
        load("", &[("PORT", ""), ("PUSHER_APP_ID", "")], &[]).unwrap().config.server.port,
        6001
    );
}

#[test]
fn the_metrics_stay_on_loopback_wherever_clients_are_heard() {
    let host = |flags: &[&str]| {
        load("", &[], &[&["--app", "a:k:s", "--host", "0.0.0.0"], flags].concat())
            .map(|it| it.config.server.metrics_host.to_string())
    };
    assert_eq!(host(&[]).unwrap(), "127.0.0.1");
    assert_eq!(host(&["--metrics-host", "::"]).unwrap(), "::");
}

#[test]
fn an_optional_port_can_be_off_in_every_layer() {
    let port = |file, variables: &[_], flags: &[_]| {
        load(file, variables, flags).unwrap().config.server.metrics_port
    };
    let file = "[server]\nmetrics_port = \"off\"";
    assert_eq!(port(file, &[], &[]), None);
    assert_eq!(port(file, &[("URINGCAST_SERVER_METRICS_PORT", "0")], &[]), Some(0));
    assert_eq!(port("", &[], &["--metrics-port", "off"]), None);
    let echo = load("", &[], &["--test-echo-port", "0"]).unwrap().config.server.test_echo_port;
    assert_eq!(echo, Some(0));
}

#[test]
fn localhost_is_an_address() {
    let host = load("", &[("HOST", "localhost")], &[]).unwrap().config.server.host;
    assert_eq!(host, Config::default().server.host);
}

/// The least and the greatest number that may stand under `key`, if it takes numbers.
fn range(key: &Key) -> Option<(u32, u32)> {
    match key.row.kind {
        Kind::Number { min, max, .. } => Some((min, max)),
        Kind::Port => Some((0, u16::MAX.into())),
        Kind::Switch | Kind::Text(_) => None,
    }
}

/// What `config` holds under `key`.
fn value(key: &Key, config: &Config) -> Value {
    match &key.place {
        Place::Config(field) => field.value(config),
        Place::Policy(field) => field.value(&config.pusher),
    }
}

#[test]
fn networks_are_an_array_or_one_string_with_commas() {
    let proxies = |text: &str| load(text, &[], &[]).map(|it| it.config.server.trusted_proxies);
    let expected: Vec<ipnet::IpNet> =
        ["192.0.2.7/32", "10.0.0.0/8", "2001:db8::/32"].map(|it| it.parse().unwrap()).into();
    for value in [
        r#"["192.0.2.7", "10.1.2.3/8", "2001:db8::/32"]"#,
        r#""192.0.2.7,10.0.0.0/8 , 2001:db8::/32""#,
    ] {
        let found = proxies(&format!("server.trusted_proxies = {value}")).unwrap();
        assert_eq!(*found, expected, "{value}");
    }
    for none in ["", "server.trusted_proxies = []", "server.trusted_proxies = \"\""] {
        assert_eq!(*proxies(none).unwrap(), [], "{none}");
    }
    let many = |count| format!("server.trusted_proxies = \"{}\"", vec!["::1"; count].join(","));
    assert_eq!(proxies(&many(NETWORKS_MAX)).unwrap().len(), NETWORKS_MAX);
    for wrong in [&many(NETWORKS_MAX + 1), "server.trusted_proxies = [1]"] {
        assert!(proxies(wrong).is_err(), "{wrong}");
    }
    check(
        "[server]\ntrusted_proxies = [\"10.0.0.0/33\"]\nhost = [\"127.0.0.1\"]",
        &[],
        &[],
        &[
            "FILE:2: server.trusted_proxies must be up to 64 addresses or networks, as one string \
             or an array, not the array [10.0.0.0/33]",
            "FILE:3: server.host must be an IPv4 or IPv6 address, or localhost, not the array \
             [127.0.0.1]",
        ],
    );
}

#[test]
fn origins_are_a_list_or_all_or_none() {
    let origins = |text: &str| {
        let file = format!("[http]\ncors_origins = \"{text}\"");
        load(&file, &[], &[]).unwrap().config.http.cors_origins.to_string()
    };
    assert_eq!(origins("*"), "*");
    assert_eq!(origins("off"), "off");
    assert_eq!(origins("https://a.example,http://b"), "https://a.example, http://b");
    for written in ["\"a.example\"", "\"*, https://a\"", "7"] {
        let [problem] = &*problems(&format!("http.cors_origins = {written}"), &[], &[]) else {
            panic!("one mistake is one problem");
        };
        assert!(problem.contains("http.cors_origins must be * alone"), "{problem}");
    }
}

#[test]
fn every_number_holds_at_its_limits_and_not_one_past_them() {
    for key in KEYS.iter() {
        let Some((min, max)) = range(key) else { continue };
        let mut config = Config::default();
        for number in [min, max] {
            key.write(&mut config, Written::Integer(number.into())).unwrap();
            assert_eq!(value(key, &config), Value::Number(number.into()), "{}", key.path());
        }
        for number in [i128::from(min) - 1, i128::from(max) + 1] {
            let fault = key.write(&mut config, Written::Integer(number)).unwrap_err();
            assert!(matches!(fault, ValueFault::OutOfRange { .. }), "{}: {fault}", key.path());
        }
    }
}

#[test]
fn every_key_is_read_from_the_file_and_from_the_environment() {
    for key in KEYS.iter() {
        let text = match value(key, &Config::default()) {
            Value::Number(number) => (number + 1).to_string(),
            Value::Off => "12345".to_owned(),
            Value::Switch(is_on) => (!is_on).to_string(),
            Value::Text(_) if ["host", "metrics_host"].contains(&key.name) => "::1".to_owned(),
            Value::Text(_) if key.name == "trusted_proxies" => "192.0.2.0/24".to_owned(),
            Value::Text(_) if key.name == "cors_origins" => {
                "https://a.example, http://b.example:8080".to_owned()
            }
            Value::Text(_) if key.section == "registry" => "sqlite://x".to_owned(),
            Value::Text(_) if key.name == "driver" => "file".to_owned(),
            Value::Text(_) if key.name == "recover" => "skip".to_owned(),
            Value::Text(_) if key.name == "history" => "x-*".to_owned(),
            Value::Text(_) if key.name == "authorize" => "open".to_owned(),
            Value::Text(_) if key.section == "zps" => "x".to_owned(),
            Value::Text(_) => "/x".to_owned(),
        };
        let mut expected = Config::default();
        key.write(&mut expected, Written::Text(&text)).unwrap();
        // Who asks for equality with a token's `sub` must be able to read tokens.
        let needed = match key.name {
            "subscriber_must_match_sub" => "zps.jwt_secret = \"x\"\n",
            _ => "",
        };
        if !needed.is_empty() {
            expected.zps.jwt_secret = "x".to_owned();
        }
        if expected.has_database() {
            expected.apps.clear();
        } else {
            expected.apps[0].policy = expected.pusher.clone();
            expected.apps[0].history = expected.log.history_rules();
        }
        assert_ne!(expected, Config::default(), "{} must change something", key.path());

        let is_quoted = matches!(key.row.kind, Kind::Text(_));
        let quote = if is_quoted { "\"" } else { "" };
        let file = format!("{needed}{} = {quote}{text}{quote}", key.path());
        assert_eq!(load(&file, &[], &[]).unwrap().config, expected, "{file}");
        let variable = key.variable();
        let effective = load(needed, &[(&variable, &text)], &[]).unwrap();
        assert_eq!(effective.config, expected, "{variable}");
        if let Some(flag) = key.row.flag {
            let effective = load(needed, &[], &[&format!("--{flag}"), &text]).unwrap();
            assert_eq!(effective.config, expected, "--{flag}");
        }
    }
}

#[test]
fn every_key_is_in_one_section_and_has_one_name() {
    for (index, key) in KEYS.iter().enumerate() {
        assert!(SECTIONS.iter().any(|(section, _)| *section == key.section), "{}", key.path());
        assert!(KEYS[..index].iter().all(|other| other.path() != key.path()), "{}", key.path());
    }
}

#[test]
fn unknown_names_are_reported_with_the_nearest_known_one() {
    check(
        "top = 1\n[server]\nprot = 1\n[conection]\npong_timeout_s = 3\n[http.deep]\nvery = 2",
        &[("URINGCAST_SERVER_CORE", "1"), ("URINGCAST_SERVICE_HOST", "10.0.0.1")],
        &[],
        &[
            "FILE:1: top is not known",
            "FILE:3: server.prot is not known; did you mean server.port?",
            "FILE:5: conection.pong_timeout_s is not known; did you mean \
             connection.pong_timeout_s?",
            "FILE:7: http.deep.very is not known",
            "environment URINGCAST_SERVER_CORE: URINGCAST_SERVER_CORE is not known; did you mean \
             URINGCAST_SERVER_CORES?",
        ],
    );
}

#[test]
fn wrong_types_are_reported() {
    check(
        "[server]\nhost = 1\nport = \"1\"\ncores = 1.5\nmetrics_port = false\n[http]\n\
         head_bytes_max = [1]\nbody_bytes_max = 99999999999999999999",
        &[("HOST", "example.org")],
        &["--port", "six"],
        &[
            "FILE:2: server.host must be an IPv4 or IPv6 address, or localhost, not the number 1",
            "FILE:3: server.port must be a whole number, not the string \"1\"",
            "FILE:4: server.cores must be a whole number, not a float",
            "FILE:5: server.metrics_port must be a whole number or \"off\", not a boolean",
            "FILE:7: http.head_bytes_max must be a whole number, not an array",
            "FILE:8: http.body_bytes_max is 99999999999999999999, but must be 1024 to 67108864 \
             (bytes)",
            "environment HOST: server.host must be an IPv4 or IPv6 address, or localhost, not \
             \"example.org\"",
            "flag --port: server.port must be a whole number, not \"six\"",
        ],
    );
}

#[test]
fn a_section_must_be_a_table() {
    let expected = ["FILE:1: server must be a table, not the number 1"];
    check("server = 1", &[], &[], &expected);
}

#[test]
fn values_out_of_range_are_reported_with_the_range() {
    check(
        "[connection]\nactivity_timeout_s = 0",
        &[("URINGCAST_CORE_URING_ENTRIES", "1")],
        &["--cores", "257", "--drain-timeout", "-1"],
        &[
            "FILE:2: connection.activity_timeout_s is 0, but must be 1 to 3600 (seconds)",
            "environment URINGCAST_CORE_URING_ENTRIES: core.uring_entries is 1, but must be 256 to \
             32768 (entries)",
            "flag --cores: server.cores is 257, but must be 0 to 256 (cores)",
            "flag --drain-timeout: server.drain_timeout_s is -1, but must be 1 to 3600 (seconds)",
        ],
    );
}

#[test]
fn values_that_do_not_go_together_are_reported_with_both_places() {
    check(
        "[server]\ndrain_window_ms = 3000\n[connection]\noutbox_bytes_soft = 2097152",
        &[],
        &["--drain-timeout", "3", "--metrics-port", "6001"],
        &[
            "FILE:2: server.drain_window_ms is 3000, but must be shorter than \
             server.drain_timeout_s, which is 3 (flag --drain-timeout)",
            "flag --metrics-port: server.metrics_port is 6001, but must differ from server.port, \
             which is 6001 (default)",
            "default: connection.outbox_bytes_max is 1048576, but must be above \
             connection.outbox_bytes_soft, which is 2097152 (FILE:4)",
        ],
    );
    check(
        "[zps]\nsubscriber_must_match_sub = true",
        &[],
        &[],
        &["FILE:2: zps.subscriber_must_match_sub is true, but must be false without \
           zps.jwt_public_key_file, zps.jwks_file or zps.jwt_secret, which is \"\" (default)"],
    );
    for key in ["jwt_public_key_file", "jwks_file", "jwt_secret"] {
        let text = format!("[zps]\nsubscriber_must_match_sub = true\n{key} = {:?}", "k".repeat(32));
        assert!(load(&text, &[], &[]).is_ok(), "{key}");
    }
    assert!(load("[server]\ndrain_window_ms = 2999", &[], &["--drain-timeout", "3"]).is_ok());
    assert!(
        load("", &[], &["--port", "0", "--metrics-port", "0", "--test-echo-port", "0"]).is_ok()
    );
}

#[test]
fn a_short_drain_timeout_shortens_the_window_that_nobody_set() {
    let window = |flags: &[_]| load("", &[], flags).unwrap().config.server.drain_window_ms;
    assert_eq!(window(&["--drain-timeout", "1"]), 500);
    assert_eq!(window(&["--drain-timeout", "2"]), 1000);
    assert_eq!(window(&["--drain-timeout", "60"]), 1000);
}

#[test]
fn every_rule_holds_for_the_defaults_and_names_known_keys() {
    for rule in rules::RULES {
        assert!((rule.holds)(&Config::default()), "{} {}", rule.key, rule.other_key);
        for name in [rule.key, rule.other_key] {
            assert!(KEYS.iter().any(|key| key.path() == name), "{name}");
        }
    }
}

#[test]
fn a_rule_is_not_judged_on_a_value_that_is_wrong_already() {
    let expected = ["FILE:2: connection.outbox_bytes_max is 1, but must be 1024 to 1073741824 \
                     (bytes)"];
    check("[connection]\noutbox_bytes_max = 1", &[], &[], &expected);
}

#[test]
fn syntax_errors_are_reported_with_the_problems_around_them() {
    check(
        "[server]\nhost = 127.0.0.1\nport = 1\nport = 2\nprot = 3",
        &[("PORT", "x")],
        &[],
        &[
            "FILE:2: is not valid TOML: invalid float, expected nothing",
            "FILE:4: is not valid TOML: duplicate key",
            "FILE:5: server.prot is not known; did you mean server.port?",
            "environment PORT: server.port must be a whole number, not \"x\"",
        ],
    );
}

#[test]
fn after_a_broken_table_header_nothing_else_of_the_file_is_judged() {
    let expected = ["FILE:1: is not valid TOML: unclosed table, expected `]`"];
    check("[server\nport = 1\ntop = 1", &[], &[], &expected);
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem() {
    let line = ["uringcast", "serve", "--config", "/nowhere/at/all.toml"].map(OsString::from);
    let command = Command::parse(line).unwrap();
    let problems = Config::load(command.options().unwrap(), []).unwrap_err();
    let text = problems.to_string();
    assert!(text.starts_with("1 problem in the configuration:\n  /nowhere/at/all.toml: cannot be"));
}

#[test]
fn a_variable_that_is_not_utf_8_is_a_problem() {
    use std::os::unix::ffi::OsStringExt;
    let variables = [(OsString::from("PORT"), OsString::from_vec(vec![0xff]))];
    let problems = Config::load(&Options::default(), variables).unwrap_err();
    assert_eq!(problems.0[0].to_string(), "environment PORT: is not valid UTF-8");
}

#[test]
fn the_printed_defaults_are_a_file_that_yields_the_defaults() {
    let printed = load("", &[], &[]).unwrap().to_string();
    assert_eq!(load(&printed, &[], &[]).unwrap().config, Config::default());
}

/// An escape of Rust's is none of TOML's.
#[test]
fn a_printed_path_is_read_as_the_same_path() {
    let config = |text: &str| load(text, &[], &[]).unwrap();
    let effective = config("webhook.dead_letter_file = 'a\"\\\u{301}'");
    assert_eq!(config(&effective.to_string()).config, effective.config);
}

#[test]
fn the_printed_form_names_sources_and_hides_secrets() {
    let effective = load(
        "[http]\nidle_timeout_s = 5",
        &[("PORT", "7000")],
        &["--cores", "2", "--app", "one:1k:hidden", "--metrics-port", "off"],
    )
    .unwrap();
    let printed = effective.to_string();
    for line in
        ["port = 7000 # environment PORT", "cores = 2 # flag --cores", "[[apps]] # flag --app"]
    {
        assert!(printed.lines().any(|other| other == line), "{line} is missing:\n{printed}");
    }
    assert!(printed.contains("idle_timeout_s = 5 # /"), "{printed}");
    assert!(!printed.contains("hidden"), "{printed}");
    assert_eq!(
        problems(&printed, &[], &[]).len(),
        1,
        "a masked secret cannot be taken for a real one"
    );
    let real = printed.replace(form::SECRET_MASK, "hidden");
    assert_eq!(load(&real, &[], &[]).unwrap().config, effective.config);
}

/// The example file is the printed defaults with an introduction. `UPDATE_EXAMPLE=1` rewrites it.
#[test]
fn the_example_file_documents_every_key_with_its_unit_and_default() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../uringcast.example.toml");
    let expected = example::example();
    if env::var_os("UPDATE_EXAMPLE").is_some() {
        fs::write(path, &expected).unwrap();
    }
    let example = fs::read_to_string(path).unwrap();
    assert_eq!(example, expected, "UPDATE_EXAMPLE=1 writes the file anew");
    assert_eq!(load(&example, &[], &[]).unwrap().config, Config::default());
    let apps = example.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if !key.starts_with(' ') => format!("{key}\n"),
        Some(_) | None => format!("{line}\n"),
    });
    let with_apps = apps.collect::<String>();
    let app = &load(&with_apps, &[], &[]).unwrap().config.apps[0];
    assert_eq!((app.keys.len(), app.origins.len(), app.webhooks.len()), (2, 2, 1));
}

/// Two secrets look the same where they are shown.
#[test]
fn a_changed_secret_needs_a_restart_and_is_not_told() {
    let zps = |secret| format!("[zps]\njwt_secret = \"{secret}\"\n");
    let running = load(&zps("old-secret"), &[], &[]).unwrap();
    let file = TempFile::new(&zps("new-secret"));
    let changed = load_file(&file, &[], &[]).unwrap();
    let line = "zps.jwt_secret is another one, but stays as it was until a restart";
    let expected = format!("{}:2: {line}", file.path());
    assert_eq!(changed.needs_restart(&running.config), [expected]);
    assert!(changed.needs_restart(&changed.config).is_empty());
}

/// Every type of a configuration that holds a secret, and what is made of one.
#[test]
fn no_debug_shows_a_secret() {
    let file = r#"
        registry.url = "postgres://hidden:hidden@h/d"
        zps.jwt_secret = "hidden"
        [[apps]]
        id = "a"
        key = "k"
        secret = "hidden"
        publish_secret = "hidden"
        auth = "jwt"
        jwt_secret = "hidden"
        webhooks = [{ url = "http://a", headers = { A = "hidden" } }]
        sinks = [{ name = "s", url = "http://a", headers = { A = "hidden" } }]
    "#;
    let effective = load(file, &[], &[]).unwrap();
    let row = AppRow {
        id: "b".to_owned(),
        key: Some("k".to_owned()),
        secret: Some("hidden".to_owned()),
        is_enabled: true,
        settings: "publish_secret = \"hidden\"".to_owned(),
    };
    let gateway = Some(Gateway { key: "k".to_owned(), secret: "hidden".into() });
    let options = Options { apps: vec!["a:k:hidden".to_owned()], gateway, ..Options::default() };
    let call = crate::api::Call {
        url: "http://a/?token=hidden".to_owned(),
        body: bytes::Bytes::from_static(b"hidden"),
        headers: vec![("Authorization".to_owned(), "hidden".to_owned())],
        timeout: std::time::Duration::ZERO,
    };
    let shown = format!("{effective:?} {row:?} {options:?} {:?} {call:?}", options.gateway);
    assert!(!shown.contains("hidden"), "{shown}");
    assert!(!effective.to_string().contains("hidden"), "{effective}");
}
