//! Subscription counts, which an app has to ask for.

use uringcast_tests::{Api, Client, Options, Server};

const COUNT: &str = "pusher_internal:subscription_count";
const ON: &str = "[pusher]\nsubscription_count = true\n";

fn expect_count(client: &mut Client, channel: &str, count: u32) {
    let event = client.expect_on(channel, COUNT);
    assert_eq!(event.text(), format!(r#"{{"subscription_count":{count}}}"#));
}

/// Read until the number is `count`: how many turns a few joins take is not ours to say.
fn until_count(client: &mut Client, channel: &str, count: u32) {
    let wanted = format!(r#"{{"subscription_count":{count}}}"#);
    while client.expect_on(channel, COUNT).text() != wanted {}
}

#[test]
fn subscribers_are_told_of_each_change_on_any_number_of_cores() {
    for cores in [1, 2] {
        let server = Server::start(Options::new().cores(cores).config(ON));
        for channel in ["room", "private-room", "private-encrypted-room"] {
            let (mut one, mut two) = (Client::connect(&server), Client::connect(&server));
            one.subscribe(channel);
            expect_count(&mut one, channel, 1);
            two.subscribe(channel);
            expect_count(&mut two, channel, 2);
            expect_count(&mut one, channel, 2);
            two.unsubscribe(channel);
            expect_count(&mut one, channel, 1);
            two.expect_quiet();
            two.subscribe(channel);
            expect_count(&mut two, channel, 2);
            expect_count(&mut one, channel, 2);
            two.reset();
            expect_count(&mut one, channel, 1);
            one.expect_quiet();
        }
    }
}

#[test]
fn a_client_cannot_tell_a_number() {
    let server = Server::start(Options::new().config(ON));
    let (mut one, mut two) = (Client::connect(&server), Client::connect(&server));
    one.subscribe("private-room");
    expect_count(&mut one, "private-room", 1);
    two.subscribe("private-room");
    expect_count(&mut two, "private-room", 2);
    expect_count(&mut one, "private-room", 2);
    two.send_text(
        r#"{"event":"pusher_internal:subscription_count","channel":"private-room","data":"{}"}"#,
    );
    two.expect_error(None);
    one.expect_quiet();
}

#[test]
fn a_large_channel_is_told_less_often_and_its_newcomers_at_once() {
    let server = Server::start(Options::new().cores(2).config(ON));
    let mut first = Client::connect(&server);
    first.subscribe("room");
    let mut crowd: Vec<Client> = (0..100).map(|_| Client::connect(&server)).collect();
    for client in &mut crowd {
        client.ask_subscribe("room");
    }
    until_count(&mut first, "room", 101);
    // The time runs since 101: a newcomer does not wait for its end, the others do.
    let mut new = Client::connect(&server);
    new.subscribe("room");
    expect_count(&mut new, "room", 102);
    first.expect_quiet();
    new.expect_quiet();
    expect_count(&mut first, "room", 102);
    expect_count(&mut new, "room", 102);
    Api::new(&server).publish("room", "marker", "");
    first.expect_on("room", "marker");
}
