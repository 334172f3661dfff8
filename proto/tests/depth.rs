//! JSON that a stranger sends may be nested so deep and no deeper, whoever reads it.

use uringcast_proto::pusher::client::ClientMessage as PusherMessage;
use uringcast_proto::pusher::rest::{BatchBody, PublishBody, SigningBody, ZinTrustBody};
use uringcast_proto::zps::client::{ClientMessage, Event};
use uringcast_proto::zps::http::{Events, SnapshotBody};

/// `text` with `@` replaced by arrays so deep that `depth` of all are open in it.
fn nested(text: &str, depth: usize) -> String {
    let around = text.split('@').next().unwrap_or_default();
    let open = around.matches(['{', '[']).count() - around.matches(['}', ']']).count();
    let arrays = "[".repeat(depth - open) + &"]".repeat(depth - open);
    text.replace('@', &arrays)
}

fn check(text: &str, reads: impl Fn(&str) -> bool) {
    assert!(reads(&nested(text, 128)), "{text}");
    for depth in [129, 10_000] {
        assert!(!reads(&nested(text, depth)), "{text} at {depth}");
    }
}

#[test]
fn json_nested_deeper_than_128_is_refused_by_every_reader() {
    let event = r#"{"name":"e","channel":"c","data":"d","more":@}"#;
    check(event, |it| PublishBody::parse(it.as_bytes()).is_ok());
    check(r#"{"batch":[],"more":@}"#, |it| BatchBody::parse(it.as_bytes()).is_ok());
    let zintrust = r#"{"channels":["c"],"event":"e","data":@}"#;
    check(zintrust, |it| ZinTrustBody::parse(it.as_bytes()).is_ok());
    check(r#"{"socket_id":"1.1","more":@}"#, |it| {
        SigningBody::parse(it.as_bytes()).socket_id.is_some()
    });
    let sent = r#"{"event":"client-e","channel":"private-c","data":@}"#;
    check(sent, |it| PusherMessage::parse(it).is_ok());
    let publish = r#"{"type":"publish","event":{"room":"a:b","type":"t","payload":@}}"#;
    check(publish, |it| ClientMessage::parse(it).is_ok());
    check(r#"{"room":"a:b","type":"t","payload":@}"#, |it| Event::parse(it).is_ok());
    check(r#"[{"room":"a:b","type":"t","payload":@}]"#, |it| Events::parse(it, 1).is_ok());
    check(r#"{"room":"a:b","lastSequence":1,"state":@}"#, |it| SnapshotBody::parse(it).is_ok());
}

#[test]
fn brackets_in_strings_are_text() {
    let text =
        format!(r#"{{"event":"client-e","channel":"private-c","data":"\"{}"}}"#, "[".repeat(500));
    assert!(PusherMessage::parse(&text).is_ok());
}
