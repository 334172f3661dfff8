//! Transcripts as text files: what stands in one, whoever plays it.
//!
//! `== name` begins a transcript; `#` a comment. Lines `key value` below the name say what it
//! needs, those above the first name what all of the file need: `cores N` or else one, two and
//! three, `only shards` where a socket cannot do it, and limits by their keys in the configuration.
//! All other lines are its steps.

use std::ops::RangeInclusive;

/// One transcript of a file.
pub(crate) struct Transcript<'a> {
    /// What it shows.
    pub(crate) name: &'a str,
    /// On how many cores it is played.
    pub(crate) cores: RangeInclusive<usize>,
    /// Whether it has steps that nobody can do, or time, over sockets.
    pub(crate) is_only_for_shards: bool,
    /// Limits that are not at their defaults.
    pub(crate) limits: Vec<(&'a str, &'a str)>,
    /// What is done and received, a line each.
    pub(crate) lines: Vec<&'a str>,
}

/// The transcripts of the file `text`.
pub(crate) fn read(text: &str) -> Vec<Transcript<'_>> {
    let mut parts = text.split("\n== ");
    let head = parts.next().expect("there is always one part");
    let parts = parts.map(|part| part.split_once('\n').expect("a name ends with its line"));
    parts.map(|(name, body)| transcript(name, meaningful(head).chain(meaningful(body)))).collect()
}

fn transcript<'a>(name: &'a str, body: impl Iterator<Item = &'a str>) -> Transcript<'a> {
    let mut transcript = Transcript {
        name,
        cores: 1..=3,
        is_only_for_shards: false,
        limits: Vec::new(),
        lines: Vec::new(),
    };
    for line in body {
        let (first, rest) = line.split_once(' ').expect("a line has two words");
        match (first, rest) {
            _ if first.ends_with([':', '>']) => transcript.lines.push(line),
            _ if !transcript.lines.is_empty() => panic!("{name}: {line:?} stands among the steps"),
            ("only", "shards") => transcript.is_only_for_shards = true,
            ("cores", count) => {
                let count = count.parse().expect("a number of cores");
                transcript.cores = count..=count;
            }
            _ => transcript.limits.push((first, rest)),
        }
    }
    transcript
}

fn meaningful(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}
