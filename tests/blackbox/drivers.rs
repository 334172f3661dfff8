//! What a server does where the kernel knows `io_uring` and refuses it all the same.

use std::env;

use uringcast_tests::{Api, Client, Denied, Driver, Options, Server};

/// Starts a server of several cores, and shows that they serve; it and the lines that warned.
fn served(options: Options) -> (Driver, Vec<String>) {
    let mut server = Server::start(options.cores(3));
    // Enough for every core to have some.
    let mut clients: Vec<Client> = (0..12).map(|_| Client::connect(&server)).collect();
    for client in &mut clients {
        client.subscribe("news");
    }
    Api::new(&server).publish("news", "e", "all");
    for client in &mut clients {
        assert_eq!(client.expect("e").text(), "all");
    }
    let driver = server.driver();
    server.signal(libc::SIGTERM);
    for client in &mut clients {
        client.expect_close(4200);
    }
    let errors = server.said();
    let is_warning = |line: &&str| line.contains("io_uring") || line.contains("rings of");
    (driver, errors.lines().filter(is_warning).map(str::to_owned).collect())
}

/// Whether the tests run on epoll anyway; then there is no ring to refuse.
fn is_epoll_wanted() -> bool {
    env::var_os("MONOIO_FORCE_LEGACY_DRIVER").is_some()
}

fn falls_back_to_epoll(denied: Denied, words: &[&str]) {
    let (driver, warnings) = served(Options::new().denies(denied));
    assert_eq!(driver, Driver::Epoll);
    assert_eq!(warnings.len(), 1, "one line says why: {warnings:?}");
    if !is_epoll_wanted() {
        assert!(words.iter().all(|word| warnings[0].contains(word)), "{warnings:?}");
    }
}

/// As a seccomp profile does that was written before there were rings, or by halves.
#[test]
fn rings_that_may_be_made_and_not_used_are_not_used() {
    let (call, errno) = (libc::SYS_io_uring_enter, libc::EPERM);
    let words = ["Operation not permitted", "epoll on all cores", "seccomp"];
    falls_back_to_epoll(Denied { call, above: None, errno }, &words);
}

/// The probe makes a ring of two entries.
#[test]
fn where_no_ring_is_large_enough_all_cores_use_epoll() {
    let (call, errno) = (libc::SYS_io_uring_setup, libc::ENOMEM);
    let words = ["Cannot allocate memory", "epoll on all cores", "LimitMEMLOCK"];
    falls_back_to_epoll(Denied { call, above: Some(2), errno }, &words);
}

#[test]
fn where_rings_are_too_large_smaller_ones_do() {
    let (call, errno) = (libc::SYS_io_uring_setup, libc::ENOMEM);
    let (driver, warnings) =
        served(Options::new().denies(Denied { call, above: Some(1_024), errno }));
    if is_epoll_wanted() {
        return assert_eq!(driver, Driver::Epoll);
    }
    assert_eq!(driver, Driver::IoUring);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for word in ["4096", "1024", "Cannot allocate memory", "LimitMEMLOCK"] {
        assert!(warnings[0].contains(word), "{warnings:?}");
    }
}

/// As `LimitMEMLOCK` does, and the defaults of some systems. Some kernels do not count rings.
#[test]
fn a_limit_on_locked_memory_makes_rings_smaller() {
    let (driver, warnings) = served(Options::new().locked_bytes_max(1 << 20));
    if is_epoll_wanted() {
        return assert_eq!(driver, Driver::Epoll);
    }
    assert_eq!(driver, Driver::IoUring);
    assert!(warnings.len() <= 1, "{warnings:?}");
    for warning in warnings {
        assert!(warning.contains("4096") && warning.contains("LimitMEMLOCK"), "{warning}");
    }
}
