//! Times as clients write and read them: ISO 8601 in UTC with milliseconds.

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The last moment that four digits of a year can name: 9999-12-31T23:59:59.999Z.
pub const UNIX_MS_MAX: u64 = 253_402_300_799_999;

/// Bytes of a time as [`write()`] writes it.
pub const TEXT_BYTES: usize = "2026-11-21T03:05:48.888Z".len();

/// Append the moment `unix_ms` as `2026-11-21T03:05:48.888Z`; later ones than there can be become
/// the last one.
pub fn write(output: &mut Vec<u8>, unix_ms: u64) {
    let unix_ms = unix_ms.min(UNIX_MS_MAX);
    let (year, month, day) = civil_of_day(unix_ms / DAY_MS);
    let ms = (unix_ms % DAY_MS) as u32;
    let mut text = *b"0000-00-00T00:00:00.000Z";
    two_digits(&mut text, 0, year as u32 / 100);
    two_digits(&mut text, 2, year as u32 % 100);
    two_digits(&mut text, 5, month as u32);
    two_digits(&mut text, 8, day as u32);
    two_digits(&mut text, 11, ms / 3_600_000);
    two_digits(&mut text, 14, ms / 60_000 % 60);
    two_digits(&mut text, 17, ms / 1000 % 60);
    text[20] = b'0' + (ms / 100 % 10) as u8;
    two_digits(&mut text, 21, ms % 100);
    output.extend_from_slice(&text);
}

/// The moment `unix_ms`, in milliseconds since 1970, as a text such as `2026-11-21T03:05:48.888Z`.
pub fn text(unix_ms: u64) -> String {
    let mut output = Vec::with_capacity(TEXT_BYTES);
    write(&mut output, unix_ms);
    String::from_utf8(output).expect("digits and marks are ASCII")
}

/// The moment that `text` names, in milliseconds since 1970: `2026-11-21`, or with a time
/// `T03:05`, `T03:05:48` or `T03:05:48.888` and `Z`, an offset such as `+02:00`, or nothing.
///
/// Without a zone it is UTC, also where a browser would take its own zone.
pub fn parse(text: &str) -> Option<u64> {
    let (date, time) =
        text.split_once(['T', 't', ' ']).map_or((text, ""), |(date, time)| (date, time));
    let days = parse_date(date)?;
    if time.is_empty() {
        return (date.len() == text.len()).then(|| days * DAY_MS);
    }
    let at = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let local = days * DAY_MS + parse_clock(&time[..at])?;
    local.checked_add_signed(-offset_ms(&time[at..])?)
}

fn parse_date(text: &str) -> Option<u64> {
    let mut parts = text.split('-');
    let year = number(parts.next()?, 4, 9999)?;
    let month = number(parts.next()?, 2, 12)?;
    let day = number(parts.next()?, 2, 31)?;
    if parts.next().is_some() || year < 1970 || month < 1 || day < 1 {
        return None;
    }
    let days = days_of_civil(year, month, day);
    (civil_of_day(days) == (year, month, day)).then_some(days)
}

fn parse_clock(text: &str) -> Option<u64> {
    let (text, fraction) = text.split_once('.').map_or((text, None), |(a, b)| (a, Some(b)));
    let mut parts = text.split(':');
    let hours = number(parts.next()?, 2, 23)?;
    let minutes = number(parts.next()?, 2, 59)?;
    let seconds = parts.next().map_or(Some(0), |part| number(part, 2, 59))?;
    if parts.next().is_some() {
        return None;
    }
    let ms = match fraction {
        None => 0,
        Some(digits) if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) => {
            return None;
        }
        Some(digits) => digits
            .bytes()
            .chain(*b"00")
            .take(3)
            .fold(0, |ms, digit| ms * 10 + u64::from(digit - b'0')),
    };
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms)
}

fn offset_ms(text: &str) -> Option<i64> {
    let (sign, text) = match text.as_bytes().first() {
        None => return Some(0),
        Some(b'Z' | b'z') => return (text.len() == 1).then_some(0),
        Some(b'-') => (-1, &text[1..]),
        Some(_) => (1, &text[1..]),
    };
    let (hours, minutes) = text.split_once(':')?;
    let minutes = number(hours, 2, 23)? * 60 + number(minutes, 2, 59)?;
    Some(sign * 60_000 * minutes.cast_signed())
}

/// A number of exactly `digits` digits, at most `max`.
fn number(text: &str, digits: usize, max: u64) -> Option<u64> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&number| is_number && number <= max)
}

/// Write a number below 100 at `at`.
#[inline]
fn two_digits(text: &mut [u8; TEXT_BYTES], at: usize, number: u32) {
    text[at] = b'0' + (number / 10) as u8;
    text[at + 1] = b'0' + (number % 10) as u8;
}

/// Year, month and day of a day since 1970.
///
/// Counted in years that begin in March, so that the leap day is a year's last; 719,468 days lie
/// between 0000-03-01 and 1970-01-01, and 146,097 days are 400 years.
const fn civil_of_day(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = 400 * era + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// The day since 1970 of a date that is not before it; the other way round of [`civil_of_day`].
const fn days_of_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_original_server_writes_them() {
        for (unix_ms, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_230_348_888, "2026-11-21T03:05:48.888Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (UNIX_MS_MAX, "9999-12-31T23:59:59.999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(text(unix_ms), expected);
        }
    }

    #[test]
    fn every_day_of_400_years_is_read_back() {
        for day in 0..146_097 {
            let unix_ms = day * DAY_MS + 12_345_678;
            assert_eq!(parse(&text(unix_ms)), Some(unix_ms));
        }
    }

    #[test]
    fn shorter_forms_and_offsets_are_read() {
        for (text, unix_ms) in [
            ("1970-01-02", DAY_MS),
            ("1970-01-01T00:01Z", 60_000),
            ("1970-01-01T00:00:01", 1000),
            ("1970-01-01T00:00:00.5Z", 500),
            ("1970-01-01T00:00:00.1234567Z", 123),
            ("1970-01-01T02:00:00.000+02:00", 0),
            ("1970-01-01T00:00:00-00:30", 1_800_000),
        ] {
            assert_eq!(parse(text), Some(unix_ms), "{text}");
        }
    }

    #[test]
    fn other_texts_name_no_moment() {
        for text in [
            "",
            "x",
            "1970",
            "1970-1-1",
            "1970-13-01",
            "2026-02-29",
            "1969-12-31",
            "1970-01-01T",
            "1970-01-01T24:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00Zx",
            "1970-01-01T00Z",
            "1970-01-01T00:00:00+01:00",
            "1970-01-01T00:00+0100",
            "+970-01-01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
