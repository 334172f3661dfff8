//! The compression of single messages: `permessage-deflate` (RFC 7692).
//!
//! Both directions are agreed to have no context takeover: every message is compressed as if it
//! were the first. So one frame serves every client that agreed, a connection has no state of its
//! own, and one [`Deflater`] and one [`Inflater`] do for a whole core.
//!
//! Invariant: between messages neither keeps anything of the last one but room, and of that no more
//! than [`KEPT_BYTES_MAX`].

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::{Opcode, encode};

/// What the flush at a message's end leaves and neither side sends (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// What the flush at a message's end leaves, and an empty last block: who reaches its end has, but
/// for a coincidence, read whole blocks before.
const TAIL_AND_END: [u8; 9] = [0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff];

/// The first room for an inflated message, about the size of an event; it doubles from there.
const INFLATE_STEP_BYTES: usize = 4 * 1024;

/// The most room that is kept from one message to the next.
pub const KEPT_BYTES_MAX: usize = 64 * 1024;

/// Compresses messages, one at a time. Holds about 300 KiB.
#[derive(Debug)]
pub struct Deflater {
    compress: Compress,
    packed: Vec<u8>,
}

/// Decompresses messages, one at a time. Holds nothing until the first, then about 50 KiB.
#[derive(Debug, Default)]
pub struct Inflater {
    decompress: Option<Decompress>,
    output: Vec<u8>,
    inflated_bytes: u64,
}

/// Why a compressed message is not read. The connection survives neither.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InflateError {
    /// The bytes are no DEFLATE blocks, or the last one is cut short.
    #[error("the compressed data is corrupt")]
    Corrupt,
    /// The message would be longer than was allowed. Expected from attackers.
    #[error("the decompressed message is too big")]
    TooBig,
}

impl Deflater {
    /// A compressor at zlib's default level and with the largest window, 32 KiB.
    ///
    /// A frame is compressed once for all who get it, so what a better level costs is shared.
    pub fn new() -> Self {
        Self { compress: Compress::new(Compression::default(), false), packed: Vec::new() }
    }

    /// Append one whole frame with `payload` compressed, if that is shorter; else append nothing.
    ///
    /// Gives the length of the compressed payload.
    pub fn frame_into(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        output: &mut Vec<u8>,
    ) -> Option<usize> {
        self.compress.reset();
        self.packed.clear();
        self.packed.reserve(payload.len() + TAIL.len());
        let flushed = self.compress.compress_vec(payload, &mut self.packed, FlushCompress::Sync);
        // When the room is used up there may be more to come, and that is no gain already.
        let is_whole = flushed.is_ok() && self.packed.len() < self.packed.capacity();
        let message = self.packed.strip_suffix(&TAIL).filter(|_| is_whole);
        let message = message.filter(|message| message.len() < payload.len());
        let packed_bytes = message.map(|message| {
            encode::compressed_header_into(opcode, message.len(), output);
            output.extend_from_slice(message);
            message.len()
        });
        self.packed.clear();
        self.packed.shrink_to(KEPT_BYTES_MAX);
        packed_bytes
    }
}

impl Default for Deflater {
    fn default() -> Self {
        Self::new()
    }
}

impl Inflater {
    /// What a compressed message says, if it is at most `bytes_max` bytes long.
    ///
    /// It stops as soon as there is more, so a small message that would become a huge one costs no
    /// more than one that is as long as the limit.
    pub fn message(&mut self, payload: &[u8], bytes_max: usize) -> Result<&[u8], InflateError> {
        let decompress = self.decompress.get_or_insert_with(|| Decompress::new(false));
        decompress.reset(false);
        self.output.clear();
        self.output.shrink_to(KEPT_BYTES_MAX);
        let inflated = inflate(decompress, payload, &mut self.output, bytes_max);
        self.inflated_bytes += self.output.len() as u64;
        inflated.map(|()| &*self.output)
    }

    /// What all messages have become together, those that were refused as far as they were read.
    pub const fn inflated_bytes(&self) -> u64 {
        self.inflated_bytes
    }
}

/// Append what a message becomes.
fn inflate(
    decompress: &mut Decompress,
    payload: &[u8],
    output: &mut Vec<u8>,
    bytes_max: usize,
) -> Result<(), InflateError> {
    let mut end = inflate_piece(decompress, payload, output, bytes_max)?;
    if end == End::Open {
        end = inflate_piece(decompress, &TAIL_AND_END, output, bytes_max)?;
    }
    if end == End::Open { Err(InflateError::Corrupt) } else { Ok(()) }
}

/// How a piece of compressed data ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// With the last byte of a block that says it is the last.
    Closed,
    /// Anywhere else than with such a byte.
    Open,
}

/// Append what all of `piece` becomes.
///
/// A block may say that it is the last one and still be followed by others (RFC 7692 section
/// 7.2.3.4): each such block starts afresh.
fn inflate_piece(
    decompress: &mut Decompress,
    mut piece: &[u8],
    output: &mut Vec<u8>,
    bytes_max: usize,
) -> Result<End, InflateError> {
    loop {
        // Room for a byte too many, by which a message that is too big shows.
        let room_max = bytes_max + 1 - output.len();
        output.reserve_exact(output.len().max(INFLATE_STEP_BYTES).min(room_max));
        let before = decompress.total_in();
        let status = decompress
            .decompress_vec(piece, output, FlushDecompress::Sync)
            .map_err(|_| InflateError::Corrupt)?;
        piece = &piece[(decompress.total_in() - before) as usize..];
        if output.len() > bytes_max {
            return Err(InflateError::TooBig);
        }
        match status {
            Status::StreamEnd if piece.is_empty() => return Ok(End::Closed),
            Status::StreamEnd => decompress.reset(false),
            // It stopped for want of input and not of room.
            Status::Ok | Status::BufError if output.len() < output.capacity() => {
                return Ok(End::Open);
            }
            Status::Ok | Status::BufError => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::random::Random;

    fn deflate(payload: &[u8]) -> Option<Vec<u8>> {
        let mut frame = Vec::new();
        let packed = Deflater::new().frame_into(Opcode::Text, payload, &mut frame)?;
        Some(frame.split_off(frame.len() - packed))
    }

    fn inflated(payload: &[u8]) -> Result<Vec<u8>, InflateError> {
        Inflater::default().message(payload, 1 << 20).map(<[u8]>::to_vec)
    }

    #[test]
    fn the_examples_of_the_rfc_say_hello() {
        for (section, payload) in [
            ("7.2.3.1", &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..]),
            ("7.2.3.3", &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]),
            ("7.2.3.4", &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]),
            (
                "7.2.3.5",
                &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
            ),
        ] {
            assert_eq!(
                inflated(payload).as_deref(),
                Ok(&b"Hello"[..]),
                "RFC 7692 section {section}"
            );
        }
        assert_eq!(inflated(&[0x00]), Ok(vec![]), "RFC 7692 section 7.2.3.6");
    }

    /// Nothing of a message is needed for the next one, in either direction.
    #[test]
    fn every_message_is_the_first() {
        let payload = "the same words again ".repeat(20);
        let (mut deflater, mut inflater) = (Deflater::new(), Inflater::default());
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let packed = deflater.frame_into(Opcode::Text, payload.as_bytes(), &mut first).unwrap();
        deflater.frame_into(Opcode::Text, payload.as_bytes(), &mut second).unwrap();
        assert_eq!(first, second);
        assert_eq!(first[..2], [0xc1, packed as u8], "FIN, RSV1 and text");
        for _ in 0..2 {
            assert_eq!(inflater.message(&first[2..], 1 << 20).unwrap(), payload.as_bytes());
        }
        // A reference to what the message before said.
        assert_eq!(
            inflater.message(&[0xf2, 0x00, 0x11, 0x00, 0x00], 100),
            Err(InflateError::Corrupt),
            "RFC 7692 section 7.2.3.2"
        );
    }

    #[test]
    fn what_does_not_become_shorter_is_left_alone() {
        let mut random = Random::from_environment();
        for len in [0, 1, 2, 3, 100, 5_000, 100_000] {
            let noise = random.bytes(len);
            let mut output = b"before".to_vec();
            assert_eq!(Deflater::new().frame_into(Opcode::Binary, &noise, &mut output), None);
            assert_eq!(output, b"before");
        }
    }

    #[test]
    fn a_message_may_be_as_long_as_the_limit() {
        let payload = vec![b'x'; 100_000];
        let packed = deflate(&payload).unwrap();
        let mut inflater = Inflater::default();
        assert_eq!(inflater.message(&packed, 100_000).unwrap(), payload);
        assert_eq!(inflater.message(&packed, 99_999), Err(InflateError::TooBig));
        assert_eq!(inflater.inflated_bytes(), 200_000, "of the second to the limit and one byte");
        assert_eq!(inflater.message(&packed, 0), Err(InflateError::TooBig));
        assert_eq!(inflater.message(&[0x00], 0).unwrap(), b"");
    }

    /// 16 MiB of zeros are 16 KiB; memory follows the limit and not what the bytes promise.
    #[test]
    fn a_bomb_costs_no_more_than_the_limit_allows() {
        let bomb = deflate(&vec![0; 16 << 20]).unwrap();
        let mut inflater = Inflater::default();
        assert_eq!(inflater.message(&bomb, 65_536), Err(InflateError::TooBig));
        assert!(inflater.output.capacity() <= 65_537, "{}", inflater.output.capacity());
    }

    #[test]
    fn room_for_a_long_message_is_not_kept() {
        let packed = deflate(&vec![b'x'; 1 << 20]).unwrap();
        let mut inflater = Inflater::default();
        assert_eq!(inflater.message(&packed, 1 << 20).unwrap().len(), 1 << 20);
        assert_eq!(inflater.message(&[0x00], 1 << 20).unwrap(), b"");
        assert!(inflater.output.capacity() <= KEPT_BYTES_MAX + INFLATE_STEP_BYTES + 1);
    }

    /// Now and then the tail happens to complete what was cut: then it says something else.
    #[test]
    fn a_message_cut_short_is_corrupt() {
        let numbers: Vec<String> = (0..200).map(|number: u32| number.to_string()).collect();
        let payload = numbers.join(r#"},{"number":"#);
        let packed = deflate(payload.as_bytes()).unwrap();
        let cuts = (0..packed.len() - 1).map(|end| inflated(&packed[..end]));
        let (corrupt, other): (Vec<_>, Vec<_>) = cuts.partition(Result::is_err);
        assert!(other.len() * 10 < corrupt.len(), "{} of {}", other.len(), corrupt.len());
        assert!(corrupt.iter().all(|error| *error == Err(InflateError::Corrupt)));
    }

    #[test]
    fn messages_of_every_size_and_kind_come_back() {
        let mut random = Random::from_environment();
        let (mut deflater, mut inflater) = (Deflater::new(), Inflater::default());
        for _ in 0..300 {
            let max = [0, 20, 300, 5_000, 70_000][random.up_to(4)];
            let len = random.up_to(max);
            let mut payload = random.text(len);
            if random.one_in(2) {
                payload = payload.chars().take(20).collect::<String>().repeat(len / 20);
            }
            let mut frame = Vec::new();
            let packed = deflater.frame_into(Opcode::Text, payload.as_bytes(), &mut frame);
            let Some(packed) = packed else { continue };
            let message = inflater.message(&frame[frame.len() - packed..], payload.len());
            assert_eq!(message, Ok(payload.as_bytes()));
        }
    }

    /// Whatever the bytes are, they are a message within the limit or an error.
    #[test]
    fn damaged_and_random_bytes_never_pass_the_limit() {
        let mut random = Random::from_environment();
        let mut inflater = Inflater::default();
        let good = deflate("some words and some more words ".repeat(30).as_bytes()).unwrap();
        for _ in 0..20_000 {
            let mut bytes = good.clone();
            if random.one_in(4) {
                let len = random.up_to(60);
                bytes = random.bytes(len);
            } else {
                let place = random.up_to(bytes.len() - 1);
                bytes[place] ^= 1 << random.up_to(7);
            }
            if let Ok(message) = inflater.message(&bytes, 1_000) {
                assert!(message.len() <= 1_000);
            }
        }
    }
}
