//! The server binary that is tested, and whether it is built from the code beside it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

/// The server that is tested.
///
/// # Panics
/// If it has not been built, or if a file that it is made of has changed since.
pub fn server_binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(find).clone()
}

fn find() -> PathBuf {
    let test = env::current_exe().expect("a test knows its own path");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("target/PROFILE/deps/test");
    let path = profile.join("uringcast");
    assert!(path.exists(), "{} is missing: run `cargo build` first", path.display());
    if let Some(newer) = newer_source(&path) {
        panic!("{} is older than {newer}: run `cargo build` first", path.display());
    }
    path
}

/// A file that is newer than `binary` and a part of it, as cargo lists them beside it.
fn newer_source(binary: &Path) -> Option<String> {
    let changed = |path: &Path| -> Option<SystemTime> { fs::metadata(path).ok()?.modified().ok() };
    let built = changed(binary)?;
    let list = fs::read_to_string(binary.with_extension("d")).ok()?;
    let (_, sources) = list.lines().next()?.split_once(": ")?;
    // A space within a name is written with a backslash.
    let sources = sources.replace("\\ ", "\0");
    let mut sources = sources.split(' ').map(|name| name.replace('\0', " "));
    sources.find(|name| changed(Path::new(name)).is_none_or(|changed| changed > built))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_is_newer_or_gone_is_named() {
        let folder = env::temp_dir().join(format!("uringcast-binary-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [binary, old, new] = ["server", "old file.rs", "new.rs"].map(|name| folder.join(name));
        let set = |path: &Path, seconds| {
            let file = fs::File::create(path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
                .unwrap();
        };
        set(&old, 1);
        set(&binary, 2);
        let list = |sources: &[&Path]| {
            let names = sources.iter().map(|it| it.to_str().unwrap().replace(' ', "\\ "));
            let names = names.collect::<Vec<_>>().join(" ");
            fs::write(folder.join("server.d"), format!("/target/server: {names}\n")).unwrap();
        };
        list(&[&old]);
        assert_eq!(newer_source(&binary), None);
        list(&[&old, &new]);
        assert_eq!(newer_source(&binary).as_deref(), new.to_str());
        set(&new, 3);
        assert_eq!(newer_source(&binary).as_deref(), new.to_str());
        set(&new, 2);
        assert_eq!(newer_source(&binary), None);
        fs::remove_dir_all(&folder).unwrap();
    }
}
