//! No circle between the folders of a crate.
//!
//! A folder is a room: the files in it, its `mod.rs` first, belong together and may name each
//! other. Between folders beside each other arrows run one way. An arrow is any path in the code,
//! wherever it stands: `use`, `crate::` or `super::` in the middle of a line. Tests do not count.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Source, sources, without_comment};

/// Which folder names which beside it, with a file that does: by the folder above both.
type Arrows = BTreeMap<String, BTreeMap<(String, String), String>>;

#[test]
fn folders_form_no_circle() {
    let sources = sources();
    let arrows = arrows(&sources);
    assert!(!arrows.is_empty(), "no folder names another: the scanner is blind");
    for (above, level) in &arrows {
        if let Some(circle) = circle(level) {
            let steps = circle.iter().map(|(from, to)| {
                format!("  {from} -> {to}, in {}", level[&(from.clone(), to.clone())])
            });
            panic!("a circle in {above}:\n{}", steps.collect::<Vec<_>>().join("\n"));
        }
    }
}

/// What the crates of the engine may name of each other, of the wire formats, and of what does I/O:
/// all that their manifests list of these.
const MAY_NAME: [(&str, &[&str]); 3] = [
    ("shard", &["uringcast-proto"]),
    ("dialect", &["uringcast-proto", "uringcast-shard"]),
    ("api", &["uringcast-dialect", "uringcast-proto", "uringcast-shard"]),
];

/// Crates that none of those may have.
const IO: [&str; 7] = ["hyper", "monoio", "reqwest", "sqlx", "tokio", "toml", "tracing"];

#[test]
fn no_crate_names_one_above_it() {
    let sources = sources();
    for (name, may) in MAY_NAME {
        let path = format!("engine/{name}/Cargo.toml");
        let manifest = sources.iter().find(|it| it.path == path).expect("it is there");
        let named = manifest.text.lines().filter_map(|line| line.split_once(".workspace"));
        for (named, _) in named {
            let is_bad = named.starts_with("uringcast") && !may.contains(&named);
            assert!(!is_bad && !IO.contains(&named), "{path} names {named}");
        }
    }
}

/// What a shard's rooms may name of the wire formats. An app's secret is kept with what HMAC makes
/// of it, which is no dialect's.
const WIRES: [&str; 2] = ["secret", "ws"];

/// What is told apart from a shard's own state, which is the rest of its crate: it must not know
/// that.
const WITHOUT_SHARD: [&str; 6] = ["app", "id", "limits", "log", "middleware", "setting"];

#[test]
fn a_shard_names_no_wire_and_no_room_below_names_the_shard() {
    let sources = sources();
    let mut breaches = BTreeSet::new();
    for source in sources.iter().filter(|it| it.is_rust() && !is_test(&it.path)) {
        let Some(file) = source.path.strip_prefix("engine/shard/src/") else { continue };
        let (here, code) = (module(file), production(&source.text));
        let wires = code.split("uringcast_proto::").skip(1);
        for wire in wires.filter_map(|rest| rest.split(|it: char| !it.is_alphanumeric()).next()) {
            if !WIRES.contains(&wire) {
                breaches.insert(format!("{} names {wire}", source.path));
            }
        }
        let is_below = |room: &String| WITHOUT_SHARD.contains(&room.as_str());
        if here.first().is_some_and(is_below) {
            for room in paths(&code, &here).iter().filter_map(|path| path.first()) {
                // What a macro is called behind its room has two underscores.
                if !is_below(room) && !room.starts_with("__") {
                    breaches.insert(format!("{} names {room}", source.path));
                }
            }
        }
    }
    assert_eq!(breaches, BTreeSet::new(), "a shard says words, and dialects turn them into bytes");
    assert!(sources.iter().any(|it| it.path.starts_with("engine/shard/src/")), "blind");
}

#[test]
fn connections_call_no_owner() {
    let mut blocks = 0;
    let mut breaches = Vec::new();
    for source in sources().iter().filter(|it| it.path.starts_with("engine/shard/src/")) {
        let code = production(&source.text);
        let sides = ["\nimpl Local {", "\nimpl Route {"];
        for (at, _) in sides.iter().flat_map(|side| code.match_indices(side)) {
            let block = code[at..].split_once("\n}").map_or(&code[at..], |(block, _)| block);
            blocks += 1;
            for (number, line) in block.lines().enumerate() {
                let is_owner = ["&mut Owner", "&Owner", ".owner.", "&mut Way", "&mut Shard"];
                if is_owner.iter().any(|it| line.contains(it)) {
                    breaches.push(format!("{}, line {number} of an impl: {line}", source.path));
                }
            }
        }
    }
    assert_eq!(breaches, [""; 0], "what connections want of an owner waits in the route");
    assert!(blocks > 10, "the side of connections is not there: the scanner is blind");
}

fn arrows(sources: &[Source]) -> Arrows {
    let folders: BTreeSet<&str> = sources.iter().filter_map(|it| folder(&it.path)).collect();
    let mut arrows = Arrows::new();
    for source in sources.iter().filter(|it| it.is_rust() && !is_test(&it.path)) {
        let Some((root, file)) = source.path.split_once("/src/").filter(|it| it.0 != "tests")
        else {
            continue;
        };
        let here = module(file);
        for path in paths(&production(&source.text), &here) {
            let shared = here.iter().zip(&path).take_while(|(left, right)| left == right).count();
            let (Some(from), Some(to)) = (here.get(shared), path.get(shared)) else { continue };
            let above = format!("{root}/src/{}", here[..shared].join("/"));
            let above = above.trim_end_matches('/').to_owned();
            let is_folder = |name: &str| folders.contains(format!("{above}/{name}").as_str());
            if is_folder(from) && is_folder(to) {
                let level = arrows.entry(above).or_default();
                level.entry((from.clone(), to.clone())).or_insert_with(|| source.path.clone());
            }
        }
    }
    arrows
}

fn folder(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(folder, _)| folder)
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// The module that `file`, relative to its crate's `src`, is.
fn module(file: &str) -> Vec<String> {
    let mut parts: Vec<String> =
        file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        parts.pop();
    }
    parts
}

/// The code of a file without its comments and the test module at its end.
fn production(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    text[..end].lines().map(|line| without_comment(line).to_owned() + "\n").collect()
}

/// Every path in `code` that begins at the crate, at this module or above it, from the crate on.
fn paths(code: &str, here: &[String]) -> Vec<Vec<String>> {
    let tokens = tokens(code);
    let mut paths = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let is_start = ["crate", "super", "self"].contains(token)
            && tokens.get(at + 1) == Some(&"::")
            && (at == 0 || tokens[at - 1] != "::");
        if is_start {
            branch(&tokens, at, &[], &mut paths);
        }
    }
    paths.into_iter().map(|path| from_crate(&path, here)).collect()
}

/// Words, `::`, and every other sign on its own.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        let length = match first {
            _ if is_word(first) => rest.find(|it| !is_word(it)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        let (token, behind) = rest.split_at(length);
        tokens.push(token);
        rest = behind.trim_start();
    }
    tokens
}

/// Follow a path, or the tree of a `use`, from `at` on; where it ends.
fn branch<'a>(
    tokens: &[&'a str],
    mut at: usize,
    trunk: &[&'a str],
    paths: &mut Vec<Vec<&'a str>>,
) -> usize {
    let mut path = trunk.to_vec();
    while let Some(token) = tokens.get(at) {
        if *token == "{" {
            at += 1;
            while tokens.get(at).is_some_and(|token| *token != "}") {
                at = if tokens[at] == "," { at + 1 } else { branch(tokens, at, &path, paths) };
            }
            return at + 1;
        }
        path.push(token);
        at += 1;
        if tokens.get(at) != Some(&"::") {
            break;
        }
        at += 1;
    }
    paths.push(path);
    if tokens.get(at) == Some(&"as") { at + 2 } else { at }
}

fn from_crate(path: &[&str], here: &[String]) -> Vec<String> {
    let above = path.iter().take_while(|part| **part == "super").count();
    let (kept, skipped) = match path[0] {
        "crate" => (0, 1),
        "self" => (here.len(), 1),
        _ => (here.len().saturating_sub(above), above),
    };
    here[..kept].iter().cloned().chain(path[skipped..].iter().map(|it| (*it).to_owned())).collect()
}

/// The arrows of one circle in `level`, if there is any.
fn circle(level: &BTreeMap<(String, String), String>) -> Option<Vec<(String, String)>> {
    for start in level.keys().map(|(from, _)| from) {
        // The shortest way from here back to here.
        let mut ways = vec![vec![start]];
        let mut seen = BTreeSet::new();
        while !ways.is_empty() {
            let mut longer = Vec::new();
            for way in ways {
                let last = way[way.len() - 1];
                for (_, to) in level.keys().filter(|(from, _)| from == last) {
                    let way: Vec<&String> = way.iter().copied().chain([to]).collect();
                    if to == start {
                        let steps = way.windows(2);
                        return Some(steps.map(|it| (it[0].clone(), it[1].clone())).collect());
                    }
                    if seen.insert(to) {
                        longer.push(way);
                    }
                }
            }
            ways = longer;
        }
    }
    None
}

/// The scanner must see what it is meant to see.
#[test]
fn the_scanner_finds_paths_and_circles() {
    let here = ["a", "b"].map(str::to_owned);
    let found = |code| paths(code, &here).into_iter().map(|it| it.join("::")).collect::<Vec<_>>();
    let code = "use crate::{c::{D, self as e}, f};\nlet x = super::super::g::h(crate::i::J, 1);";
    assert_eq!(found(code), ["c::D", "c::self", "f", "g::h", "i::J"]);
    assert_eq!(found("use super::k;\nself::l::m();"), ["a::k", "a::b::l::m"]);
    assert_eq!(found("let a = b::crate_of(self.x);"), Vec::<String>::new());

    let file = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
    let files = [
        file("x/src/a/mod.rs", "use crate::b::B;"),
        file("x/src/b/mod.rs", "fn f() -> crate::c::C {}"),
        file("x/src/c/mod.rs", "// crate::a\n#[cfg(test)]\nmod tests {\n use crate::a::A; }"),
    ];
    let level = arrows(&files).remove("x/src").unwrap();
    assert_eq!((level.len(), circle(&level)), (2, None));
    let mut tied = level;
    tied.insert(("c".into(), "a".into()), String::new());
    assert_eq!(circle(&tied).map(|it| it.len()), Some(3));
}
