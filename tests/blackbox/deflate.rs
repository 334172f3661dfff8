//! permessage-deflate (RFC 7692): what is agreed to, what comes compressed, what may be sent so.

use std::time::Duration;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use serde_json::json;
use uringcast_tests::{
    Api, Client, Event, Flood, Frame, Opcode, Options, Raw, Server, cpu_time, rss_bytes, signature,
    until, upgrade_request,
};

/// What browsers offer.
const OFFER: &str = "permessage-deflate; client_max_window_bits";
const AGREED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

const CONFIG: &str = "[pusher]\ndeflate = true\ndeflate_bytes_min = 256\n\
    [connection]\nmessage_bytes_max = 65536\n";

fn server() -> Server {
    Server::start(Options::new().config(CONFIG))
}

/// Upgrades with `offer` and returns what was agreed to.
fn upgrade(raw: &mut Raw, path: &str, offer: &str) -> Option<String> {
    let header = format!("\r\nSec-WebSocket-Extensions: {offer}\r\n\r\n");
    raw.send(upgrade_request(path).replace("\r\n\r\n", &header).as_bytes());
    let response = raw.response();
    assert_eq!(response.status, 101, "{response:?}");
    response.header("sec-websocket-extensions").map(str::to_owned)
}

/// A client that agreed to compression.
fn deflated(server: &Server) -> Raw {
    let mut raw = Raw::connect(server.address());
    assert_eq!(upgrade(&mut raw, "/app/app-key?protocol=7", OFFER).as_deref(), Some(AGREED));
    raw.expect_event("pusher:connection_established");
    raw
}

/// A client that agreed to compression and is subscribed to `private-room`.
fn in_private_room(server: &Server) -> Raw {
    let mut raw = Raw::connect(server.address());
    upgrade(&mut raw, "/app/app-key?protocol=7", OFFER);
    let id = raw.expect_event("pusher:connection_established").json()["socket_id"].clone();
    let to_sign = format!("{}:private-room", id.as_str().expect("an id"));
    let auth = format!("app-key:{}", signature("app-secret", &to_sign));
    let data = json!({"channel": "private-room", "auth": auth});
    let message = json!({"event": "pusher:subscribe", "data": data});
    raw.send_frame(&packed_text(&message.to_string()));
    raw.expect_event("pusher_internal:subscription_succeeded");
    raw
}

/// Compresses as a client does that takes over no context.
fn deflate(payload: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(payload.len() + 1024);
    let mut compress = Compress::new(Compression::best(), false);
    compress.compress_vec(payload, &mut packed, FlushCompress::Sync).expect("there is room");
    packed.strip_suffix(b"\x00\x00\xff\xff").expect("a sync flush ends like this").to_vec()
}

/// The text of a compressed frame, which must need no frame before it.
fn inflate(payload: &[u8]) -> String {
    let mut text = Vec::with_capacity(1 << 20);
    let whole = [payload, b"\x00\x00\xff\xff"].concat();
    Decompress::new(false)
        .decompress_vec(&whole, &mut text, FlushDecompress::Sync)
        .expect("the payload is compressed");
    String::from_utf8(text).expect("messages are text")
}

fn packed_text(text: &str) -> Frame {
    Frame::new(Opcode::TEXT, deflate(text.as_bytes())).rsv(4)
}

/// One message, and whether it came compressed.
fn read_either(raw: &mut Raw) -> (Event, bool) {
    let frame = raw.frame();
    assert_eq!((frame.fin, frame.opcode), (true, Opcode::TEXT), "{frame:?}");
    match frame.rsv {
        0 => (Event::parse(&String::from_utf8(frame.payload).expect("messages are text")), false),
        4 => (Event::parse(&inflate(&frame.payload)), true),
        rsv => panic!("reserved bits {rsv:b}"),
    }
}

/// Reads one message, which must come compressed, or must not.
fn read(raw: &mut Raw, is_packed: bool) -> Event {
    let (event, was_packed) = read_either(raw);
    assert_eq!(was_packed, is_packed, "{} bytes: {}", event.raw.len(), event.raw);
    event
}

/// Lets a connected peer that agreed to compression send `bytes` and expects it to be closed with
/// `code` and counted as `refusal`, while a bystander lives on.
fn check_refused(bytes: &[u8], code: u16, refusal: &str) {
    let server = server();
    let mut bystander = deflated(&server);
    bystander.subscribe("room");
    let mut raw = deflated(&server);
    raw.send(bytes);
    raw.expect_close(code);
    server.until_refused(refusal);
    Api::new(&server).publish("room", "marker", "");
    assert_eq!(read(&mut bystander, false).event, "marker");
    bystander.send_frame(&packed_text(r#"{"event":"pusher:ping","data":{}}"#));
    bystander.expect_event("pusher:pong");
}

#[test]
fn an_offer_is_answered_where_the_app_has_it_on() {
    let server = server();
    for (offer, answer) in [
        (OFFER, Some(AGREED.to_owned())),
        (
            "permessage-deflate; server_max_window_bits=15",
            Some(format!("{AGREED}; server_max_window_bits=15")),
        ),
        (
            "permessage-deflate; server_max_window_bits=10, permessage-deflate",
            Some(AGREED.to_owned()),
        ),
        ("permessage-deflate; server_max_window_bits=10", None),
        ("permessage-deflate; unknown", None),
        ("x-webkit-deflate-frame", None),
    ] {
        let mut raw = Raw::connect(server.address());
        assert_eq!(upgrade(&mut raw, "/app/app-key?protocol=7", offer), answer, "{offer}");
        raw.expect_event("pusher:connection_established");
    }
    let mut raw = Raw::connect(server.address());
    raw.send(upgrade_request("/app/app-key?protocol=7").as_bytes());
    assert_eq!(raw.response().header("sec-websocket-extensions"), None, "it offered none");
}

#[test]
fn a_malformed_extensions_header_is_a_bad_request() {
    let server = server();
    let mut raw = Raw::connect(server.address());
    let header = "\r\nSec-WebSocket-Extensions: permessage-deflate; =15\r\n\r\n";
    raw.send(upgrade_request("/app/app-key?protocol=7").replace("\r\n\r\n", header).as_bytes());
    let response = raw.response();
    assert_eq!(response.status, 400);
    assert!(response.body_text().contains("Sec-WebSocket-Extensions"), "{response:?}");
    server.until_refused("request");
}

/// A key that names no app is told so in a frame, which nobody compresses.
#[test]
fn an_unknown_key_is_agreed_nothing() {
    let server = server();
    let mut raw = Raw::connect(server.address());
    assert_eq!(upgrade(&mut raw, "/app/unknown", OFFER), None);
    raw.expect_event("pusher:error");
}

#[test]
fn events_come_compressed_to_those_who_agreed_and_as_they_are_to_others() {
    let server = Server::start(Options::new().cores(2).config(CONFIG));
    let mut packed: Vec<Raw> = (0..4).map(|_| deflated(&server)).collect();
    let mut plain: Vec<Client> = (0..2).map(|_| Client::connect(&server)).collect();
    for raw in &mut packed {
        raw.subscribe("room");
    }
    for client in &mut plain {
        client.subscribe("room");
    }
    let mut api = Api::new(&server);
    let data: Vec<String> = (0..50).map(|number| number.to_string().repeat(number * 3)).collect();
    for data in &data {
        api.publish("room", "news", data);
    }
    for raw in &mut packed {
        for data in &data {
            let (event, was_packed) = read_either(raw);
            assert_eq!(was_packed, event.raw.len() >= 256, "{}", event.raw);
            assert_eq!((event.event.as_str(), event.text()), ("news", data.as_str()));
        }
    }
    for client in &mut plain {
        for data in &data {
            assert_eq!(client.expect_on("room", "news").text(), data);
        }
    }
    let metrics = server.metrics();
    // The message is 43 bytes around its data.
    let frames: f64 = data.iter().filter(|data| data.len() >= 256 - 43).map(|_| 1.0).sum();
    for core in ["0", "1"] {
        let compressed = metrics.sum_where("uringcast_deflated_frames_total", "core", core);
        assert!(compressed <= frames, "each once a core: {metrics}");
    }
    let [before, after] = ["before", "after"]
        .map(|when| metrics.sum(&format!("uringcast_deflate_bytes_{when}_total")));
    assert!(after > 0.0 && after * 2.0 < before, "{before} bytes became {after}");
}

#[test]
fn a_payload_is_compressed_from_the_limit_on() {
    let server = server();
    let mut raw = deflated(&server);
    raw.subscribe("room");
    let mut api = Api::new(&server);
    api.publish("room", "e", "");
    let frame = raw.frame().payload.len();
    api.publish("room", "e", &"x".repeat(255 - frame));
    assert_eq!(read(&mut raw, false).raw.len(), 255);
    api.publish("room", "e", &"x".repeat(256 - frame));
    assert_eq!(read(&mut raw, true).raw.len(), 256);
}

#[test]
fn nothing_is_compressed_where_the_app_has_it_off() {
    let server = Server::start(Options::new());
    let mut raw = Raw::connect(server.address());
    assert_eq!(upgrade(&mut raw, "/app/app-key?protocol=7", OFFER), None);
    raw.expect_event("pusher:connection_established");
    raw.subscribe("room");
    Api::new(&server).publish("room", "news", &"x".repeat(5_000));
    assert_eq!(read(&mut raw, false).text().len(), 5_000);
    raw.send_frame(&packed_text("{}"));
    raw.expect_close(1002);
    server.until_refused("protocol");
}

#[test]
fn compressed_client_events_reach_the_others_in_order_and_not_their_sender() {
    const EVENTS: usize = 20;
    let options = Options::new().cores(2).config(CONFIG).flag("--client-event-rate", "0");
    let server = Server::start(options);
    let mut packed: Vec<Raw> = (0..3).map(|_| in_private_room(&server)).collect();
    let mut plain = Client::connect(&server);
    plain.subscribe("private-room");
    let data = |number: usize| format!("{number} ").repeat(1 + 50 * (number % 3));
    for number in 0..EVENTS {
        let event = json!({"event": "client-e", "channel": "private-room", "data": data(number)});
        packed[0].send_frame(&packed_text(&event.to_string()));
    }
    for number in 0..EVENTS {
        for raw in &mut packed[1..] {
            let (event, _) = read_either(raw);
            assert_eq!((event.event.as_str(), event.text()), ("client-e", data(number).as_str()));
        }
        assert_eq!(plain.expect_on("private-room", "client-e").text(), data(number));
    }
    Api::new(&server).publish("private-room", "fence", &"x".repeat(1_000));
    for raw in &mut packed {
        assert_eq!(read(raw, true).event, "fence");
    }
    plain.expect_on("private-room", "fence");
}

#[test]
fn a_compressed_message_may_come_in_fragments_with_a_ping_between() {
    let server = server();
    let mut raw = deflated(&server);
    let payload = deflate(br#"{"event":"pusher:ping","data":{}}"#);
    for cut in [0, 1, payload.len() / 2, payload.len()] {
        let (first, second) = payload.split_at(cut);
        raw.send_frame(&Frame::new(Opcode::TEXT, first).rsv(4).unfinished());
        raw.send_frame(&Frame::new(Opcode::PING, "between"));
        raw.send_frame(&Frame::new(Opcode::CONTINUATION, second));
        assert_eq!(raw.frame().opcode, Opcode::PONG);
        raw.expect_event("pusher:pong");
    }
    for byte in packed_text(r#"{"event":"pusher:ping","data":{}}"#).to_bytes() {
        raw.send(&[byte]);
    }
    raw.expect_event("pusher:pong");
}

#[test]
fn a_message_may_become_as_long_as_the_limit() {
    let server = server();
    let start = r#"{"event":"pusher:ping","data":{}}"#;
    let ping = |length: usize| format!("{start}{}", " ".repeat(length - start.len()));
    let mut raw = deflated(&server);
    raw.send_frame(&packed_text(&ping(65_536)));
    raw.expect_event("pusher:pong");
    check_refused(&packed_text(&ping(65_537)).to_bytes(), 1009, "message_bytes");
}

/// 2 MiB that would become 2 GiB: memory is bounded by the limit and not by what bytes promise.
#[test]
fn a_bomb_closes_with_1009_and_takes_no_memory() {
    // Each MiB of spaces is some whole blocks that need none before them.
    let mebibyte = [&deflate(&vec![b' '; 1 << 20])[..], b"\x00\x00\xff\xff"].concat();
    let bomb = Frame::new(Opcode::TEXT, mebibyte.repeat(2_048)).rsv(4).to_bytes();
    assert!(bomb.len() < 4 << 20, "{} bytes", bomb.len());
    let config = "[pusher]\ndeflate = true\n[connection]\nmessage_bytes_max = 4194304\n\
        outbox_bytes_max = 8388608\n";
    let server = Server::start(Options::new().config(config));
    let mut bystander = deflated(&server);
    let before = rss_bytes(server.pid());
    for _ in 0..10 {
        let mut raw = deflated(&server);
        raw.send(&bomb);
        raw.expect_close(1009);
        // A few buffers of 4 MiB, of which the allocator keeps some.
        let grown = rss_bytes(server.pid()).saturating_sub(before);
        assert!(grown < 64 << 20, "{grown} bytes more");
    }
    server.until_refused("message_bytes");
    bystander.send_frame(&packed_text(r#"{"event":"pusher:ping","data":{}}"#));
    bystander.expect_event("pusher:pong");
}

#[test]
fn data_that_is_not_compressed_closes_with_1007() {
    for payload in [&b""[..], b"{\"event\":\"pusher:ping\"}", &[0xff; 100]] {
        let bytes = Frame::new(Opcode::TEXT, payload).rsv(4).to_bytes();
        check_refused(&bytes, 1007, "protocol");
    }
}

#[test]
fn compressed_text_that_is_not_utf8_closes_with_1007() {
    let frame = Frame::new(Opcode::TEXT, deflate(b"\"\xc3\x28\"")).rsv(4);
    check_refused(&frame.to_bytes(), 1007, "utf8");
}

#[test]
fn rsv1_on_anything_but_a_messages_first_frame_is_a_protocol_error() {
    let first = packed_text("{}").unfinished();
    let later = Frame::new(Opcode::CONTINUATION, "").rsv(4);
    check_refused(&[first.to_bytes(), later.to_bytes()].concat(), 1002, "protocol");
    for opcode in [Opcode::PING, Opcode::PONG, Opcode::CLOSE] {
        check_refused(&Frame::new(opcode, "").rsv(4).to_bytes(), 1002, "protocol");
    }
    for rsv in [1, 2, 5, 6, 7] {
        check_refused(&Frame::text("{}").rsv(rsv).to_bytes(), 1002, "protocol");
    }
}

/// A message that takes over the context of the one before it, against what was agreed.
#[test]
fn a_message_that_needs_the_one_before_closes_with_1007() {
    let ping = format!(r#"{{"event":"pusher:ping","data":"{}"}}"#, "abcdefgh".repeat(50));
    let mut compress = Compress::new(Compression::best(), false);
    let mut message = || {
        let mut packed = Vec::with_capacity(4096);
        compress.compress_vec(ping.as_bytes(), &mut packed, FlushCompress::Sync).expect("room");
        packed.truncate(packed.len() - 4);
        Frame::new(Opcode::TEXT, packed).rsv(4)
    };
    let server = server();
    let mut raw = deflated(&server);
    raw.send_frame(&message());
    raw.expect_event("pusher:pong");
    raw.send_frame(&message());
    raw.expect_close(1007);
}

/// Who has not read the answer cannot know that compression was agreed to.
#[test]
fn a_compressed_message_right_behind_the_handshake_is_a_protocol_error() {
    let server = server();
    let ping = r#"{"event":"pusher:ping","data":{}}"#;
    for (frame, is_plain) in [(Frame::text(ping), true), (packed_text(ping), false)] {
        let header = format!("\r\nSec-WebSocket-Extensions: {OFFER}\r\n\r\n");
        let request = upgrade_request("/app/app-key?protocol=7").replace("\r\n\r\n", &header);
        let mut raw = Raw::connect(server.address());
        raw.send(&[request.as_bytes(), &frame.to_bytes()].concat());
        assert_eq!(raw.response().header("sec-websocket-extensions"), Some(AGREED));
        raw.expect_event("pusher:connection_established");
        if is_plain {
            raw.expect_event("pusher:pong");
            raw.send_frame(&packed_text(ping));
            raw.expect_event("pusher:pong");
        } else {
            raw.expect_close(1002);
        }
    }
}

#[test]
fn the_echo_listener_compresses_both_ways() {
    let server = Server::start(Options::new().echo());
    let mut raw = Raw::connect(server.echo_address());
    assert_eq!(upgrade(&mut raw, "/", OFFER).as_deref(), Some(AGREED));
    let text = "words and words and words ".repeat(1_000);
    raw.send_frame(&packed_text(&text));
    let frame = raw.frame();
    assert_eq!((frame.rsv, inflate(&frame.payload)), (4, text));
    raw.send_frame(&Frame::text("short"));
    let frame = raw.frame();
    assert_eq!((frame.rsv, frame.payload), (0, b"short".to_vec()));
}

/// What the server does before it answers somebody else while bombs go on, in time on its core: a
/// machine that is busy with other tests adds nothing to that. Half of the time, and at most.
const MEDIAN_MAX: Duration = Duration::from_millis(50);
const LONGEST_MAX: Duration = Duration::from_millis(250);

/// A hundred clients send small frames that become 32 KiB each, as fast as they are taken.
#[test]
fn many_bombs_keep_nobody_else_waiting() {
    const BOMBS: usize = 100;
    const PINGS: usize = 40;
    let server = server();
    let text = json!({"event": "e", "data": "x".repeat(32_000)}).to_string();
    let bomb = packed_text(&text).to_bytes();
    assert!(bomb.len() < 100, "{} bytes", bomb.len());
    let raws: Vec<Raw> = (0..BOMBS).map(|_| deflated(&server)).collect();
    let (mut plain, mut packed) = (Client::connect(&server), deflated(&server));
    let floods: Vec<Flood> = raws.iter().map(|it| Flood::hearing(it.stream(), &bomb)).collect();
    until("the bombs are heard", || server.metric("uringcast_received_bytes_total") > 1e6);
    let ping = packed_text(r#"{"event":"pusher:ping","data":{}}"#);
    let (mut of_plain, mut of_packed) = (Vec::new(), Vec::new());
    for _ in 0..PINGS {
        let start = cpu_time(server.pid());
        plain.expect_quiet();
        of_plain.push(cpu_time(server.pid()).saturating_sub(start));
        let start = cpu_time(server.pid());
        packed.send_frame(&ping);
        packed.expect_event("pusher:pong");
        of_packed.push(cpu_time(server.pid()).saturating_sub(start));
    }
    of_plain.sort_unstable();
    of_packed.sort_unstable();
    let (median, longest) = (of_plain[PINGS / 2], of_plain[PINGS - 1]);
    assert!(median < MEDIAN_MAX && longest < LONGEST_MAX, "{of_plain:?}");
    // Who may compress waits for one message of each bomb.
    let longest = of_packed[PINGS - 1];
    assert!(longest < LONGEST_MAX, "{of_packed:?}");
    assert!(server.metric("uringcast_inflate_waits_total") > 100.0);
    drop(floods);
}
