//! What is written is read, and nothing else is.

use super::*;

const SALT: u32 = 0x5eed_1e55;

fn changes() -> Vec<Change> {
    let event = StoredEvent {
        sequence: 7,
        first_sequence: 3,
        unix_ms: 1_700_000_000_000,
        expires_unix_ms: u64::MAX,
        id: "id-7".into(),
        event_type: "\u{e9}v\u{e9}nement".into(),
        frame: Bytes::from_static(b"\x81\x02{}"),
    };
    vec![
        Change::Event(event),
        Change::Head { first_sequence: 8, last_sequence: 7 },
        Change::Cursor { subscriber_id: "ann".into(), sequence: 5, used_unix_ms: 6 },
        Change::CursorForgotten { subscriber_id: "".into() },
        Change::Snapshot(StoredSnapshot {
            last_sequence: 4,
            created_unix_ms: 9,
            state: Bytes::from_static(b"{\"a\":1}"),
        }),
        Change::DeadLetter(StoredDeadLetter { id: "dlq_1".into(), entry: Bytes::new() }),
        Change::DeadLetterGone { id: "dlq_1".into() },
        Change::Forgotten,
    ]
}

fn encoded(change: &Change) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(SALT, ("app", "room:1", 2), change, &mut bytes);
    bytes
}

#[test]
fn every_change_is_read_as_it_was_written() {
    let mut bytes = vec![0; HEADER_BYTES];
    encode_mark(SALT, HEADER_BYTES as u64, &mut bytes);
    for change in changes() {
        encode(SALT, ("app", "room:1", 2), &change, &mut bytes);
    }
    let (mark, mark_bytes) = decode(SALT, &bytes[HEADER_BYTES..], HEADER_BYTES as u64).unwrap();
    assert_eq!((mark, mark_bytes), (Item::Mark, MARK_BYTES));
    let mut offset = HEADER_BYTES + MARK_BYTES;
    for change in changes() {
        let (item, size) = decode(SALT, &bytes[offset..], offset as u64).unwrap();
        let entry = Entry { app_id: "app", channel: "room:1", incarnation: 2, change };
        assert_eq!(item, Item::Change(entry));
        assert_eq!(record_bytes(&bytes[offset..]), Some(size));
        offset += size;
    }
    assert_eq!(offset, bytes.len());
    assert_eq!(decode(SALT, &bytes[offset..], offset as u64), None);
}

#[test]
fn no_part_of_a_record_is_a_record() {
    for change in changes() {
        let bytes = encoded(&change);
        for end in 0..bytes.len() {
            assert_eq!(decode(SALT, &bytes[..end], 0), None, "{change:?} cut at {end}");
        }
        for start in 1..bytes.len() {
            let part = decode(SALT, &bytes[start..], start as u64);
            assert_eq!(part, None, "{change:?} from {start}");
        }
    }
}

#[test]
fn no_bit_of_a_record_can_change_unseen() {
    for change in changes() {
        let bytes = encoded(&change);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(SALT, &changed, 0), None, "{change:?} with bit {bit} changed");
        }
    }
}

#[test]
fn a_record_of_another_segment_is_none_of_this_one() {
    assert_eq!(decode(SALT + 1, &encoded(&Change::Forgotten), 0), None);
}

#[test]
fn zeros_are_no_record() {
    assert_eq!(decode(SALT, &[0; 64], 0), None);
}

#[test]
fn a_mark_counts_only_where_it_was_put() {
    let mut bytes = Vec::new();
    encode_mark(SALT, 0, &mut bytes);
    assert_eq!(decode(SALT, &bytes, 0), Some((Item::Mark, MARK_BYTES)));
    assert_eq!(decode(SALT, &bytes, 1), None);
}

#[test]
fn a_length_above_the_limit_is_none() {
    for length in [RECORD_BYTES_MAX as u32 + 1, u32::MAX] {
        let mut bytes = encoded(&Change::Forgotten);
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        assert_eq!(decode(SALT, &bytes, 0), None);
    }
}

#[test]
fn a_header_is_read_as_it_was_written_and_in_no_other_way() {
    let header = Header { number: 9, salt: SALT, previous: 8, previous_end: 1 << 33 };
    let bytes = header.encode();
    assert_eq!(Header::decode(&bytes), Ok(header));
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Header::decode(&changed), Err(HeaderFault::Damaged), "bit {bit}");
    }
    for end in 0..bytes.len() {
        assert_eq!(Header::decode(&bytes[..end]), Err(HeaderFault::Damaged), "cut at {end}");
    }
}

#[test]
fn a_header_of_another_version_is_named() {
    let mut bytes = Header { number: 1, salt: 0, previous: 0, previous_end: 0 }.encode();
    bytes[8] = 2;
    let checksum = crc32fast::hash(&bytes[..HEADER_BYTES - 4]);
    bytes[HEADER_BYTES - 4..].copy_from_slice(&checksum.to_le_bytes());
    assert_eq!(Header::decode(&bytes), Err(HeaderFault::Version(2)));
}

/// A file that is written today must be read by every later version: these bytes are for ever.
#[test]
fn the_bytes_of_a_cursor_are_these() {
    let change =
        |used_unix_ms| Change::Cursor { subscriber_id: "s".into(), sequence: 258, used_unix_ms };
    let mut bytes = Vec::new();
    encode(0, ("a", "b", 1), &change(3), &mut bytes);
    let body =
        b"\x03\x01\0\0\0\x01\0\0\0a\x01\0\0\0b\x02\x01\0\0\0\0\0\0\x01\0\0\0s\x03\0\0\0\0\0\0\0";
    assert_eq!(bytes[..4], (body.len() as u32).to_le_bytes());
    assert_eq!(bytes[8..], *body);
    // The first versions wrote them without the time.
    let (app_id, channel, incarnation) = ("a", "b", 1);
    let entry = Entry { app_id, channel, incarnation, change: change(0) };
    assert_eq!(decode_body(&body[..body.len() - 8], 0), Some(Item::Change(entry)));
}
