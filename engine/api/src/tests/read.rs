//! Questions about channels and users.

use super::super::info::Info;
use super::super::pusher::{channel, channels, terminate, users};
use super::*;

#[test]
fn reading_takes_a_prefix_and_attributes() {
    let info = Info { subscription_count: true, user_count: true, cache: false };
    let prefix = Some("presence-".to_owned());
    let both = ("info", "user_count,subscription_count");
    assert_eq!(
        get("/apps/a/channels", &[("filter_by_prefix", "presence-"), both]).unwrap(),
        Action::Channels(channels::Wanted { app: APP, prefix, info })
    );
    assert_eq!(
        get("/apps/a/channels/presence-x", &[both]).unwrap(),
        Action::Channel(channel::Wanted { app: APP, channel: "presence-x".to_owned(), info })
    );
    assert_eq!(get("/apps/a/connections", &[]).unwrap(), Action::Connections(APP));
}

#[test]
fn attributes_that_a_channel_cannot_have_are_refused() {
    check_refused(get("/apps/a/channels", &[("info", "user_counts")]), 400, "no such attribute");
    check_refused(get("/apps/a/channels", &[("info", "user_count")]), 400, "presence");
    check_refused(get("/apps/a/channels/x", &[("info", "user_count")]), 400, "presence");
    check_refused(get("/apps/a/channels/x", &[("info", "cache")]), 400, "cache channel");
}

#[test]
fn a_user_is_terminated_by_a_name_of_1_to_128_bytes() {
    let run = |user: &str, body: &str| {
        run("POST", &format!("/apps/a/users/{user}/terminate_connections"), &[], body)
    };
    let user_id = "a/b c".to_owned();
    assert_eq!(
        run("a%2Fb%20c", "{}").unwrap(),
        Action::Terminate(terminate::Wanted { app: APP, user_id })
    );
    assert!(run(&"u".repeat(128), "").is_ok());
    check_refused(run(&"u".repeat(129), ""), 400, "129 bytes");
    check_refused(run("", ""), 400, "0 bytes");
}

#[test]
fn what_may_be_read_may_be_asked_for_its_head() {
    assert_eq!(run_signed("HEAD", "/up", "", "").unwrap(), Action::Up(()));
    let connections = run("HEAD", "/apps/a/connections", &[], "");
    assert_eq!(connections.unwrap(), Action::Connections(APP));
}

#[test]
fn a_channel_in_the_path_is_decoded_and_checked() {
    let channel = "presence-@,;=".to_owned();
    assert_eq!(
        get("/apps/a/channels/presence-%40%2C;=", &[]).unwrap(),
        Action::Channel(channel::Wanted {
            app: APP,
            channel: channel.clone(),
            info: Info::default()
        })
    );
    assert_eq!(
        get("/apps/a/channels/presence-%40%2C;=/users", &[]).unwrap(),
        Action::Users(users::Wanted { app: APP, channel })
    );
    check_refused(get("/apps/a/channels/a%2Fb", &[]), 400, "'/'");
    check_refused(get("/apps/a/channels/a+b", &[]), 400, "'+'");
    check_refused(get("/apps/a/channels/%ff", &[]), 400, "UTF-8");
    check_refused(get("/apps/a/channels/", &[]), 400, "empty");
}

#[test]
fn only_presence_channels_have_users() {
    check_refused(get("/apps/a/channels/x/users", &[]), 400, "presence");
    check_refused(get("/apps/a/channels/private-x/users", &[]), 400, "presence");
}
