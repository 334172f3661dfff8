//! The masking of client frames (RFC 6455 section 5.3): an exclusive or with four bytes, repeated.

/// Mask or unmask `payload` in place, with `mask[0]` on its first byte.
///
/// Eight bytes a step: the compiler makes vector instructions of it.
pub(super) fn apply(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    let (word, rest) = rest.as_chunks_mut::<4>();
    for word in word {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask) {
        *byte ^= key;
    }
}

/// The mask for the bytes that follow the first `masked_bytes`.
pub(super) fn advance(mask: &mut [u8; 4], masked_bytes: usize) {
    mask.rotate_left(masked_bytes % 4);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_matches_the_definition() {
        let mask = [0x12, 0x34, 0x56, 0x78];
        for len in 0..100_u8 {
            let plain: Vec<u8> = (0..len).collect();
            let mut masked = plain.clone();
            apply(&mut masked, mask);
            let expected: Vec<u8> =
                plain.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]).collect();
            assert_eq!(masked, expected);
        }
    }

    #[test]
    fn masking_in_pieces_is_masking_at_once() {
        for cut in 0..=40 {
            let mut whole = [7; 40];
            let mut pieces = whole;
            let mut mask = [1, 2, 3, 4];
            apply(&mut whole, mask);
            let (first, second) = pieces.split_at_mut(cut);
            apply(first, mask);
            advance(&mut mask, cut);
            apply(second, mask);
            assert_eq!(pieces, whole);
        }
    }
}
