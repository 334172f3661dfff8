//! The rules of this code base that no compiler checks.
//!
//! A plain scan of the text, line by line, so that a rule costs a few lines and a breach names its
//! file and line. What rustfmt, clippy and the compiler check is not repeated here.

mod circles;
mod cors;
mod invariants;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Longest line, in columns.
const COLUMNS_MAX: usize = 100;
/// Longest file, tests included. Most are a third of it.
const FILE_LINES_MAX: usize = 600;
/// Longest function, from its first line to its closing brace. Most are a tenth of it.
const FUNCTION_LINES_MAX: usize = 70;

/// Words that say nothing about what a thing is, as a file's name or a part of a type's.
const BANNED_NAMES: [&str; 6] = ["Manager", "Handler", "Helper", "Util", "Utils", "Common"];

/// What must be finished before it is committed; split so that this file does not break its rule.
const LEFTOVERS: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("dbg", "!"),
    concat!("todo", "!"),
    concat!("unimplemented", "!"),
];

/// Starts of paths that exist on one machine only.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/"), concat!("/wo", "rk/")];

/// One file of the repository.
struct Source {
    /// Relative to the repository, with `/` between its parts.
    path: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }

    /// Whether it lists packages, whose hashes may hold any word.
    fn is_lock_file(&self) -> bool {
        ["Cargo.lock", "package-lock.json"].iter().any(|name| self.path.ends_with(name))
    }

    /// Whether the file is in one of `folders` or is the module file of one.
    fn is_in(&self, folders: &[&str]) -> bool {
        folders.iter().any(|folder| {
            self.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with(['/', '.']))
        })
    }

    /// Each line with its number, without a comment at its end.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, without_comment(line)))
    }

    fn at(&self, line: usize, breach: &str) -> String {
        format!("{}:{line}: {breach}", self.path)
    }
}

/// Fails with every breach that `rule` finds in any file that `applies`.
fn check(applies: impl Fn(&Source) -> bool, rule: impl Fn(&Source) -> Vec<String>) {
    let sources = sources();
    let subjects: Vec<&Source> = sources.iter().filter(|source| applies(source)).collect();
    assert!(!subjects.is_empty(), "the rule applies to no file at all");
    let breaches: Vec<String> = subjects.into_iter().flat_map(rule).collect();
    let list = breaches.iter().fold(String::new(), |mut list, breach| {
        writeln!(list, "  {breach}").expect("a string takes all");
        list
    });
    assert!(breaches.is_empty(), "{} breaches:\n{list}", breaches.len());
}

/// Fails wherever the code of a file that `applies` has one of `words`.
fn check_wall(applies: impl Fn(&Source) -> bool, words: &[&str], why: &str) {
    check(applies, |source| {
        let found = source.code().flat_map(|(number, line)| {
            let named = words.iter().filter(move |word| has_word(line, word));
            named.map(move |word| source.at(number, &format!("names `{word}`: {why}")))
        });
        found.collect()
    });
}

#[test]
fn only_the_io_module_names_the_runtime() {
    check_wall(
        |source| source.is_rust() && !source.is_in(&["engine/server/src/io", "tests/tidy"]),
        &["monoio"],
        "only engine/server/src/io knows the runtime",
    );
}

#[test]
fn only_the_side_thread_names_tokio() {
    check_wall(
        |source| {
            let side = [
                "engine/server/src/backplane",
                "engine/server/src/http_client",
                "engine/server/src/side",
                "engine/server/src/webhook",
                "tests/harness/sql",
                "tests/tidy",
            ];
            source.is_rust() && !source.is_in(&side)
        },
        &["tokio"],
        "the side thread alone runs it",
    );
}

/// Those macros panic when their output fails.
#[test]
fn the_engine_says_nothing_but_through_its_own_lines() {
    check_wall(
        |source| {
            let is_test = source.path.contains("/tests");
            source.is_rust() && source.is_in(&["engine"]) && !is_test
        },
        &["println!", "print!", "eprintln!", "eprint!"],
        "a closed pipe would end the process; use `tracing`, or `writeln!` for a command's output",
    );
}

#[test]
fn the_engines_core_is_pure() {
    check_wall(
        |source| {
            let pure = ["engine/server/src/admission", "engine/dialect/src", "engine/shard/src"];
            // A setting may be an address, and some tests read their scripts.
            let is_other = source.path.ends_with("/setting.rs") || source.path.contains("/tests/");
            source.is_rust() && source.is_in(&pure) && !is_other
        },
        &[
            "std::fs",
            "std::net",
            "std::thread",
            "Instant::now",
            "SystemTime",
            "Mutex",
            "RwLock",
            "Atomic",
            "async",
            "await",
            "tracing",
        ],
        "time, randomness and ids come in as arguments, and cores share nothing",
    );
}

#[test]
fn the_http_api_does_no_io() {
    check_wall(
        |source| source.is_rust() && source.is_in(&["engine/api/src"]),
        &[
            "std::net",
            "std::fs",
            "Instant",
            "SystemTime",
            "Mutex",
            "RwLock",
            "Atomic",
            "hyper",
            "tokio",
            "spawn",
            "tracing",
        ],
        "it asks `Shards` and waits for replies; the runtime, the time and chance are behind those",
    );
}

#[test]
fn what_decides_about_webhooks_is_pure() {
    check_wall(
        |source| {
            let folder = source.path.strip_prefix("engine/server/src/webhook/");
            let pure = ["batch.rs", "debounce.rs", "dispatch.rs", "endpoint.rs", "throttle.rs"];
            folder.is_some_and(|name| pure.contains(&name))
        },
        &["tokio", "std::fs", "Instant", "SystemTime", "Atomic", "async", "await", "reqwest"],
        "it is told the time and says what to do; the courier does it",
    );
}

#[test]
fn the_wire_formats_are_pure() {
    check_wall(
        |source| source.is_rust() && source.is_in(&["proto/src"]),
        &[
            "std::net",
            "std::thread",
            "std::fs",
            "Instant",
            "SystemTime",
            "rand::",
            "log::",
            "tracing",
        ],
        "proto turns bytes into meaning and does nothing else",
    );
}

#[test]
fn clients_and_black_box_tests_do_not_link_the_engine() {
    check_wall(
        |source| {
            let outside = ["loadtest/src", "tests/harness", "tests/blackbox", "proto/src"];
            source.is_rust() && source.is_in(&outside)
        },
        &["uringcast::", "uringcast_api::", "uringcast_dialect::", "uringcast_shard::"],
        "what talks to the server knows its wire only",
    );
    check_wall(
        |source| ["loadtest/Cargo.toml", "proto/Cargo.toml"].contains(&source.path.as_str()),
        &["uringcast.workspace", "uringcast ="],
        "proto <- engine, and loadtest -> proto",
    );
}

/// Cores share set-up that nobody writes, mailboxes and nothing else.
#[test]
fn no_lock_is_shared_between_cores() {
    check_wall(
        |source| source.is_rust() && source.is_in(&["engine"]),
        &["Mutex", "RwLock", "Condvar", "Semaphore"],
        "a core that waits for another one stops all of its clients",
    );
}

#[test]
fn every_file_opens_with_what_it_is() {
    check(Source::is_rust, |source| {
        let opens = source.text.starts_with("//! ");
        if opens { vec![] } else { vec![source.at(1, "the first line must be a `//!` comment")] }
    });
}

#[test]
fn lines_are_short_and_plain() {
    check(Source::is_rust, |source| {
        let lines = source.text.lines().enumerate();
        let breaches = lines.filter_map(|(index, line)| {
            let columns = line.chars().count();
            if !line.is_ascii() {
                Some(source.at(index + 1, "only ASCII; write other characters as escapes"))
            } else if columns > COLUMNS_MAX {
                Some(source.at(index + 1, &format!("{columns} columns, at most {COLUMNS_MAX}")))
            } else {
                None
            }
        });
        breaches.collect()
    });
}

#[test]
fn files_are_short() {
    check(Source::is_rust, |source| {
        let lines = source.text.lines().count();
        let breach = format!("{lines} lines, at most {FILE_LINES_MAX}");
        if lines > FILE_LINES_MAX { vec![source.at(lines, &breach)] } else { vec![] }
    });
}

#[test]
fn functions_are_short() {
    check(Source::is_rust, |source| {
        let functions = functions(&source.text).into_iter();
        let long = functions.filter(|(_, lines)| *lines > FUNCTION_LINES_MAX);
        let breach = |lines| format!("a function of {lines} lines, at most {FUNCTION_LINES_MAX}");
        long.map(|(start, lines)| source.at(start, &breach(lines))).collect()
    });
}

#[test]
fn names_say_what_a_thing_is() {
    check(Source::is_rust, |source| {
        let mut breaches = Vec::new();
        for part in source.path.trim_end_matches(".rs").split(['/', '_']) {
            if BANNED_NAMES.iter().any(|banned| banned.eq_ignore_ascii_case(part)) {
                breaches.push(source.at(1, &format!("`{part}` says nothing as a module's name")));
            }
        }
        for (number, line) in source.code() {
            if let Some(name) = declared_type(line)
                && BANNED_NAMES.iter().any(|banned| has_part(name, banned))
            {
                breaches.push(source.at(number, &format!("`{name}` says nothing as a name")));
            }
        }
        breaches
    });
}

#[test]
fn nothing_is_left_over() {
    check(
        |source| !source.is_lock_file(),
        |source| {
            let lines = source.text.lines().enumerate();
            let found = lines.flat_map(|(index, line)| {
                let words = LEFTOVERS.iter().filter(move |word| has_word(line, word));
                words.map(move |word| source.at(index + 1, &format!("a leftover `{word}`")))
            });
            found.collect()
        },
    );
}

#[test]
fn nothing_depends_on_one_machine() {
    check(
        |_| true,
        |source| {
            let lines = source.text.lines().enumerate();
            let found = lines.filter(|(_, line)| MACHINE_PATHS.iter().any(|it| line.contains(it)));
            found.map(|(index, _)| source.at(index + 1, "a path of one machine")).collect()
        },
    );
}

/// The scanner must see what it is meant to see.
#[test]
fn the_scanner_finds_functions_words_and_names() {
    let text = "fn a() {}\n\n    pub fn b(\n        x: u8,\n    ) -> u8 {\n        x\n    }\n\
                    fn declared(&self);\n";
    assert_eq!(functions(text), [(1, 1), (3, 5)]);
    assert!(has_word("use std::net;", "std::net") && has_word("AtomicU8", "Atomic"));
    assert!(!has_word("into_iterand::x", "rand::") && !has_word("SubAtomic", "Atomic"));
    assert!(!has_word("asynchronous", "async") && has_word("log::info!()", "log::"));
    assert_eq!(declared_type("    pub(crate) struct Owned<T> {"), Some("Owned"));
    assert!(has_part("ConnectionManager", "Manager") && !has_part("Utility", "Util"));
    assert_eq!(without_comment("let a = \"//\"; // why"), "let a = \"//\"; ");
}

/// Every text file of the repository, but not what is built or downloaded.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above");
    let mut sources = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is readable") {
            let entry = entry.expect("the folder is readable");
            let name = entry.file_name();
            if ["target", "node_modules", ".git"].iter().any(|skipped| name == *skipped) {
                continue;
            }
            match entry.file_type().expect("the entry is there") {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => sources.extend(source(root, &entry.path())),
                _ => {}
            }
        }
    }
    sources.sort_by(|left, right| left.path.cmp(&right.path));
    sources
}

/// The file at `path`, or `None` if it is not text.
fn source(root: &Path, path: &Path) -> Option<Source> {
    let text = String::from_utf8(fs::read(path).ok()?).ok()?;
    let relative: PathBuf = path.strip_prefix(root).expect("found below the root").into();
    let path = relative.to_str().expect("our files have plain names").replace('\\', "/");
    Some(Source { path, text })
}

/// First line and length of every function with a body; rustfmt puts its closing brace under it.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let starts = lines.iter().enumerate().filter(|(_, line)| is_function(line));
    let ends = starts.filter_map(|(start, line)| {
        let indent = &line[..line.len() - line.trim_start().len()];
        let signature = lines[start..].iter().position(|line| line.ends_with(['{', ';', '}']))?;
        let length = match lines[start + signature].chars().last()? {
            ';' => return None,
            '{' => {
                let end = format!("{indent}}}");
                lines[start..].iter().position(|line| *line == end)? + 1
            }
            _ => signature + 1,
        };
        Some((start + 1, length))
    });
    ends.collect()
}

fn is_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let modifiers = ["pub", "const", "async", "unsafe", "extern", "\"C\""];
    words.find(|word| !modifiers.contains(word) && !word.starts_with("pub(")) == Some("fn")
}

/// The name of the type that `line` declares.
fn declared_type(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    words.find(|word| ["struct", "enum", "trait", "type", "union"].contains(word))?;
    words.next()?.split(|letter: char| !letter.is_alphanumeric()).next()
}

/// Whether `part` is one of the words that a type's name in camel case is made of.
fn has_part(name: &str, part: &str) -> bool {
    name.match_indices(part).any(|(at, _)| {
        let next = name[at + part.len()..].chars().next();
        next.is_none_or(|letter| !letter.is_lowercase())
    })
}

/// Whether `line` has `word` where a word can start; `Atomic` may have an ending.
fn has_word(line: &str, word: &str) -> bool {
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let may_end = word == "Atomic" || !word.ends_with(is_letter);
        !before.is_some_and(is_letter) && (may_end || !after.is_some_and(is_letter))
    })
}

/// The part of `line` before `//`, unless that is inside a string.
fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(at, _)| {
        let quotes = line[..*at].matches('"').count() - line[..*at].matches("\\\"").count();
        quotes.is_multiple_of(2)
    });
    comment.map_or(line, |(at, _)| &line[..at])
}
