//! Every invariant of ARCHITECTURE.md names what holds it, and that is there.

use crate::{Source, functions, sources};

const FILE: &str = "ARCHITECTURE.md";

const TRANSCRIPTS: &str = "engine/dialect/src/tests/transcripts/";

/// The words behind which an invariant names tests and checks, to its end.
const HELD_BY: &str = "Held by ";

#[test]
fn every_invariant_names_what_holds_it() {
    let sources = sources();
    let document = sources.iter().find(|it| it.path == FILE).expect("it is there");
    let declared: Vec<String> = sources.iter().flat_map(declared).collect();
    let invariants = invariants(&document.text);
    assert!(invariants.len() > 20, "the list was not found");
    for invariant in invariants {
        let names = names(invariant);
        assert!(!names.is_empty(), "nothing is said to hold this:\n{invariant}");
        for name in names {
            assert!(
                declared.iter().any(|it| it == name),
                "{FILE} names `{name}`, which is nowhere"
            );
        }
    }
}

/// The items of the list of invariants.
fn invariants(text: &str) -> Vec<&str> {
    let from = text.split_once("\n## Invariants\n").expect("the chapter is there").1;
    let chapter = from.split_once("\n## ").map_or(from, |(chapter, _)| chapter);
    chapter.split("\n- ").skip(1).collect()
}

/// What an item says that it is held by.
fn names(invariant: &str) -> Vec<&str> {
    let named = invariant.split_once(HELD_BY).map_or("", |(_, named)| named);
    named.split('`').skip(1).step_by(2).collect()
}

/// The functions of a source; of a file of transcripts those, as functions would be called.
fn declared(source: &Source) -> Vec<String> {
    if source.path.starts_with(TRANSCRIPTS) {
        let names = source.text.lines().filter_map(|line| line.strip_prefix("== "));
        return names.map(|name| name.replace(' ', "_")).collect();
    }
    if !source.is_rust() {
        return Vec::new();
    }
    let lines: Vec<&str> = source.text.lines().collect();
    let starts = functions(&source.text).into_iter().map(|(start, _)| lines[start - 1]);
    let name = |line: &'_ str| line.find("fn ").map(|at| at + 3);
    let names = starts.filter_map(|line| line[name(line)?..].split(['(', '<']).next());
    names.map(str::to_owned).collect()
}

#[test]
fn names_are_found_behind_the_words_only() {
    let text =
        "\n## Invariants\n\nWhy.\n\n- **One** (`x`).\n  Held by `a`,\n  `b`.\n- Two.\n\n## B\n- c";
    let [one, two] = invariants(text)[..] else { panic!("two are listed") };
    assert_eq!((names(one), names(two)), (vec!["a", "b"], vec![]));
}
