//! Which channels of an app have a log, and what each may keep.
//!
//! A zero-pub-sub room is a channel whose name has a colon, which no Pusher channel has. Every room
//! has a log; other channels have one if a pattern of their app says so.

/// What an app keeps of the channels that match a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRule {
    /// The channels' names, `*` for any part of one.
    pub pattern: String,
    /// Events one channel keeps. Default 10,000.
    pub events_max: u32,
    /// Bytes of those. Default 8 MiB.
    pub bytes_max: u32,
    /// Seconds an event is kept. Default 86,400: a day, as the original of zero-pub-sub has it.
    pub ttl_s: u32,
    /// Whether a subscriber that falls behind is served from the log and not closed. Default true.
    pub catch_up: bool,
}

impl HistoryRule {
    /// What channels that match `pattern` keep by default.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self {
            pattern: pattern.into(),
            events_max: 10_000,
            bytes_max: 8 << 20,
            ttl_s: 86_400,
            catch_up: true,
        }
    }
}

/// The rule for the channel called `name`: the first of `rules` that matches; `None` keeps nothing.
///
/// A room that no rule matches keeps what is kept by default. A wildcard of rooms keeps nothing.
pub fn rule_of(rules: &[HistoryRule], name: &str) -> Option<HistoryRule> {
    if !has_rule(rules, name) {
        return None;
    }
    let is_room = is_room(name);
    let found = rules.iter().find(|rule| is_match(&rule.pattern, name)).cloned();
    found.or_else(|| is_room.then(|| HistoryRule::new("*:*")))
}

/// Whether there is a rule for the channel called `name`.
pub(super) fn has_rule(rules: &[HistoryRule], name: &str) -> bool {
    if is_room(name) {
        !name.ends_with(":*")
    } else {
        rules.iter().any(|it| is_match(&it.pattern, name))
    }
}

/// Whether `name` is that of a zero-pub-sub room.
pub fn is_room(name: &str) -> bool {
    name.contains(':')
}

/// The wildcard that a room's events go to besides: `scope:*` of `scope:id`.
pub fn wildcard_of(name: &str) -> Option<String> {
    let (scope, id) = name.split_once(':')?;
    (id != "*").then(|| format!("{scope}:*"))
}

/// Whether `pattern`, in which `*` is any part, stands for `name`.
///
/// Linear: a later `*` never gives back to an earlier one, because the earliest place for what
/// stands between two is as good as any.
pub fn is_match(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*').filter(|part| !part.is_empty()) {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_part_of_a_name() {
        for (pattern, names, others) in [
            ("a", &["a"][..], &["", "aa", "b"][..]),
            ("*", &["", "a"], &[]),
            ("a-*", &["a-", "a-b"], &["a", "b-a-"]),
            ("*-a", &["-a", "b-a"], &["-ab"]),
            ("a*a", &["aa", "aba"], &["a", "ab"]),
            ("a*b*c", &["abc", "axbxc", "abbc"], &["ac", "acb"]),
            ("*b**", &["b", "abc"], &["a"]),
            ("a*bc*bc", &["abcbc", "abcxbc"], &["abc"]),
            ("aa*a", &["aaa"], &["aa"]),
            ("a**b", &["ab"], &["a"]),
            ("a-*-x-*-y", &["a-1-x-2-y"], &["a-1-x-y"]),
        ] {
            assert!(names.iter().all(|name| is_match(pattern, name)), "{pattern}");
            assert!(!others.iter().any(|name| is_match(pattern, name)), "{pattern}");
        }
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let small = HistoryRule { events_max: 1, ..HistoryRule::new("a-small-*") };
        let rules = [small.clone(), HistoryRule::new("a-*")];
        assert_eq!(rule_of(&rules, "a-small-1"), Some(small));
        assert_eq!(rule_of(&rules, "a-1"), Some(HistoryRule::new("a-*")));
        assert_eq!(rule_of(&rules, "b"), None);
    }

    #[test]
    fn a_room_has_a_log_and_its_wildcard_has_none() {
        assert_eq!(rule_of(&[], "chat:1").map(|rule| rule.events_max), Some(10_000));
        assert_eq!(rule_of(&[], "chat:*"), None);
        assert_eq!(wildcard_of("chat:a:b").as_deref(), Some("chat:*"));
        assert_eq!((wildcard_of("chat:*"), wildcard_of("chat")), (None, None));
    }
}
