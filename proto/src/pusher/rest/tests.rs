//! Bodies in, bodies out.

use super::*;

fn check_error(body: &str, expected: &str) {
    let error = PublishBody::parse(body.as_bytes()).unwrap_err();
    assert!(error.to_string().starts_with(expected), "{body}: {error}");
}

#[test]
fn a_publish_keeps_its_tokens() {
    let body = concat!(
        r#"{"name":"f\u006fo","channels":["a","b"],"data":"{\"x\":1}","socket_id":"1.2","#,
        r#""info":"user_count"}"#
    );
    let publish = PublishBody::parse(body.as_bytes()).unwrap();
    assert_eq!(publish.event.name_json, r#""f\u006fo""#);
    assert_eq!(publish.event.name, "foo");
    assert_eq!(publish.event.data_json, r#""{\"x\":1}""#);
    assert_eq!(publish.channels, ["a", "b"]);
    assert_eq!(publish.socket_id.as_deref(), Some("1.2"));
    assert_eq!((publish.info.as_deref(), publish.id), (Some("user_count"), None));
}

#[test]
fn the_size_of_data_is_that_of_the_decoded_string() {
    let publish = PublishBody::parse(br#"{"name":"e","channel":"a","data":"{\"x\":1}"}"#).unwrap();
    let bytes = r#"{"x":1}"#.len();
    assert_eq!(publish.event.data_bytes_over(bytes), None);
    assert_eq!(publish.event.data_bytes_over(bytes - 1), Some(bytes));
    assert_eq!(publish.event.data_bytes_over(100), None);
}

#[test]
fn one_channel_may_stand_alone() {
    let publish = PublishBody::parse(br#"{"name":"e","channel":"a","data":""}"#).unwrap();
    assert_eq!(publish.channels, ["a"]);
    assert_eq!(publish.socket_id, None);
    let null = br#"{"name":"e","channel":"a","data":"","socket_id":null}"#;
    assert_eq!(PublishBody::parse(null).unwrap().socket_id, None);
}

#[test]
fn a_body_without_meaning_says_what_is_wrong() {
    check_error("", "the body is not the JSON");
    check_error("[1,2]", "the body is not a JSON object");
    check_error("\"x\"", "the body is not the JSON");
    check_error(r#"{"data":"","channel":"a"}"#, "name must");
    check_error(r#"{"name":1,"data":"","channel":"a"}"#, "name must");
    check_error(r#"{"name":"e","channel":"a"}"#, "data must");
    check_error(r#"{"name":"e","data":{"a":1},"channel":"a"}"#, "data must");
    check_error(r#"{"name":"e","data":""}"#, "channel or channels");
    check_error(r#"{"name":"e","data":"","channels":[]}"#, "channel or channels");
    check_error(r#"{"name":"e","data":"","channels":["a"],"channel":"a"}"#, "channel and channels");
    check_error(r#"{"name":"e","data":"","channels":"a"}"#, "the body is not the JSON");
    check_error(
        r#"{"name":"e","data":"","channel":"a","socket_id":1}"#,
        "the body is not the JSON",
    );
    assert!(matches!(PublishBody::parse(b"{\"name\":\"\xff\"}"), Err(BodyError::Utf8)));
}

#[test]
fn a_batch_is_read_in_order() {
    let body = concat!(
        r#"{"batch":[{"name":"e","channel":"a","data":"1"},"#,
        r#"{"name":"f","channel":"b","data":"2","socket_id":"1.2","info":"x"}],"#,
        r#""id":"once"}"#
    );
    let batch = BatchBody::parse(body.as_bytes()).unwrap();
    let read: Vec<_> = batch
        .events
        .iter()
        .map(|item| {
            (&*item.event.name, &*item.channel, item.event.data_json, item.socket_id.as_deref())
        })
        .collect();
    assert_eq!(read, [("e", "a", "\"1\"", None), ("f", "b", "\"2\"", Some("1.2"))]);
    assert_eq!((batch.events[1].info.as_deref(), batch.id.as_deref()), (Some("x"), Some("once")));
    assert!(BatchBody::parse(br#"{"batch":[]}"#).unwrap().events.is_empty());
}

#[test]
fn one_bad_event_spoils_the_batch() {
    let good = r#"{"name":"e","channel":"a","data":"1"}"#;
    let check = |bad: &str, expected: &str| {
        let body = format!(r#"{{"batch":[{good},{bad}]}}"#);
        let error = BatchBody::parse(body.as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{body}: {error}");
    };
    check(r#"{"channel":"a","data":"1"}"#, "name must");
    check(r#"{"name":"e","channel":"a","data":1}"#, "data must");
    check(r#"{"name":"e","channels":["a"],"data":"1"}"#, "channel or channels");
    check("1", "the body is not the JSON");
    assert!(matches!(BatchBody::parse(b"{}"), Err(BodyError::Batch)));
}

#[test]
fn channels_are_an_object_even_when_there_are_none() {
    assert_eq!(channels_body([]), r#"{"channels":{}}"#);
    let counted = ChannelAttributes {
        user_count: Some(2),
        subscription_count: Some(3),
        ..ChannelAttributes::default()
    };
    assert_eq!(
        channels_body([("a", ChannelAttributes::default()), ("presence-b", counted)]),
        r#"{"channels":{"a":{},"presence-b":{"subscription_count":3,"user_count":2}}}"#
    );
}

#[test]
fn a_channel_tells_what_was_asked() {
    assert_eq!(channel_body(false, ChannelAttributes::default()), r#"{"occupied":false}"#);
    let counted = ChannelAttributes { subscription_count: Some(3), ..ChannelAttributes::default() };
    assert_eq!(channel_body(true, counted), r#"{"occupied":true,"subscription_count":3}"#);
}

#[test]
fn what_a_cache_channel_holds_keeps_its_bytes() {
    let cached = CachedEvent { data_json: r#""{\"n\": 1\/2}""#, ttl_s: 9 };
    let full = ChannelAttributes { cache: Some(Some(cached)), ..ChannelAttributes::default() };
    assert_eq!(
        channel_body(true, full),
        r#"{"occupied":true,"cache":{"data":"{\"n\": 1\/2}","ttl":9}}"#
    );
    let empty = ChannelAttributes { cache: Some(None), ..ChannelAttributes::default() };
    assert_eq!(channel_body(false, empty), r#"{"occupied":false,"cache":null}"#);
}

#[test]
fn a_batch_is_answered_with_a_list() {
    let counted = ChannelAttributes { user_count: Some(2), ..ChannelAttributes::default() };
    let events = [counted, ChannelAttributes::default()];
    assert_eq!(batch_body(&events), r#"{"batch":[{"user_count":2},{}]}"#);
}

#[test]
fn connections_are_a_number() {
    assert_eq!(connections_body(3), r#"{"connections":3}"#);
}

#[test]
fn users_are_objects_with_an_id() {
    assert_eq!(users_body([]), r#"{"users":[]}"#);
    assert_eq!(users_body(["1", "\""]), r#"{"users":[{"id":"1"},{"id":"\""}]}"#);
}

#[test]
fn a_refusal_names_its_cause() {
    assert_eq!(error_body("no \"x\"", 400), r#"{"error":"no \"x\"","code":400}"#);
}
