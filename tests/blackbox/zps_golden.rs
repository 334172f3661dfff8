//! The original server's transcripts, said again to this server.
//!
//! What the original answered must come back byte for byte, but for names and times that no two
//! runs share. Everything else that differs is on purpose and stands in [`DEVIATIONS`].

use serde_json::{Value, json};
use uringcast_tests::{Http, Options, Server, Zps, token};

const OPEN: &str = include_str!("golden/zps.txt");
const WITH_TOKENS: &str = include_str!("golden/zps-auth.txt");

/// What signs tokens here; the original's test has a function that knows the word `good`.
const SECRET: &str = "golden";

/// One line of a transcript.
#[derive(Clone, Debug, PartialEq)]
enum Line {
    Send(String),
    Receive(String),
    /// The server closes with this code and reason.
    Close(u16, String),
    /// The client closes.
    Leave,
}

/// Where this server differs: the section, why, and what its transcript would be.
struct Deviation {
    section: &'static str,
    why: &'static str,
    change: fn(&mut Vec<Line>),
}

const DEVIATIONS: &[Deviation] = &[
    Deviation {
        section: "rate limit",
        why: "acks do not count as messages: whoever reads fast would be closed for it",
        change: |lines| {
            let error = lines.iter().rposition(|line| matches!(line, Line::Receive(_)));
            lines.truncate(error.expect("the original closes"));
            lines.push(ack_of_chat_1());
            lines.push(Line::Leave);
        },
    },
    Deviation {
        section: "history from 4 + types + replay",
        why: "the limit of a replay counts what is sent, not what was looked at",
        change: |lines| {
            let is_it = |line: &Line| matches!(line, Line::Send(it) if it.contains(r#""limit":2"#));
            let at = lines.iter().position(is_it).expect("the section asks for two events");
            let (first, third) = (odd_event(1), odd_event(3));
            let answer =
                format!(r#"{{"type":"replay","room":"chat:hist","events":[{first},{third}]}}"#);
            lines[at + 1] = Line::Receive(answer);
        },
    },
    Deviation {
        section: "bad token",
        why: "what is wrong with a token is not told",
        change: |lines| {
            lines[1] = Line::Receive(r#"{"type":"error","message":"Invalid token"}"#.into());
        },
    },
];

fn ack_of_chat_1() -> Line {
    Line::Receive(r#"{"type":"ack","room":"chat:1","sequence":1}"#.into())
}

/// An event as the original's test had published it.
fn odd_event(number: u64) -> String {
    format!(
        concat!(
            r#"{{"id":"evt_0_0","type":"odd","room":"chat:hist","sequence":{0},"#,
            r#""emittedAt":"2026-11-21T03:05:43.394Z","expiresAt":"2026-11-22T03:05:43.394Z","#,
            r#""payload":{{"i":{0}}},"metadata":{{"provider":"redis"}}}}"#
        ),
        number
    )
}

/// The sections of a transcript, each with its name.
fn sections(transcript: &str) -> Vec<(String, Vec<Line>)> {
    let mut sections: Vec<(String, Vec<Line>)> = Vec::new();
    for text in transcript.lines() {
        if let Some(name) = text.strip_prefix("## ") {
            sections.push((name.to_owned(), Vec::new()));
            continue;
        }
        let lines = &mut sections.last_mut().expect("a transcript begins with a section").1;
        lines.push(line(&text[2..]));
    }
    for (name, lines) in &mut sections {
        // What the section before left open ends in the next, and some is sent after the end.
        if lines[0] == Line::Leave {
            lines.remove(0);
        }
        let end = lines.iter().position(|line| matches!(line, Line::Close(..)));
        lines.truncate(end.map_or(lines.len(), |end| end + 1));
        for deviation in DEVIATIONS.iter().filter(|it| it.section == name) {
            assert!(!deviation.why.is_empty());
            (deviation.change)(lines);
        }
    }
    sections
}

fn line(text: &str) -> Line {
    let line: Value = serde_json::from_str(text).expect("a line is JSON");
    let text = |value: &Value| value.as_str().expect("the field is a string").to_owned();
    if let Some(sent) = line.get("send") {
        let sent = text(sent);
        let is_cut = sent.ends_with("...(70068 bytes)");
        return Line::Send(if is_cut { large_message() } else { sent });
    }
    if let Some(received) = line.get("recv") {
        return Line::Receive(text(received));
    }
    match line["close"]["code"].as_u64().expect("a close has a code") {
        1005 => Line::Leave,
        code => Line::Close(code as u16, text(&line["close"]["reason"])),
    }
}

/// The transcript shows the start of this one only.
fn large_message() -> String {
    let head = r#"{"type":"publish","event":{"type":"t","room":"chat:1","payload":""#;
    let mut text = head.to_owned();
    text.push_str(&"x".repeat(70_068 - head.len() - r#""}}"#.len()));
    text + r#""}}"#
}

/// `text` with what no two runs share made the same.
fn mask(text: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('"') {
        let (before, quoted) = rest.split_at(at + 1);
        let end = quoted.find('"').unwrap_or(quoted.len());
        masked.push_str(before);
        masked.push_str(mask_value(&quoted[..end]));
        let end = (end + 1).min(quoted.len());
        if end <= quoted.len() && quoted[..end].ends_with('"') {
            masked.push('"');
        }
        rest = &quoted[end..];
    }
    masked + rest
}

fn mask_value(value: &str) -> &str {
    let is_time = value.len() == 24 && value.ends_with('Z') && value.as_bytes()[10] == b'T';
    match value {
        _ if is_time => "TIME",
        _ if value.starts_with("evt_") => "EVENT",
        _ if value.starts_with("eph_") => "EPHEMERAL",
        "redis" | "memory" => "PROVIDER",
        other => other,
    }
}

/// Say everything that a section's client says, and hear everything that it heard.
fn replay(server: &Server, name: &str, lines: &[Line]) {
    let mut zps = Zps::open(server, "/");
    for line in lines {
        match line {
            Line::Send(text) => zps.send_text(text),
            Line::Receive(expected) => {
                let found = zps.text();
                assert_eq!(mask(&found), mask(expected), "{name}: {found}");
            }
            Line::Close(code, reason) => return zps.expect_close(*code, reason),
            Line::Leave => return zps.close(),
        }
    }
    zps.expect_quiet();
}

/// What the original's test had published and stored before.
fn publish_history(server: &Server) {
    let mut zps = Zps::connect(server, "history");
    for number in 1..=5 {
        let event_type = if number % 2 == 1 { "odd" } else { "even" };
        zps.publish("chat:hist", event_type, &json!({"i": number}));
    }
    zps.expect_quiet();
    let snapshot = r#"{"lastSequence":3,"state":{"n":3}}"#;
    let head = "PUT /rooms/chat%3Ahist/snapshot HTTP/1.1\r\nHost: a\r\n\
                Authorization: Bearer app-secret\r\nContent-Length:";
    let mut http = Http::connect(server.address());
    http.send(format!("{head} {}\r\n\r\n{snapshot}", snapshot.len()).as_bytes());
    assert_eq!(http.response().status, 200);
}

#[test]
fn the_transcript_without_tokens_is_the_same_here() {
    let server = Server::start(
        // Original clients are told more than the original tells them: see `zps_rooms`.
        Options::new().config("[zps]\nallow_client_publish = true\ncursor_fast_forward = false\n"),
    );
    publish_history(&server);
    let sections = sections(OPEN);
    assert_eq!(sections.len(), 13);
    for (name, lines) in sections {
        replay(&server, &name, &lines);
    }
}

#[test]
fn the_transcript_with_tokens_is_the_same_here() {
    let config =
        format!("[zps]\nallow_client_publish = true\njwt_secret = {SECRET:?}\nscopes = \"chat\"\n");
    let server = Server::start(Options::new().config(&config));
    let slow = Server::start(Options::new().config(&format!("{config}init_timeout_ms = 200\n")));
    let good = token(SECRET, &json!({"exp": 4_000_000_000_u64, "rooms": ["chat:ok", "admin:*"]}));
    let sections = sections(WITH_TOKENS);
    assert_eq!(sections.len(), 4);
    for (name, mut lines) in sections {
        for line in &mut lines {
            if let Line::Send(text) = line {
                *text = text.replace(r#""token":"good""#, &format!(r#""token":"{good}""#));
            }
        }
        let server = if name == "init timeout" { &slow } else { &server };
        replay(server, &name, &lines);
    }
}

#[test]
fn every_deviation_is_about_a_section_that_there_is() {
    let sections: Vec<_> =
        [sections(OPEN), sections(WITH_TOKENS)].concat().into_iter().map(|it| it.0).collect();
    for Deviation { section, .. } in DEVIATIONS {
        assert!(sections.iter().any(|name| name == section), "{section}");
    }
}
