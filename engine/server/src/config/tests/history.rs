//! Which channels of an app have a log.

use super::*;
use crate::app::HistoryRule;

const APP: &str = "[[apps]]\nid = \"a\"\nkey = \"k\"\nsecret = \"s\"\n";

fn problem_count(rule: &str) -> usize {
    let file = format!("{APP}history = [{rule}]");
    load(&file, &[], &[]).map_or_else(|problems| problems.0.len(), |_| 0)
}

#[test]
fn rules_are_read_with_what_they_leave_out() {
    let file = format!(
        "{APP}history = [{{ pattern = \"a-*\", events_max = 7, bytes_max = 70000, ttl_s = 9, \
         catch_up = false }}, {{ pattern = \"chat:*\" }}]"
    );
    let apps = load(&file, &[], &[]).unwrap().config.apps;
    let first = HistoryRule {
        pattern: "a-*".to_owned(),
        events_max: 7,
        bytes_max: 70_000,
        ttl_s: 9,
        catch_up: false,
    };
    assert_eq!(apps[0].history, [first, HistoryRule::new("chat:*")]);
    assert!(apps[0].has_log("a-b") && apps[0].has_log("any:room") && !apps[0].has_log("b"));
}

#[test]
fn rules_hold_at_their_limits_and_not_one_past_them() {
    let of = |part: &str| problem_count(&format!("{{ pattern = \"a\", {part} }}"));
    for (good, bad) in [
        ("events_max = 1", "events_max = 0"),
        ("events_max = 100_000_000", "events_max = 100_000_001"),
        ("bytes_max = 65_536", "bytes_max = 65_535"),
        ("ttl_s = 1", "ttl_s = 0"),
        ("ttl_s = 31_536_000", "ttl_s = 31_536_001"),
        ("catch_up = true", "catch_up = 1"),
        ("catch_up = false", "catchup = false"),
    ] {
        assert_eq!([of(good), of(bad)], [0, 1], "{good}, {bad}");
    }
    let pattern = |text: &str| problem_count(&format!("{{ pattern = \"{text}\" }}"));
    assert_eq!([pattern(&"a".repeat(200)), pattern(&"a".repeat(201))], [0, 1]);
    assert_eq!([pattern("*:*"), pattern(""), pattern("a b")], [0, 1, 1]);
    assert_eq!(problem_count("{ events_max = 1 }"), 1, "a rule needs its pattern");
    let rules = |count| problem_count(&"{ pattern = \"a\" },".repeat(count));
    assert_eq!([rules(100), rules(101)], [0, 1]);
}

#[test]
fn apps_that_say_nothing_have_the_logs_of_the_section() {
    let rules = |patterns: &[&str]| -> Vec<_> {
        patterns.iter().map(|pattern| HistoryRule::new(*pattern)).collect()
    };
    let of = |file: &str, flags: &[&str]| load(file, &[], flags).unwrap().config.apps;
    let section = "[log]\nhistory = \"a-*, b\"\n";
    assert_eq!(of(section, &[])[0].history, rules(&["a-*", "b"]), "the development app, too");
    let variables = [("URINGCAST_LOG_HISTORY", "c-*")];
    let found = load(section, &variables, &["--app", "a:k:s"]).unwrap().config.apps;
    assert_eq!(found[0].history, rules(&["c-*"]));
    assert_eq!(of(section, &["--history", "d"])[0].history, rules(&["d"]));
    for own in ["history = []\n", "history = [{ pattern = \"own\" }]\n"] {
        let file = format!("{section}{APP}{own}");
        let expected = if own.contains("own") { rules(&["own"]) } else { Vec::new() };
        assert_eq!(of(&file, &[])[0].history, expected, "{own}");
    }
    let patterns = |count: usize| vec!["x"; count].join(",");
    assert!(load("", &[], &["--history", &patterns(100)]).is_ok());
    assert!(load("", &[], &["--history", &patterns(101)]).is_err());
    assert!(load("", &[], &["--history", "a,,b"]).is_err());
}
