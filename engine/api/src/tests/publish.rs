//! From bodies to frames, every limit at its value and one past it.

use super::super::info::Info;
use super::*;

#[test]
fn a_publish_becomes_one_frame_per_channel() {
    let body = r#"{"name":"e","channels":["x","private-y"],"data":"{\"n\": 1\/2}"}"#;
    let Publish { app, publications, tell, once } = published(publish(body));
    assert_eq!((app, tell, once), (APP, Tell::Empty, None));
    let channels: Vec<_> = publications.iter().map(|it| (&*it.channel, it.skip)).collect();
    assert_eq!(channels, [("x", None), ("private-y", None)]);
    assert_eq!(
        payload(&publications[1]),
        r#"{"event":"e","channel":"private-y","data":"{\"n\": 1\/2}"}"#
    );
}

#[test]
fn a_publish_may_leave_out_one_connection() {
    let socket_id = SocketId::new(CoreId(3), 4, 5);
    let body = format!(r#"{{"name":"e","channel":"x","data":"","socket_id":"{socket_id}"}}"#);
    assert_eq!(publications(publish(&body))[0].skip, Some(socket_id));
    let body = r#"{"name":"e","channel":"x","data":"","socket_id":"nobody"}"#;
    check_refused(publish(body), 400, "socket_id");
}

#[test]
fn a_batch_keeps_its_order() {
    let events = [event_json("e", "x", "1"), event_json("f", "y", "2"), event_json("g", "x", "3")];
    let publications = publications(publish_batch(&events));
    let payloads: Vec<_> = publications.iter().map(payload).collect();
    assert_eq!(
        payloads,
        [
            r#"{"event":"e","channel":"x","data":"1"}"#,
            r#"{"event":"f","channel":"y","data":"2"}"#,
            r#"{"event":"g","channel":"x","data":"3"}"#,
        ]
    );
}

#[test]
fn one_bad_event_refuses_the_whole_batch() {
    let good = event_json("e", "x", "1");
    let with = |bad: String| publish_batch(&[good.clone(), bad]);
    check_refused(with(event_json("e", "no spaces", "1")), 400, "channel name");
    check_refused(with(event_json("", "x", "1")), 400, "event name");
    check_refused(with(event_json("e", "x", &"d".repeat(10_241))), 413, "10241");
    check_refused(with(r#"{"name":"e","channel":"x","data":{}}"#.to_owned()), 400, "data must");
    let socket = r#"{"name":"e","channel":"x","data":"","socket_id":"1"}"#;
    check_refused(with(socket.to_owned()), 400, "socket_id");
}

#[test]
fn a_batch_has_at_most_10_events() {
    let events = |count| vec![event_json("e", "x", "1"); count];
    assert_eq!(publications(publish_batch(&events(10))).len(), 10);
    assert!(publications(publish_batch(&[])).is_empty());
    check_refused(publish_batch(&events(11)), 400, "11 events, at most 10");
}

#[test]
fn a_publish_names_at_most_100_channels() {
    let body = |count| {
        let channels = vec!["\"x\""; count].join(",");
        format!(r#"{{"name":"e","channels":[{channels}],"data":""}}"#)
    };
    assert_eq!(publications(publish(&body(100))).len(), 100);
    check_refused(publish(&body(101)), 400, "101 channels, at most 100");
    check_refused(publish(&body(0)), 400, "at least one channel");
}

/// Each byte of a text takes six at most, as an escape.
#[test]
fn a_full_batch_of_full_events_fits_however_it_is_escaped() {
    let escaped = |count| "\\u0041".repeat(count);
    let event = event_json(&escaped(200), &escaped(200), &escaped(10_240));
    assert_eq!(publications(publish_batch(&vec![event; 10])).len(), 10);
}

#[test]
fn data_has_at_most_10_kib_once_decoded() {
    let body = |data: String| event_json("e", "x", &data);
    assert!(publish(&body("d".repeat(10_240))).is_ok());
    assert!(publish(&body("\\u0041".repeat(10_240))).is_ok());
    check_refused(publish(&body("d".repeat(10_241))), 413, "10241 bytes, at most 10240");
    check_refused(publish(&body("\\n".repeat(10_241))), 413, "10241 bytes, at most 10240");
}

#[test]
fn an_event_name_has_1_to_200_bytes() {
    let body = |name: String| event_json(&name, "x", "");
    assert!(publish(&body("n".repeat(200))).is_ok());
    assert!(publish(&body("\\u006e".repeat(200))).is_ok());
    check_refused(publish(&body("n".repeat(201))), 400, "201 bytes, at most 200");
    check_refused(publish(&body(String::new())), 400, "empty");
}

#[test]
fn a_channel_name_must_be_valid_and_may_begin_with_a_hash() {
    let body = |channel: &str| event_json("e", channel, "");
    assert!(publish(&body("#server-to-user-1")).is_ok());
    assert!(publish(&body(&"c".repeat(200))).is_ok());
    check_refused(publish(&body(&"c".repeat(201))), 400, "201 bytes, at most 200");
    check_refused(publish(&body("a/b")), 400, "'/'");
}

#[test]
fn a_body_may_have_its_limit_and_not_one_byte_more() {
    let bytes_max = ApiConfig::default().body_bytes_max;
    let event = event_json("e", "x", "");
    let padded = |bytes: usize| format!("{event}{}", " ".repeat(bytes - event.len()));
    assert!(publish(&padded(bytes_max)).is_ok());
    check_refused(publish(&padded(bytes_max + 1)), 413, "more than 786432 bytes");
}

#[test]
fn a_body_that_is_not_the_expected_json_is_refused() {
    check_refused(publish("{"), 400, "not the JSON");
    check_refused(publish("[]"), 400, "not a JSON object");
    check_refused(publish(""), 400, "not the JSON");
    check_refused(publish(r#"{"channel":"x","data":""}"#), 400, "name must");
}

#[test]
fn a_publish_may_ask_who_is_there() {
    let body = r#"{"name":"e","channels":["x","presence-y"],"data":"","info":"user_count"}"#;
    let Publish { publications, tell, .. } = published(publish(body));
    assert!(publications.iter().all(|it| it.is_counted));
    let info = Info { user_count: true, ..Info::default() };
    assert_eq!(tell, Tell::Channels(vec!["x".to_owned(), "presence-y".to_owned()], info));
    let refused =
        |info: &str| publish(&format!(r#"{{"name":"e","channel":"x","data":"","info":{info}}}"#));
    check_refused(refused(r#""users""#), 400, "no such attribute");
    check_refused(refused(r#""cache""#), 400, "cache channel");
    check_refused(refused("1"), 400, "not the JSON");
}

#[test]
fn each_event_of_a_batch_asks_for_itself() {
    let asking = r#"{"name":"e","channel":"x","data":"","info":"subscription_count"}"#.to_owned();
    let events = [event_json("e", "x", "1"), asking];
    let Publish { publications, tell, .. } = published(publish_batch(&events));
    assert_eq!([publications[0].is_counted, publications[1].is_counted], [false, true]);
    let info = Info { subscription_count: true, ..Info::default() };
    assert_eq!(tell, Tell::Batch(vec![(0, Info::default()), (1, info)]));
    let unknown = r#"{"name":"e","channel":"x","data":"","info":"x"}"#.to_owned();
    check_refused(publish_batch(&[event_json("e", "x", "1"), unknown]), 400, "no such attribute");
}

#[test]
fn the_deprecated_way_to_publish_takes_the_body_as_data() {
    let run =
        |parameters: &[_], body: &str| run("POST", "/apps/a/channels/x/events", parameters, body);
    let socket_id = ("socket_id", "16777216.5");
    let Publish { publications, tell, .. } =
        published(run(&[("name", "e\""), socket_id], r#"{"n": 1}"#));
    assert_eq!(tell, Tell::Accepted);
    assert_eq!(publications[0].skip, Some(SocketId::new(CoreId(1), 0, 5)));
    assert_eq!(payload(&publications[0]), r#"{"event":"e\"","channel":"x","data":"{\"n\": 1}"}"#);
    check_refused(run(&[], "x"), 400, "event name");
    check_refused(run(&[("name", "e"), ("socket_id", "1")], "x"), 400, "socket_id");
    assert!(run(&[("name", "e")], &"d".repeat(10_240)).is_ok());
    check_refused(run(&[("name", "e")], &"d".repeat(10_241)), 413, "10241");
}

#[test]
fn an_event_of_a_channel_with_a_log_has_room_for_its_sequence() {
    let body = r#"{"name":"e","channels":["kept-x","x"],"data":"d"}"#;
    let publications = publications(publish(body));
    let Encoded::Unnumbered { text, sequence_at } = &publications[0].event else {
        panic!("a whole frame: {publications:?}");
    };
    assert_eq!(text, &br#"{"event":"e","channel":"kept-x","data":"d","sequence":}"#[..]);
    assert_eq!(*sequence_at as usize, text.len() - 1);
    assert_eq!(payload(&publications[1]), r#"{"event":"e","channel":"x","data":"d"}"#);
}
