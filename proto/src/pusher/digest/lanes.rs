//! MD5 of eight texts at a time, one in each lane of an AVX2 register.
//!
//! Every step of MD5 waits for the one before, so one text alone leaves most of a CPU idle however
//! it is written. Eight take little longer than one. A lane whose text has ended goes on with the
//! next text, so texts of different lengths do not wait for each other.

#![allow(clippy::many_single_char_names, reason = "RFC 1321 has these names")]

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_loadu_si256, _mm256_or_si256,
    _mm256_permute2x128_si256, _mm256_set1_epi32, _mm256_slli_epi32, _mm256_srli_epi32,
    _mm256_storeu_si256, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32,
    _mm256_unpacklo_epi64, _mm256_xor_si256,
};

const LANES: usize = 8;

const BLOCK_BYTES: usize = 64;

/// Bytes behind the text in its last block at least: a one bit and the length.
const PADDING_BYTES_MIN: usize = 9;

type Block = [u8; BLOCK_BYTES];

/// The words a, b, c and d of all lanes.
type State = [__m256i; 4];

/// The words of one block of all lanes.
type Words = [__m256i; 16];

/// RFC 1321 section 3.3.
const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// The text that a lane works on.
#[derive(Clone, Copy)]
struct Lane<'a> {
    /// Where its digest goes; `None` for a lane without a text.
    place: Option<usize>,
    whole: &'a [Block],
    /// What is left of the text, padded.
    tail: [Block; 2],
    tail_blocks: usize,
    /// The block that is next.
    at: usize,
}

impl<'a> Lane<'a> {
    const IDLE: Self =
        Self { place: None, whole: &[], tail: [[0; BLOCK_BYTES]; 2], tail_blocks: 0, at: 0 };

    fn new(place: usize, text: &'a [u8]) -> Self {
        let (whole, rest) = text.as_chunks::<BLOCK_BYTES>();
        let mut tail = [[0; BLOCK_BYTES]; 2];
        let tail_blocks = if rest.len() + PADDING_BYTES_MIN <= BLOCK_BYTES { 1 } else { 2 };
        tail[0][..rest.len()].copy_from_slice(rest);
        tail[0][rest.len()] = 0x80;
        let bits = (text.len() as u64).wrapping_mul(8);
        tail[tail_blocks - 1][BLOCK_BYTES - 8..].copy_from_slice(&bits.to_le_bytes());
        Self { place: Some(place), whole, tail, tail_blocks, at: 0 }
    }

    fn block(&self) -> &Block {
        match self.whole.get(self.at) {
            Some(block) => block,
            None => &self.tail[(self.at - self.whole.len()) & 1],
        }
    }

    /// Go on to the next block; whether there was none.
    fn advance(&mut self) -> bool {
        self.at += 1;
        self.place.is_some() && self.at == self.whole.len() + self.tail_blocks
    }
}

/// The digest of each of `texts`, in their order.
#[target_feature(enable = "avx2")]
pub(super) fn md5_each(texts: &[&[u8]]) -> Vec<[u8; 16]> {
    let mut digests = vec![[0; 16]; texts.len()];
    let mut queue = texts.iter().enumerate().map(|(place, text)| Lane::new(place, text));
    let mut lanes: [Lane<'_>; LANES] = std::array::from_fn(|_| queue.next().unwrap_or(Lane::IDLE));
    let mut state = START.map(|word| [word; LANES]);
    while lanes.iter().any(|lane| lane.place.is_some()) {
        compress(&mut state, lanes.each_ref().map(Lane::block));
        for (index, lane) in lanes.iter_mut().enumerate() {
            if !lane.advance() {
                continue;
            }
            if let Some(place) = lane.place {
                let words = state.map(|words| words[index].to_le_bytes());
                digests[place].copy_from_slice(words.as_flattened());
            }
            *lane = queue.next().unwrap_or(Lane::IDLE);
            for (words, start) in state.iter_mut().zip(START) {
                words[index] = start;
            }
        }
    }
    digests
}

/// RFC 1321 section 3.4, step 4, for one block of each lane.
#[target_feature(enable = "avx2")]
fn compress(state: &mut [[u32; LANES]; 4], blocks: [&Block; LANES]) {
    let words = words(blocks);
    let [a, b, c, d] = state;
    let start = [load_words(a), load_words(b), load_words(c), load_words(d)];
    let end = round_1::<12>(
        round_1::<8>(round_1::<4>(round_1::<0>(start, &words), &words), &words),
        &words,
    );
    let end = round_2::<28>(
        round_2::<24>(round_2::<20>(round_2::<16>(end, &words), &words), &words),
        &words,
    );
    let end = round_3::<44>(
        round_3::<40>(round_3::<36>(round_3::<32>(end, &words), &words), &words),
        &words,
    );
    let end = round_4::<60>(
        round_4::<56>(round_4::<52>(round_4::<48>(end, &words), &words), &words),
        &words,
    );
    for ((words, start), end) in state.iter_mut().zip(start).zip(end) {
        *words = store(_mm256_add_epi32(start, end));
    }
}

/// Four steps of the first round, from step `I` on.
#[inline]
#[target_feature(enable = "avx2")]
fn round_1<const I: usize>([a, b, c, d]: State, words: &Words) -> State {
    let a = step::<7, 25>(a, b, choose(b, c, d), words[I], SINES[I]);
    let d = step::<12, 20>(d, a, choose(a, b, c), words[I + 1], SINES[I + 1]);
    let c = step::<17, 15>(c, d, choose(d, a, b), words[I + 2], SINES[I + 2]);
    let b = step::<22, 10>(b, c, choose(c, d, a), words[I + 3], SINES[I + 3]);
    [a, b, c, d]
}

/// Four steps of the second round.
#[inline]
#[target_feature(enable = "avx2")]
fn round_2<const I: usize>([a, b, c, d]: State, words: &Words) -> State {
    let word = |step: usize| words[(5 * step + 1) % 16];
    let a = step::<5, 27>(a, b, choose(d, b, c), word(I), SINES[I]);
    let d = step::<9, 23>(d, a, choose(c, a, b), word(I + 1), SINES[I + 1]);
    let c = step::<14, 18>(c, d, choose(b, d, a), word(I + 2), SINES[I + 2]);
    let b = step::<20, 12>(b, c, choose(a, c, d), word(I + 3), SINES[I + 3]);
    [a, b, c, d]
}

/// Four steps of the third round.
#[inline]
#[target_feature(enable = "avx2")]
fn round_3<const I: usize>([a, b, c, d]: State, words: &Words) -> State {
    let word = |step: usize| words[(3 * step + 5) % 16];
    let a = step::<4, 28>(a, b, parity(b, c, d), word(I), SINES[I]);
    let d = step::<11, 21>(d, a, parity(a, b, c), word(I + 1), SINES[I + 1]);
    let c = step::<16, 16>(c, d, parity(d, a, b), word(I + 2), SINES[I + 2]);
    let b = step::<23, 9>(b, c, parity(c, d, a), word(I + 3), SINES[I + 3]);
    [a, b, c, d]
}

/// Four steps of the fourth round.
#[inline]
#[target_feature(enable = "avx2")]
fn round_4<const I: usize>([a, b, c, d]: State, words: &Words) -> State {
    let word = |step: usize| words[(7 * step) % 16];
    let a = step::<6, 26>(a, b, last(b, c, d), word(I), SINES[I]);
    let d = step::<10, 22>(d, a, last(a, b, c), word(I + 1), SINES[I + 1]);
    let c = step::<15, 17>(c, d, last(d, a, b), word(I + 2), SINES[I + 2]);
    let b = step::<21, 11>(b, c, last(c, d, a), word(I + 3), SINES[I + 3]);
    [a, b, c, d]
}

/// The words of the blocks, each with those of all lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn words(blocks: [&Block; LANES]) -> Words {
    let mut words = [splat(0); 16];
    for (at, words) in words.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        for (row, block) in words.iter_mut().zip(blocks) {
            *row = load(&block[at * 32..at * 32 + 32]);
        }
        *words = transposed(*words);
    }
    words
}

/// One step, whose `function` of the other three words is given; `LEFT` and `RIGHT` are 32.
#[inline]
#[target_feature(enable = "avx2")]
fn step<const LEFT: i32, const RIGHT: i32>(
    a: __m256i,
    b: __m256i,
    function: __m256i,
    word: __m256i,
    sine: u32,
) -> __m256i {
    // What does not depend on the step before comes first.
    let ready = _mm256_add_epi32(_mm256_add_epi32(word, splat(sine)), a);
    let sum = _mm256_add_epi32(ready, function);
    let (left, right) = (_mm256_slli_epi32::<LEFT>(sum), _mm256_srli_epi32::<RIGHT>(sum));
    _mm256_add_epi32(b, _mm256_or_si256(left, right))
}

/// The bits of `then` where `bits` has ones, of `other` where it has zeros.
#[inline]
#[target_feature(enable = "avx2")]
fn choose(bits: __m256i, then: __m256i, other: __m256i) -> __m256i {
    _mm256_xor_si256(_mm256_and_si256(bits, _mm256_xor_si256(then, other)), other)
}

#[inline]
#[target_feature(enable = "avx2")]
fn parity(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    _mm256_xor_si256(b, _mm256_xor_si256(c, d))
}

#[inline]
#[target_feature(enable = "avx2")]
fn last(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    _mm256_xor_si256(c, _mm256_or_si256(b, _mm256_xor_si256(d, splat(u32::MAX))))
}

/// What is a row of the argument is a column of the result: each lane's words become each word's
/// lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed(rows: [__m256i; LANES]) -> [__m256i; LANES] {
    let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
    let (a0, a1) = (_mm256_unpacklo_epi32(r0, r1), _mm256_unpackhi_epi32(r0, r1));
    let (b0, b1) = (_mm256_unpacklo_epi32(r2, r3), _mm256_unpackhi_epi32(r2, r3));
    let (c0, c1) = (_mm256_unpacklo_epi32(r4, r5), _mm256_unpackhi_epi32(r4, r5));
    let (d0, d1) = (_mm256_unpacklo_epi32(r6, r7), _mm256_unpackhi_epi32(r6, r7));
    let (e0, e1) = (_mm256_unpacklo_epi64(a0, b0), _mm256_unpackhi_epi64(a0, b0));
    let (e2, e3) = (_mm256_unpacklo_epi64(a1, b1), _mm256_unpackhi_epi64(a1, b1));
    let (f0, f1) = (_mm256_unpacklo_epi64(c0, d0), _mm256_unpackhi_epi64(c0, d0));
    let (f2, f3) = (_mm256_unpacklo_epi64(c1, d1), _mm256_unpackhi_epi64(c1, d1));
    [
        _mm256_permute2x128_si256::<0x20>(e0, f0),
        _mm256_permute2x128_si256::<0x20>(e1, f1),
        _mm256_permute2x128_si256::<0x20>(e2, f2),
        _mm256_permute2x128_si256::<0x20>(e3, f3),
        _mm256_permute2x128_si256::<0x31>(e0, f0),
        _mm256_permute2x128_si256::<0x31>(e1, f1),
        _mm256_permute2x128_si256::<0x31>(e2, f2),
        _mm256_permute2x128_si256::<0x31>(e3, f3),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn splat(word: u32) -> __m256i {
    _mm256_set1_epi32(word.cast_signed())
}

/// Eight words in the order of their bytes in memory.
#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8]) -> __m256i {
    assert_eq!(bytes.len(), size_of::<__m256i>());
    // SAFETY: as many bytes as are read are there; the address need not be aligned.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_words(words: &[u32; LANES]) -> __m256i {
    // SAFETY: as in `load`.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(words: __m256i) -> [u32; LANES] {
    let mut stored = [0; LANES];
    // SAFETY: as many bytes as are written are there; the address need not be aligned.
    unsafe { _mm256_storeu_si256(stored.as_mut_ptr().cast(), words) };
    stored
}

/// The whole part of 2^32 times the absolute sine of 1 to 64 (RFC 1321 section 3.4).
const SINES: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];
