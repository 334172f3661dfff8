//! Who gets how many of the descriptors that the process may open.
//!
//! A process without one left accepts nobody, not even to say so, and its log cannot begin a file.
//! So clients get only what is left when everything else is provided for:
//!
//! * 32 for the process: standard streams, signals, the side thread, a database, files it reads;
//! * 10 a core: two rings or a set, a set of sockets, three bells, up to three listeners;
//! * 8 for the log's files;
//! * 64 for the operator, and as many a core where messages are echoed;
//! * one for each call to another server, `webhook.calls_in_flight_max`, and those that each
//!   webhook keeps for the next call, but at most an eighth of all;
//! * of what is left, two shares for who comes too late, one of those who are heard and one of
//!   those who get a bare 503: `core.turned_away_max` a core each, but at most an eighth.

use std::io;

use crate::config::Config;
use crate::http_client::IDLE_PER_HOST;
use crate::shard::OPERATOR_SOCKETS_MAX;

const OF_PROCESS: usize = 32;
const OF_CORE: usize = 10;
const OF_LOG: usize = 8;

/// The largest part of what there is that calls to others, or one share of latecomers, may have.
const PART_MAX: usize = 8;

/// The fewest sockets of clients that a core is of use with, latecomers included.
const SOCKETS_MIN: usize = 4;

/// Lower what `config` allows each of `cores` to what `files_max` descriptors suffice for, with
/// `webhooks` to be told; a line for the operator if that leaves less room for clients.
///
/// # Errors
/// If there are too few to serve anybody.
pub(super) fn share_out(
    config: &mut Config,
    files_max: u64,
    cores: usize,
    webhooks: usize,
) -> io::Result<Option<String>> {
    let webhooks = webhooks * IDLE_PER_HOST;
    let files = usize::try_from(files_max).unwrap_or(usize::MAX);
    let part = files / PART_MAX;
    let calls = (config.webhook.calls_in_flight_max as usize).min(part.max(1));
    let echoing = if config.server.test_echo_port.is_some() { cores } else { 0 };
    let fixed = OF_PROCESS + OF_CORE * cores + OF_LOG + OPERATOR_SOCKETS_MAX * (1 + echoing);
    let least = fixed + SOCKETS_MIN * cores;
    let needed = (least + calls + webhooks).min((least * PART_MAX).div_ceil(PART_MAX - 1));
    if files < needed {
        return Err(io::Error::other(format!(
            "the process may open {files} files, and {cores} cores need {needed}: raise the limit \
             (ulimit -n, LimitNOFILE)"
        )));
    }
    let of_core = (files - fixed - (calls + webhooks).min(part)) / cores;
    let late = (config.core.turned_away_max as usize).min((of_core / PART_MAX).max(1));
    let wanted = config.core.connections_max as usize;
    let connections = wanted.min(of_core - 2 * late);
    // None of them is larger than what was configured.
    config.webhook.calls_in_flight_max = calls as u32;
    config.core.turned_away_max = late as u32;
    config.core.connections_max = connections as u32;
    let kept = files - connections * cores;
    Ok((connections < wanted).then(|| {
        format!(
            "core.connections_max is {connections} instead of {wanted}: the process may open \
             {files} files (ulimit -n, LimitNOFILE) and keeps {kept} of them for all that is no \
             client"
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(files: u64, cores: usize) -> (Config, io::Result<Option<String>>) {
        let mut config = Config::default();
        let told = share_out(&mut config, files, cores, 1);
        (config, told)
    }

    fn all_of(config: &Config, cores: usize, webhooks: usize) -> usize {
        let (core, calls) = (&config.core, config.webhook.calls_in_flight_max as usize);
        let of_core = core.connections_max + 2 * core.turned_away_max;
        OF_PROCESS
            + OF_LOG
            + OPERATOR_SOCKETS_MAX
            + calls
            + webhooks
            + cores * (OF_CORE + of_core as usize)
    }

    #[test]
    fn where_there_are_enough_nothing_is_lowered_or_said() {
        let (config, told) = shared(1 << 20, 4);
        assert_eq!((config, told.unwrap()), (Config::default(), None));
    }

    #[test]
    fn whatever_there_is_suffices_for_all_that_is_then_allowed() {
        for files in (200..5_000).chain([u64::MAX]) {
            for cores in [1, 2, 3, 8, 64] {
                let (config, told) = shared(files, cores);
                if told.is_ok() {
                    // A webhook may have to wait for a call's place where there are very few.
                    let all = all_of(&config, cores, 0);
                    assert!(all as u64 <= files, "{all} of {files} with {cores} cores");
                    assert!(config.core.connections_max > 0 && config.core.turned_away_max > 0);
                }
            }
        }
    }

    #[test]
    fn the_operator_is_told_both_numbers() {
        let (config, told) = shared(256, 2);
        let told = told.unwrap().unwrap();
        assert_eq!(config.core.connections_max, 38);
        assert!(told.contains("38 instead of 100000") && told.contains("256 files"), "{told}");
    }

    #[test]
    fn too_few_are_an_error_that_says_how_many_are_needed() {
        let error = shared(150, 2).1.unwrap_err().to_string();
        assert!(error.contains("150 files") && error.contains("need 151"), "{error}");
        assert!(shared(151, 2).1.is_ok());
    }
}
