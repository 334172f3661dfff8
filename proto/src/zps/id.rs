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

/// A name for something that happened at `unix_ms`; `random` must differ from name to name.
pub fn generate(prefix: Prefix, unix_ms: u64, random: u64) -> String {
    let prefix = match prefix {
        Prefix::Event => "evt_",
        Prefix::Ephemeral => "eph_",
        Prefix::DeadLetter => "dlq_",
    };
    let mut id = String::with_capacity(4 + 13 + 1 + RANDOM_DIGITS);
    id.push_str(prefix);
    push_base36(&mut id, unix_ms, 1);
    id.push('_');
    push_base36(&mut id, random % 36_u64.pow(RANDOM_DIGITS as u32), RANDOM_DIGITS);
    id
}

/// Append `number` with at least `digits_min` digits.
fn push_base36(text: &mut String, mut number: u64, digits_min: usize) {
    let mut digits = [b'0'; 13]; // 36 to the power of 13 is more than any u64.
    let mut at = digits.len();
    while number > 0 {
        at -= 1;
        digits[at] = DIGITS[(number % 36) as usize];
        number /= 36;
    }
    at = at.min(digits.len() - digits_min);
    text.extend(digits[at..].iter().copied().map(char::from));
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
