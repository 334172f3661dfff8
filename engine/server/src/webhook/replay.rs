//! The dead letters from the command line: what there is, and sending it again.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::dead_letters::{Taken, read};
use super::post::{DeadLetter, Post, without_secrets};
use crate::api::Call;
use crate::app::Webhook;
use crate::config::Config;
use crate::http_client::Client;

/// The dead letters of the file at `path`, one line each, oldest first.
///
/// # Errors
/// If the file cannot be read.
pub fn list(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    for letter in read(path)? {
        // Writing to a `String` cannot fail.
        let _ = match letter {
            Ok(it) => writeln!(
                text,
                "{} app={} events={} bytes={} url={} reason={:?}",
                it.given_up_ms,
                it.app_id,
                it.events,
                it.body.len(),
                without_secrets(&it.url),
                it.reason
            ),
            Err(line) => writeln!(text, "not a dead letter: {line:?}"),
        };
    }
    Ok(text)
}

/// Send the dead letters of the file at `path` again, in their order; what was done, in words.
///
/// Each is signed anew with the primary key of its app in `config`. After one that fails, those for
/// the same URL are not tried, so that their order is kept. What is not delivered stays in the
/// file.
///
/// # Errors
/// If the file cannot be read or written, another replay is running, or something is left.
pub fn replay(path: &Path, config: &Config) -> io::Result<String> {
    let taken = Taken::take(path)?;
    let letters = taken.letters()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (delivered, left) = runtime.block_on(send_all(letters, config));
    let words = format!("{delivered} delivered, {} left in {}", left.len(), path.display());
    let is_all = left.is_empty();
    taken.finish(&left)?;
    if is_all { Ok(words) } else { Err(io::Error::other(words)) }
}

/// How many were delivered, and the lines of those that were not.
async fn send_all(
    letters: Vec<Result<DeadLetter, String>>,
    config: &Config,
) -> (usize, Vec<String>) {
    let client = Client::default();
    let mut failing = HashSet::new();
    let (mut delivered, mut left) = (0, Vec::new());
    for letter in letters {
        let letter = match letter {
            Ok(letter) => letter,
            Err(line) => {
                left.push(line);
                continue;
            }
        };
        let is_failing = failing.contains(&letter.url);
        if !is_failing && let Err(reason) = send(&client, &letter, config).await {
            tracing::error!("{}: {reason}", without_secrets(&letter.url));
            failing.insert(letter.url.clone());
        }
        if failing.contains(&letter.url) {
            left.push(serde_json::to_string(&letter).expect("a letter is plain data"));
        } else {
            delivered += 1;
        }
    }
    (delivered, left)
}

async fn send(client: &Client, letter: &DeadLetter, config: &Config) -> Result<(), String> {
    let app = config.apps.iter().find(|app| app.id == letter.app_id);
    let app = app.ok_or_else(|| format!("no app has the id {:?}", letter.app_id))?;
    let bare = Webhook { url: letter.url.clone(), ..Webhook::default() };
    let webhook = app.webhooks.iter().find(|it| it.url == letter.url).unwrap_or(&bare);
    let Post { url, body, headers } = Post::new(app, webhook, letter.body.clone().into());
    let timeout = Duration::from_secs(config.webhook.timeout_s.into());
    client.post(Call { url, body, headers, timeout }, Instant::now() + timeout).await
}

#[cfg(test)]
mod tests {
    use super::super::dead_letters::append;
    use super::*;

    #[test]
    fn letters_are_listed_without_the_secrets_of_their_urls() {
        let name = format!("uringcast-{}-listed.jsonl", std::process::id());
        let path = std::env::temp_dir().join(name);
        let letter = DeadLetter {
            app_id: "app".to_owned(),
            url: "https://ann:pw@app.example/hook?token=1".to_owned(),
            given_up_ms: 7,
            reason: "status 500".to_owned(),
            events: 2,
            body: "{}".to_owned(),
        };
        append(&path, u64::MAX, &[letter]).unwrap();
        let listed = list(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let expected = "7 app=app events=2 bytes=2 url=https://app.example/hook \
            reason=\"status 500\"\n";
        assert_eq!(listed, expected);
    }
}
