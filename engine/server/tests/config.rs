//! The configuration as an operator meets it: through the program.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::{env, fs, process};

/// Runs the program with nothing in its environment but `variables`.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_uringcast"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .expect("the program was built for this test")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("the program writes UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("the program writes UTF-8")
}

/// A configuration file that is removed with its owner.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, text: &str) -> Self {
        let path = env::temp_dir().join(format!("uringcast-{}-{name}.toml", process::id()));
        fs::write(&path, text).expect("the temporary folder is writable");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the temporary folder has a UTF-8 name")
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn every_problem_of_every_layer_is_named_and_the_exit_code_is_64() {
    let file = TempFile::new(
        "problems",
        "[server]\nprot = 1\ncores = \"two\"\n[connection]\noutbox_bytes_max = 2048\n",
    );
    let variables = [("PORT", "70000"), ("PUSHER_APP_ID", "1")];
    let flags = ["--config", file.path(), "--activity-timeout", "0", "--app", "a:b"];
    for command in ["serve", "config"] {
        let output = run(&[&[command][..], &flags].concat(), &variables);
        assert_eq!(output.status.code(), Some(64));
        assert_eq!(stdout(&output), "");
        let path = file.path();
        for expected in [
            &format!("{path}:2: server.prot is not known; did you mean server.port?"),
            &format!("{path}:3: server.cores must be a whole number"),
            &format!("{path}:5: connection.outbox_bytes_max is 2048, but must be above"),
            "environment PORT: server.port is 70000, but must be 0 to 65535",
            "environment PUSHER_APP_ID: an app needs an id, a key and a secret; not set: \
             PUSHER_APP_KEY or BROADCAST_AUTH_KEY",
            "flag --activity-timeout: connection.activity_timeout_s is 0, but must be 1 to 3600",
            "flag --app: must be id:key:secret",
        ] {
            assert!(stderr(&output).contains(expected), "{expected}\n{}", stderr(&output));
        }
    }
}

#[test]
fn a_bad_configuration_is_reported_before_a_port_is_bound() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = run(&["serve", "--port", &port, "--cores", "many"], &[]);
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("1 problem in the configuration"), "{}", stderr(&output));
}

#[test]
fn a_command_line_of_the_wrong_shape_exits_with_64() {
    for arguments in [
        &[][..],
        &["serve", "--prot", "1"],
        &["serve", "--port"],
        &["serve", "--port", "1", "--port", "2"],
        &["serve", "extra"],
        &["paint"],
    ] {
        let output = run(arguments, &[]);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert_ne!(stderr(&output), "", "{arguments:?}");
    }
}

#[test]
fn help_and_version_exit_with_0() {
    for arguments in [&["--help"][..], &["serve", "--help"], &["config", "--help"]] {
        let output = run(arguments, &[]);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(stdout(&output).contains("Usage: uringcast"), "{arguments:?}");
    }
    let version = run(&["--version"], &[]);
    assert_eq!(version.status.code(), Some(0));
    assert_eq!(stdout(&version), concat!("uringcast ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn flags_win_over_the_environment_which_wins_over_the_file() {
    let file = TempFile::new(
        "precedence",
        "[server]\nport = 1001\ncores = 1\ndrain_timeout_s = 11\n\
         [[apps]]\nid = \"f\"\nkey = \"fk\"\nsecret = \"hidden\"\n",
    );
    let variables = [
        ("PORT", "1002"),
        ("URINGCAST_SERVER_CORES", "2"),
        ("PUSHER_APP_ID", "e"),
        ("PUSHER_APP_KEY", "ek"),
        ("PUSHER_APP_SECRET", "hidden"),
    ];
    let arguments = ["config", "--print", "--config", file.path(), "--port", "1003"];
    let output = run(&arguments, &variables);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let printed = stdout(&output);
    for expected in [
        "port = 1003 # flag --port",
        "cores = 2 # environment URINGCAST_SERVER_CORES",
        &format!("drain_timeout_s = 11 # {}:4", file.path()),
        "idle_timeout_s = 75 # default",
        "id = \"e\"",
        "key = \"ek\"",
    ] {
        assert!(printed.lines().any(|line| line == expected), "{expected}\n{printed}");
    }
    assert!(!printed.contains("\"f\""), "the file's apps are replaced\n{printed}");
    assert!(!printed.contains("hidden"), "secrets are masked\n{printed}");
}

#[test]
fn what_is_printed_can_be_read_again_once_the_secrets_are_real() {
    let flags = ["--port", "7000", "--test-echo-port", "0", "--app", "a:ak:as", "--app", "b:bk:bs"];
    let printed = stdout(&run(&[&["config", "--print"][..], &flags].concat(), &[]));

    let masked = TempFile::new("masked", &printed);
    let output = run(&["config", "--config", masked.path()], &[]);
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("is masked"), "{}", stderr(&output));

    let real = TempFile::new("real", &printed.replace("********", "real"));
    let again = run(&["config", "--print", "--config", real.path()], &[]);
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    assert_eq!(without_comments(&stdout(&again)), without_comments(&printed));
}

fn without_comments(text: &str) -> Vec<&str> {
    let values = text.lines().map(|line| line.split(" # ").next().unwrap_or_default());
    values.filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn without_print_the_configuration_is_only_checked() {
    let output = run(&["config"], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output), "The configuration is valid.\n");
}

#[test]
fn the_development_app_is_not_served_where_others_can_reach_it() {
    let output = run(&["serve"], &[("HOST", "0.0.0.0")]);
    assert_eq!(output.status.code(), Some(64));
    let text = stderr(&output);
    assert!(text.contains("environment HOST: server.host is 0.0.0.0"), "{text}");
    assert!(text.contains("Configure an app"), "{text}");
}

#[test]
fn a_dead_letter_file_that_cannot_be_written_is_reported_before_anything_is_served() {
    let variables = [("URINGCAST_WEBHOOK_DEAD_LETTER_FILE", "/no/such/folder/dead.jsonl")];
    let output = run(&["serve", "--port", "0"], &variables);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    let expected = "the dead-letter file /no/such/folder/dead.jsonl cannot be written: ";
    assert!(stderr(&output).contains(expected), "{}", stderr(&output));
}

#[test]
fn dead_letters_are_listed_without_a_configuration_and_what_is_none_is_shown() {
    let letter = r#"{"app_id":"a","url":"http://h/","given_up_ms":7,"reason":"status 500","#;
    let text = format!("{letter}\"events\":2,\"body\":\"{{}}\"}}\nnonsense\n");
    let file = TempFile::new("dead-letters", &text);
    let output = run(&["dead-letters", "list", file.path()], &[("PORT", "no port")]);
    let expected = "7 app=a events=2 bytes=2 url=http://h/ reason=\"status 500\"\n\
                    not a dead letter: \"nonsense\"\n";
    assert_eq!((stdout(&output).as_str(), output.status.code()), (expected, Some(0)));
}

#[test]
fn a_replay_without_a_file_or_without_the_app_fails_and_loses_nothing() {
    let output = run(&["dead-letters", "replay", "/no/such/file"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("there is no file /no/such/file"), "{}", stderr(&output));

    let letter = r#"{"app_id":"gone","url":"http://h/","given_up_ms":7,"reason":"","#;
    let text = format!("{letter}\"events\":2,\"body\":\"{{}}\"}}\nnonsense\n");
    let file = TempFile::new("replay", &text);
    let output = run(&["dead-letters", "replay", file.path()], &[]);
    assert_eq!(output.status.code(), Some(1));
    let expected = "http://h/: no app has the id \"gone\"\nuringcast: error: 0 delivered, 2 left";
    assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(file.path()).unwrap(), text);
}
