//! The dead-letter file: one JSON object a line, appended by the server, taken away by a replay.
//!
//! The file is opened for each write, locked, and checked to be still the one under its name, so a
//! replay may rename it at any time and no line is lost between the two.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::post::DeadLetter;

/// How soon a file that another process has locked is looked at again.
const LOCK_INTERVAL: Duration = Duration::from_millis(5);

/// Append `letters` to the file at `path` as long as it has at most `bytes_max` bytes; how many
/// were written.
pub(super) fn append(path: &Path, bytes_max: u64, letters: &[DeadLetter]) -> io::Result<usize> {
    let mut file = open_locked(path)?;
    let bytes = file.metadata()?.len();
    let mut lines = line_end(&mut file)?;
    let mut written = 0;
    for letter in letters {
        let before = lines.len();
        serde_json::to_writer(&mut lines, letter)?;
        lines.push(b'\n');
        if bytes + lines.len() as u64 > bytes_max {
            lines.truncate(before);
            break;
        }
        written += 1;
    }
    file.write_all(&lines)?;
    file.sync_data()?;
    Ok(written)
}

/// Whether the file at `path` can be written, without leaving an empty one.
pub(super) fn check(path: &Path) -> io::Result<()> {
    let file = open_locked(path)?;
    if file.metadata()?.len() == 0 {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Each line of the file at `path`: a letter, or why it is none.
pub(super) fn read(path: &Path) -> io::Result<Vec<Result<DeadLetter, String>>> {
    let bytes = fs::read(path)?;
    let text = String::from_utf8_lossy(&bytes); // A line may be cut short inside a character.
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    Ok(lines.map(|line| serde_json::from_str(line).map_err(|_| line.to_owned())).collect())
}

/// The letters of a file that a replay has taken away from the server.
#[derive(Debug)]
pub(super) struct Taken {
    path: PathBuf,
    aside: PathBuf,
    /// Locked as long as the replay runs.
    _lock: File,
}

impl Taken {
    /// Take what is in the file at `path`, and what an earlier replay did not finish.
    pub(super) fn take(path: &Path) -> io::Result<Self> {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".replaying");
        let aside = PathBuf::from(aside);
        if !path.try_exists()? && !aside.try_exists()? {
            let reason = format!("there is no file {}", path.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, reason));
        }
        let mut taken = OpenOptions::new();
        let taken = taken.read(true).append(true).create(true).mode(0o600).open(&aside)?;
        match taken.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("a replay is running")),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let this = Self { path: path.to_owned(), aside, _lock: taken };
        if path.exists() {
            this.take_over()?;
        }
        Ok(this)
    }

    /// The dead letters that were taken.
    pub(super) fn letters(&self) -> io::Result<Vec<Result<DeadLetter, String>>> {
        read(&self.aside)
    }

    /// Put `lines` back into the file and forget what was taken.
    pub(super) fn finish(self, lines: &[String]) -> io::Result<()> {
        if !lines.is_empty() {
            let mut file = open_locked(&self.path)?;
            let mut text = line_end(&mut file)?;
            text.extend_from_slice((lines.join("\n") + "\n").as_bytes());
            file.write_all(&text)?;
            file.sync_data()?;
        }
        fs::remove_file(&self.aside)
    }

    /// Move the server's lines behind those that were taken before.
    fn take_over(&self) -> io::Result<()> {
        let mut file = open_locked(&self.path)?;
        let mut taken = OpenOptions::new().read(true).append(true).open(&self.aside)?;
        let mut lines = line_end(&mut taken)?;
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut lines)?;
        taken.write_all(&lines)?;
        taken.sync_data()?;
        fs::remove_file(&self.path) // Whoever waits for the lock sees that the name is free.
    }
}

/// Open the file under `path`, made if it is not there, for this process alone.
fn open_locked(path: &Path) -> io::Result<File> {
    loop {
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) if is_under(&file, path)? => return Ok(file),
            Ok(()) => {} // It was taken away in between.
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_INTERVAL),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

fn is_under(file: &File, path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(there) => Ok(there.ino() == file.metadata()?.ino()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// What must stand before the next line: a line end, if a crash has cut the last line short.
fn line_end(file: &mut File) -> io::Result<Vec<u8>> {
    if file.metadata()?.len() == 0 {
        return Ok(Vec::new());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(if last == *b"\n" { Vec::new() } else { vec![b'\n'] })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of its own for one test, which is gone afterwards.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let name = format!("uringcast-{}-{name}.jsonl", std::process::id());
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    fn letter(body: &str) -> DeadLetter {
        DeadLetter {
            app_id: "app".to_owned(),
            url: "http://127.0.0.1/".to_owned(),
            given_up_ms: 1,
            reason: "\"why\"".to_owned(),
            events: 2,
            body: body.to_owned(),
        }
    }

    /// Cut `bytes` off the end of the file at `path`.
    fn tear(path: &Path, bytes: u64) {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(file.metadata().unwrap().len() - bytes).unwrap();
    }

    fn bodies(path: &Path) -> Vec<String> {
        read(path).unwrap().into_iter().map(|letter| letter.unwrap().body).collect()
    }

    #[test]
    fn letters_are_read_as_they_were_written() {
        let place = Place::new("round");
        let letters = [letter("{\"a\":\"\\n\u{e9}\"}"), letter("two")];
        assert_eq!(append(&place.0, u64::MAX, &letters).unwrap(), 2);
        let read: Vec<_> = read(&place.0).unwrap().into_iter().map(Result::unwrap).collect();
        assert_eq!(read, letters);
    }

    #[test]
    fn the_file_grows_to_its_limit_and_not_a_byte_further() {
        let place = Place::new("limit");
        let line_bytes = serde_json::to_vec(&letter("x")).unwrap().len() as u64 + 1;
        assert_eq!(append(&place.0, 2 * line_bytes, &[letter("x"), letter("x")]).unwrap(), 2);
        assert_eq!(append(&place.0, 3 * line_bytes - 1, &[letter("x")]).unwrap(), 0);
        assert_eq!(fs::metadata(&place.0).unwrap().len(), 2 * line_bytes);
    }

    #[test]
    fn a_line_that_was_cut_short_spoils_no_other() {
        let place = Place::new("torn");
        append(&place.0, u64::MAX, &[letter("one")]).unwrap();
        tear(&place.0, 5);
        append(&place.0, u64::MAX, &[letter("two")]).unwrap();
        let read = read(&place.0).unwrap();
        assert!(matches!(&read[..], [Err(_), Ok(two)] if two.body == "two"));
    }

    #[test]
    fn a_line_that_was_cut_inside_a_character_hides_no_other() {
        let place = Place::new("character");
        append(&place.0, u64::MAX, &[letter("one"), letter("\u{e9}")]).unwrap();
        tear(&place.0, "\u{e9}\"}\n".len() as u64 - 1);
        let read = read(&place.0).unwrap();
        assert!(matches!(&read[..], [Ok(one), Err(_)] if one.body == "one"));
    }

    #[test]
    fn a_replay_puts_no_line_behind_one_that_was_cut_short() {
        let place = Place::new("replayed");
        append(&place.0, u64::MAX, &[letter("torn")]).unwrap();
        tear(&place.0, 5);
        drop(Taken::take(&place.0).unwrap());
        append(&place.0, u64::MAX, &[letter("two")]).unwrap();
        let taken = Taken::take(&place.0).unwrap();
        let letters = taken.letters().unwrap();
        assert!(matches!(&letters[..], [Err(_), Ok(two)] if two.body == "two"));
        append(&place.0, u64::MAX, &[letter("torn")]).unwrap();
        tear(&place.0, 5);
        taken.finish(&[serde_json::to_string(&letter("two")).unwrap()]).unwrap();
        let read = read(&place.0).unwrap();
        assert!(matches!(&read[..], [Err(_), Ok(two)] if two.body == "two"));
    }

    #[test]
    fn a_replay_takes_the_file_away_while_the_server_goes_on() {
        let place = Place::new("taken");
        append(&place.0, u64::MAX, &[letter("one"), letter("two")]).unwrap();
        let taken = Taken::take(&place.0).unwrap();
        append(&place.0, u64::MAX, &[letter("three")]).unwrap();
        assert!(Taken::take(&place.0).is_err(), "one replay at a time");
        assert_eq!(taken.letters().unwrap().len(), 2);
        let left = serde_json::to_string(&letter("two")).unwrap();
        taken.finish(&[left]).unwrap();
        assert_eq!(bodies(&place.0), ["three", "two"]);
    }

    #[test]
    fn what_a_replay_did_not_finish_is_taken_again() {
        let place = Place::new("again");
        append(&place.0, u64::MAX, &[letter("one")]).unwrap();
        drop(Taken::take(&place.0).unwrap());
        append(&place.0, u64::MAX, &[letter("two")]).unwrap();
        let taken = Taken::take(&place.0).unwrap();
        let letters = taken.letters().unwrap().into_iter().map(|it| it.unwrap().body);
        assert_eq!(letters.collect::<Vec<_>>(), ["one", "two"]);
        drop(taken);
        let taken = Taken::take(&place.0).expect("a replay that was cut off left its letters");
        assert_eq!(taken.letters().unwrap().len(), 2);
        taken.finish(&[]).unwrap();
        assert!(!place.0.exists() && Taken::take(&place.0).is_err());
    }
}
