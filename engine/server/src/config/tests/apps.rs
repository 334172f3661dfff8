//! The tables of apps, and the apps of the other layers.

use super::*;
use crate::app::{AppKey, AuthPolicy, JwtKey, Webhook, WebhookEvent, ZpsPolicy};

const APP: &str = "[[apps]]\nid = \"a\"\nkey = \"k\"\nsecret = \"s\"\n";

/// The only app of a file that adds `text` to a complete table; the text begins on line 5.
fn app_with(text: &str) -> App {
    let mut apps = load(&format!("{APP}{text}"), &[], &[]).unwrap().config.apps;
    assert_eq!(apps.len(), 1);
    apps.remove(0)
}

/// What is wrong with a file that adds `text` to a complete table.
fn check_app(text: &str, expected: &[&str]) {
    check(&format!("{APP}{text}"), &[], &[], expected);
}

#[test]
fn a_layer_that_names_apps_replaces_those_below() {
    let file = "[[apps]]\nid = \"f\"\nkey = \"fk\"\nsecret = \"fs\"\n";
    let variables = [("PUSHER_APP_ID", "e"), ("PUSHER_APP_KEY", "ek"), ("PUSHER_APP_SECRET", "es")];
    let apps = |variables: &[_], flags: &[_]| load(file, variables, flags).unwrap().config.apps;
    assert_eq!(apps(&[], &[]), [app("f", "fk", "fs")]);
    assert_eq!(apps(&variables, &[]), [app("e", "ek", "es")]);
    let flags = ["--app", "a:ak:as", "--app", "b:bk:b:s"];
    assert_eq!(apps(&variables, &flags), [app("a", "ak", "as"), app("b", "bk", "b:s")]);
}

#[test]
fn apps_that_cannot_be_used_are_reported_without_their_secret() {
    check(
        "[[apps]]\nid = \"a\"\nkey = \"k\"\n[[apps]]\nid = 5\nkey = \"k\"\nsecret = \"s\"\n\
         secrt = \"hidden\"\n[[apps]]\nid = \"b\"\nkey = \"c\"\nsecret = \"********\"\n[[apps]]\n\
         id = \"b\"\nkey = \"c\"\nsecret = \"real\"",
        &[("PUSHER_APP_KEY", "x")],
        &["--app", "hidden", "--app", "a/b::", "--app", "g:h:i", "--app", "g:h:i"],
        &[
            "FILE:1: [[apps]] lacks its secret",
            "FILE:5: apps.id must be a string, not a whole number",
            "FILE:8: apps.secrt is not known; did you mean apps.secret?",
            "FILE:12: apps.secret is masked here: put the real one",
            "FILE:13: two apps have the id \"b\", the first from FILE:9",
            "FILE:13: two apps have the key \"c\", the first from FILE:9",
            "environment PUSHER_APP_KEY: an app needs an id, a key and a secret; not set: \
             PUSHER_APP_ID or BROADCAST_APP_ID or REVERB_APP_ID or SOKETI_DEFAULT_APP_ID, \
             PUSHER_APP_SECRET or BROADCAST_SECRET or BROADCAST_APP_SECRET or REVERB_APP_SECRET \
             or SOKETI_DEFAULT_APP_SECRET",
            "flag --app: must be id:key:secret",
            "flag --app: the id of an app must be 1 to 128 letters, digits or any of - . _ ~",
            "flag --app: the key of an app must be 1 to 128 letters, digits or any of - . _ ~",
            "flag --app: the secret of an app must be 1 to 256 bytes without control characters",
            "flag --app: two apps have the id \"g\", the first from flag --app",
            "flag --app: two apps have the key \"h\", the first from flag --app",
        ],
    );
}

#[test]
fn app_parts_hold_at_their_limits_and_not_one_past_them() {
    let accepts = |id: usize, secret: usize| {
        let flag = format!("{}:k:{}", "i".repeat(id), "s".repeat(secret));
        load("", &[], &["--app", &flag]).is_ok()
    };
    assert!(accepts(128, 256));
    assert!(!accepts(129, 256));
    assert!(!accepts(128, 257));
}

#[test]
fn one_app_too_many_is_refused() {
    let file = |count: usize| {
        let app = |n: usize| format!("[[apps]]\nid = \"{n}\"\nkey = \"{n}\"\nsecret = \"s\"\n");
        (0..count).map(app).collect::<String>()
    };
    assert_eq!(load(&file(APPS_MAX), &[], &[]).unwrap().config.apps.len(), APPS_MAX);
    let expected = ["FILE:4001: 1001 apps are too many: at most 1000 are allowed"];
    check(&file(APPS_MAX + 1), &[], &[], &expected);
}

#[test]
fn the_development_app_is_refused_where_others_can_reach_it() {
    let lines = problems("", &[], &["--host", "0.0.0.0"]);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("flag --host: server.host is 0.0.0.0, which others can reach"));
    assert!(load("", &[], &["--host", "0.0.0.0", "--app", "a:b:c"]).is_ok());
    assert!(load("", &[], &["--host", "::1"]).is_ok());
}

#[test]
fn an_app_has_one_key_or_several() {
    let file = "[[apps]]\nid = \"a\"\nkeys = [{ key = \"new\", secret = \"1\" }, \
                { key = \"old\", secret = \"2\" }]\npublish_secret = \"3\"";
    let apps = load(file, &[], &[]).unwrap().config.apps;
    let key = |key: &str, secret: &str| AppKey { key: key.into(), secret: secret.into() };
    assert_eq!(apps[0].keys, [key("new", "1"), key("old", "2")]);
    assert_eq!(apps[0].primary().key, "new");
    assert_eq!(apps[0].publish_secret.as_deref(), Some("3"));
}

#[test]
fn keys_that_cannot_be_used_are_reported() {
    check_app(
        "keys = [{ key = \"l\", secret = \"hidden\" }]",
        &[
            "FILE:3: apps.key and apps.keys cannot both be there",
            "FILE:4: apps.secret and apps.keys cannot both be there",
        ],
    );
    check(
        "[[apps]]\nid = \"a\"\nkeys = []\n[[apps]]\nid = \"b\"\nkeys = [\n\
         { key = \"a/b\", secret = \"hidden\\n\" },\n{ key = \"c\", sekret = \"hidden\" },\n\
         { key = \"d\", secret = 1 },\n{ key = \"e\", secret = \"1\" },\n\
         { key = \"e\", secret = \"1\" }]\n[[apps]]\nid = \"c\"\nkeys = [\"k\"]\n\
         publish_secret = \"\"",
        &[],
        &[],
        &[
            "FILE:3: apps.keys has 0 entries, but must have 1 to 8",
            "FILE:4: an app has the key \"e\" twice",
            "FILE:7: apps.keys.key must be 1 to 128 letters, digits or any of - . _ ~",
            "FILE:7: apps.keys.secret must be 1 to 256 bytes without control characters",
            "FILE:8: [[apps.keys]] lacks its secret",
            "FILE:8: apps.keys.sekret is not known; did you mean apps.keys.secret?",
            "FILE:9: apps.keys.secret must be a string, not a whole number",
            "FILE:14: apps.keys must be a table, not a string",
            "FILE:15: apps.publish_secret must be 1 to 256 bytes without control characters",
        ],
    );
}

#[test]
fn lists_of_an_app_hold_at_their_limits_and_not_one_past_them() {
    let entries = |count: usize, entry: &dyn Fn(usize) -> String| {
        (0..count).map(|n| entry(n) + ", ").collect::<String>()
    };
    let keys = |count| {
        let list = entries(count, &|n| format!("{{ key = \"{n}\", secret = \"s\" }}"));
        problem_count(&format!("[[apps]]\nid = \"a\"\nkeys = [{list}]"))
    };
    let origins = |count| {
        problem_count(&format!("{APP}origins = [{}]", entries(count, &|n| format!("\"h{n}\""))))
    };
    let webhook = "[[apps.webhooks]]\nurl = \"http://a\"\n";
    let webhooks = |count| problem_count(&format!("{APP}{}", webhook.repeat(count)));
    let headers = |count| {
        let list = entries(count, &|n| format!("h{n} = \"v\""));
        problem_count(&format!("{APP}{webhook}headers = {{ {} }}", list.trim_end_matches(", ")))
    };
    let threshold = |count| problem_count(&format!("{APP}connection_count_threshold = {count}"));
    assert_eq!([keys(8), keys(9)], [0, 1]);
    assert_eq!([origins(100), origins(101)], [0, 1]);
    assert_eq!([webhooks(20), webhooks(21)], [0, 1]);
    assert_eq!([headers(32), headers(33)], [0, 1]);
    assert_eq!([threshold(100_000_000), threshold(100_000_001)], [0, 1]);
}

fn problem_count(file: &str) -> usize {
    load(file, &[], &[]).map_or_else(|problems| problems.0.len(), |_| 0)
}

#[test]
fn an_apps_own_keys_win_over_the_section_in_every_layer() {
    let file =
        format!("{APP}client_event_rate = 7\ndeflate = true\n[pusher]\nbatch_events_max = 3");
    let flags = ["--client-event-rate", "5"];
    let config = load(&file, &[], &flags).unwrap().config;
    let expected = AppPolicy {
        client_event_rate: 7,
        deflate: true,
        batch_events_max: 3,
        ..AppPolicy::default()
    };
    assert_eq!(config.apps[0].policy, expected);
    assert_eq!((config.pusher.client_event_rate, config.pusher.deflate), (5, false));
}

#[test]
fn every_key_of_the_section_may_stand_in_an_apps_table() {
    for key in KEYS.iter() {
        let Some(field) = key.policy_field() else { continue };
        let text = match field.value(&AppPolicy::default()) {
            Value::Number(number) => (number + 1).to_string(),
            Value::Switch(is_on) => (!is_on).to_string(),
            Value::Off | Value::Text(_) => unreachable!("no policy has such a key"),
        };
        let table = key.app_table().map_or(String::new(), |table| format!("[apps.{table}]\n"));
        let effective = load(&format!("{APP}{table}{} = {text}", key.name), &[], &[]).unwrap();
        assert_eq!(field.shown(&effective.config.apps[0].policy), text, "{}", key.name);
        assert_eq!(effective.config.pusher, AppPolicy::default(), "{}", key.name);
        let line = format!("\n{} = {text} # ", key.name);
        assert_eq!(effective.to_string().matches(&line).count(), 1, "{line}");
    }
}

#[test]
fn keys_of_an_app_are_judged_as_those_of_the_section() {
    check_app(
        "client_event_rat = 1\nclient_event_rate = -1\ndeflate = 1\nport = 1\nserver.port = 1",
        &[
            "FILE:5: apps.client_event_rat is not known; did you mean apps.client_event_rate?",
            "FILE:6: apps.client_event_rate is -1, but must be 0 to 1000000 (events per second)",
            "FILE:7: apps.deflate must be true or false, not the number 1",
            "FILE:8: apps.port is not known",
            "FILE:9: apps.server is not known",
        ],
    );
}

#[test]
fn an_app_has_limits_for_rooms_of_its_own() {
    let file = format!(
        "[zps]\nmax_subscriptions = 7\nmax_payload_bytes = 2000\n\
         {APP}zps = {{ max_subscriptions = 5, max_connections = 2 }}\n\
         [[apps]]\nid = \"b\"\nkey = \"kb\"\nsecret = \"s\"\n"
    );
    let variables = [("URINGCAST_ZPS_MAX_PAYLOAD_BYTES", "3000")];
    let apps = load(&file, &variables, &[]).unwrap().config.apps;
    let found: Vec<_> = apps.iter().map(|app| app.policy.zps).collect();
    let of_all = ZpsPolicy { max_subscriptions: 7, max_payload_bytes: 3_000, ..ZpsPolicy::DEFAULT };
    let own = ZpsPolicy { max_subscriptions: 5, max_connections: 2, ..of_all };
    assert_eq!(found, [own, of_all]);
}

#[test]
fn limits_for_rooms_are_judged_as_those_of_the_section() {
    check_app(
        "[apps.zps]\nmax_subscription = 1\nmax_subscriptions = 0\nsse_path = \"/x\"",
        &[
            "FILE:6: apps.zps.max_subscription is not known; did you mean \
             apps.zps.max_subscriptions?",
            "FILE:7: apps.zps.max_subscriptions is 0, but must be 1 to 100000 (rooms)",
            "FILE:8: apps.zps.sse_path is not known",
        ],
    );
    check_app(
        "zps.max_socket_buffered_bytes = 65536",
        &["FILE:5: apps.zps.max_socket_buffered_bytes is 65536, but must be above \
             zps.max_payload_bytes, which is 65536 (default)"],
    );
    check_app("zps = 1", &["FILE:5: apps.zps must be a table, not a whole number"]);
}

#[test]
fn rules_between_keys_hold_for_each_app() {
    let file = format!("{APP}event_data_bytes_max = 2000\n[http]\nbody_bytes_max = 2000");
    check(
        &file,
        &[("URINGCAST_PUSHER_EVENT_DATA_BYTES_MAX", "1999")],
        &[],
        &["FILE:7: http.body_bytes_max is 2000, but must be above apps.event_data_bytes_max, \
             which is 2000 (FILE:5)"],
    );
    let file = file.replace("= 2000\n[http]", "= 1999\n[http]");
    assert!(load(&file, &[("URINGCAST_PUSHER_EVENT_DATA_BYTES_MAX", "1999")], &[]).is_ok());
}

#[test]
fn aliases_are_ids_of_one_app_and_stand_for_no_other() {
    assert_eq!(
        app_with("id_aliases = [\"internal\", \"local\"]").id_aliases,
        ["internal", "local"]
    );
    let aliases = |count: usize| {
        let ids: Vec<String> = (0..count).map(|n| format!("\"i{n}\"")).collect();
        problem_count(&format!("{APP}id_aliases = [{}]", ids.join(", ")))
    };
    assert_eq!([aliases(16), aliases(17)], [0, 1]);
    check_app(
        "id_aliases = [\"b\", \"a\", \"x/y\"]\n\
         [[apps]]\nid = \"b\"\nkey = \"l\"\nsecret = \"s\"",
        &[
            "FILE:1: two apps have the id \"a\", the first from FILE:1",
            "FILE:5: apps.id_aliases must be 1 to 128 letters, digits or any of - . _ ~",
            "FILE:6: two apps have the id \"b\", the first from FILE:1",
        ],
    );
}

#[test]
fn origins_thresholds_and_the_publish_policy_are_read() {
    let app = app_with(
        "origins = [\"https://example.com\", \"*.example.com\"]\n\
         connection_count_threshold = 5\npublish_policy_url = \"http://127.0.0.1:8000/policy\"",
    );
    assert_eq!(app.origins, ["https://example.com", "*.example.com"]);
    assert_eq!(app.connection_count_threshold, 5);
    assert_eq!(app.publish_policy_url.as_deref(), Some("http://127.0.0.1:8000/policy"));
    check_app(
        "origins = [\"https://example.com/\", 5]\nconnection_count_threshold = \"5\"\n\
         publish_policy_url = \"ftp://hidden@host\"",
        &[
            "FILE:5: apps.origins must be a host such as example.com or *.example.com, with a \
             port or http:// or https:// or without, and without a path",
            "FILE:5: apps.origins must be a string, not a whole number",
            "FILE:6: apps.connection_count_threshold must be 0 to 100000000, not the string \"5\"",
            "FILE:7: apps.publish_policy_url must be an http:// or https:// URL of at most 2048 \
             bytes, without a user or a password",
        ],
    );
}

#[test]
fn webhooks_are_read() {
    let app = app_with(
        "[[apps.webhooks]]\nurl = \"https://a/b\"\nevents = [\"member_added\", \"cache_miss\"]\n\
         channel_prefix = \"presence-\"\nchannel_suffix = \"-x\"\nheaders = { X-A = \"b c\" }\n\
         [[apps.webhooks]]\nurl = \"http://c\"",
    );
    let first = Webhook {
        url: "https://a/b".into(),
        events: vec![WebhookEvent::MemberAdded, WebhookEvent::CacheMiss],
        channel_prefix: "presence-".into(),
        channel_suffix: "-x".into(),
        headers: vec![("X-A".into(), "b c".into())],
        retry: None,
    };
    let second = Webhook { url: "http://c".into(), ..Webhook::default() };
    assert_eq!(app.webhooks, [first, second]);
}

#[test]
fn webhooks_that_cannot_be_used_are_reported() {
    check_app(
        "[[apps.webhooks]]\nevents = [\"member_aded\"]\nchannel_prefix = \"a b\"\n\
         channel_prefx = \"a\"\n\
         [apps.webhooks.headers]\n\"a b\" = \"c\"\nx-pusher-key = \"c\"\nd = \"hidden\\n\"\ne = 1",
        &[
            "FILE:5: [[apps.webhooks]] lacks its url",
            "FILE:6: apps.webhooks.events is \"member_aded\", but must be one of \
             channel_occupied, channel_vacated, member_added, member_removed, client_event, \
             cache_miss, subscription_count, connection_count; did you mean member_added?",
            "FILE:7: apps.webhooks.channel_prefix must be at most 200 letters, digits or any of # \
             _ - = @ , . ;",
            "FILE:8: apps.webhooks.channel_prefx is not known; did you mean \
             apps.webhooks.channel_prefix?",
            "FILE:10: apps.webhooks.headers.a b must be the name of an HTTP header of at most 128 \
             bytes",
            "FILE:11: apps.webhooks.headers.x-pusher-key must be left out: this server sets it",
            "FILE:12: apps.webhooks.headers.d must be 1 to 1024 bytes of printable ASCII",
            "FILE:13: apps.webhooks.headers.e must be a string, not a whole number",
        ],
    );
    check_app(
        "webhooks = \"http://a\"",
        &["FILE:5: apps.webhooks must be an array of tables, not \
                                            a string"],
    );
}

#[test]
fn who_authorizes_is_read() {
    let auth = |text: &str| app_with(text).auth;
    assert_eq!(auth(""), AuthPolicy::Deny);
    assert_eq!(auth("auth = \"deny\""), AuthPolicy::Deny);
    assert_eq!(auth("auth = \"allow-all\""), AuthPolicy::AllowAll);
    let secret = auth("auth = \"jwt\"\njwt_secret = \"j\"");
    assert_eq!(secret, AuthPolicy::Jwt(JwtKey::Hs256("j".into())));
    let webhook = auth("auth = \"webhook\"\nauth_url = \"http://a\"");
    assert_eq!(webhook, AuthPolicy::Webhook("http://a".into()));
    let pem = TempFile::new(PEM);
    let public = auth(&format!("auth = \"jwt\"\njwt_public_key_file = '{}'", pem.path()));
    assert_eq!(public, AuthPolicy::Jwt(JwtKey::Rs256(PEM.into())));
}

#[test]
fn an_app_that_anybody_may_enter_is_told_at_the_start() {
    let notices = |text: &str| load(&format!("{APP}{text}"), &[], &[]).unwrap().notices;
    let notice = "app a: auth = \"allow-all\" lets anybody into every channel";
    assert_eq!(notices("auth = \"allow-all\""), [notice]);
    assert_eq!(notices("auth = \"deny\""), [""; 0]);
}

/// The form is what counts here; whether it is a key is for whoever uses it.
const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n";

#[test]
fn authorization_that_cannot_be_used_is_reported() {
    check_app(
        "auth = \"alow-all\"",
        &["FILE:5: apps.auth is \"alow-all\", but must be \"deny\", \"allow-all\", \"jwt\" or \
           \"webhook\"; did you mean allow-all?"],
    );
    check_app(
        "auth = \"jwt\"\nauth_url = \"http://a\"",
        &[
            "FILE:5: apps.auth is \"jwt\", which needs apps.jwt_secret or \
             apps.jwt_public_key_file",
            "FILE:6: apps.auth_url means nothing unless apps.auth is \"webhook\"",
        ],
    );
    check_app(
        "auth = \"webhook\"\njwt_secret = \"hidden\"",
        &[
            "FILE:5: apps.auth is \"webhook\", which needs apps.auth_url",
            "FILE:6: apps.jwt_secret means nothing unless apps.auth is \"jwt\"",
        ],
    );
    check_app(
        "auth = \"jwt\"\njwt_secret = \"hidden\"\njwt_public_key_file = \"a\"",
        &["FILE:7: apps.jwt_public_key_file and apps.jwt_secret cannot both be there"],
    );
    check_app(
        "auth = \"jwt\"\njwt_public_key_file = \"/nowhere/at/all.pem\"",
        &["FILE:6: the file that apps.jwt_public_key_file names cannot be read: No such file or \
           directory (os error 2)"],
    );
    let private = TempFile::new("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n");
    check_app(
        &format!("auth = \"jwt\"\njwt_public_key_file = '{}'", private.path()),
        &["FILE:6: apps.jwt_public_key_file must be a file with a public key in PEM"],
    );
}

#[test]
fn a_broken_line_of_an_app_is_one_problem() {
    check_app(
        "auth = deny\norigins = [\"a\"]",
        &["FILE:5: is not valid TOML: string values must be \
                                                quoted, expected literal string"],
    );
}

/// Everything an app can have, printed and read again, but for the secrets.
#[test]
fn a_printed_app_is_the_app_once_its_secrets_are_real() {
    let pem = TempFile::new(PEM);
    let file = format!(
        "[[apps]]\nid = \"a\"\npublish_secret = \"hidden\"\nauth = \"jwt\"\n\
         jwt_public_key_file = '{}'\nkeys = [{{ key = \"k\", secret = \"hidden\" }}, \
         {{ key = \"l\", secret = \"hidden\" }}]\norigins = [\"a\", \"http://b:*\"]\n\
         connection_count_threshold = 9\nclient_event_rate = 3\nenabled = false\n\
         publish_policy_url = \"http://a/'\"\n[[apps.webhooks]]\nurl = \"http://b\"\n\
         events = [\"client_event\"]\nchannel_prefix = \"x\"\nheaders = {{ A = \"hidden\", \
         B = \"hidden\" }}\n[[apps.webhooks]]\nurl = \"https://c\"\n\
         [[apps]]\nid = \"b\"\nkey = \"m\"\nsecret = \"hidden\"\nauth = \"jwt\"\n\
         jwt_secret = \"hidden\"\n[[apps]]\nid = \"c\"\nkey = \"n\"\nsecret = \"hidden\"\n\
         auth = \"webhook\"\nauth_url = \"http://d\"\n\
         [[apps]]\nid = \"d\"\nkey = \"o\"\nsecret = \"hidden\"\nauth = \"allow-all\"\n",
        pem.path()
    );
    let effective = load(&file, &[], &[]).unwrap();
    let printed = effective.to_string();
    assert!(!printed.contains("hidden"), "{printed}");
    assert_eq!(problems(&printed, &[], &[]).len(), 9, "no mask is taken for what it stands for");
    let real = printed.replace(form::SECRET_MASK, "hidden");
    assert_eq!(load(&real, &[], &[]).unwrap().config, effective.config, "{printed}");
}
