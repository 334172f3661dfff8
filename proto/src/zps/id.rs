//! Names of events that came without one: `evt_<base 36 of the milliseconds>_<random>`.

/// The kinds of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// An event that is kept in its room's log.
    Event,
    /// One that is not.
    Ephemeral,
    /// One that could not be delivered.
    DeadLetter,
}

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// How many random digits a name ends with; 36 to the power of that is below 2 to the power of 64.
const RANDOM_DIGITS: usize = 11;

/// The longest name: a prefix, the largest number, a line and the random digits.
const BYTES_MAX: usize = 4 + 13 + 1 + RANDOM_DIGITS;

/// A name for something that happened at `unix_ms`; `random` must differ from name to name.
pub fn generate(prefix: Prefix, unix_ms: u64, random: u64) -> String {
    let prefix = match prefix {
        Prefix::Event => b"evt_",
        Prefix::Ephemeral => b"eph_",
        Prefix::DeadLetter => b"dlq_",
    };
    // From its end, because the number of digits of a number is known last.
    let mut text = [b'0'; BYTES_MAX];
    write_base36(&mut text, random % 36_u64.pow(RANDOM_DIGITS as u32));
    let line = BYTES_MAX - RANDOM_DIGITS - 1;
    text[line] = b'_';
    let first = write_base36(&mut text[..line], unix_ms).min(line - 1);
    let start = first - prefix.len();
    text[start..first].copy_from_slice(prefix);
    str::from_utf8(&text[start..]).expect("digits are ASCII").to_owned()
}

/// Write the digits of `number` at the end of `text`; returns where they begin.
fn write_base36(text: &mut [u8], mut number: u64) -> usize {
    let mut at = text.len();
    while number > 0 {
        at -= 1;
        text[at] = DIGITS[(number % 36) as usize];
        number /= 36;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time is that of an event of the original server: `evt_mwptsqjc_...` was emitted at
    /// 2026-11-21T03:05:48.888Z.
    #[test]
    fn an_id_begins_with_its_time() {
        let id = generate(Prefix::Event, 1_795_230_348_888, 35);
        assert_eq!(id, "evt_mwptsqjc_0000000000z");
        assert_eq!(generate(Prefix::Ephemeral, 0, 0), "eph_0_00000000000");
        assert_eq!(generate(Prefix::DeadLetter, 1, u64::MAX).len(), "dlq_1_".len() + 11);
    }
}
