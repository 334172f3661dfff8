//! Lists of processor cores, and pinning to them.

use std::fs;
use std::io;
use std::str::FromStr;
use std::time::Duration;

/// Cores to run on, such as `0` or `0,2-3`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cores(Vec<usize>);

/// A text that is not a list of cores.
#[derive(Debug, thiserror::Error)]
#[error("expected cores such as 0 or 0,2-3")]
pub struct CoresError;

impl Cores {
    /// The cores that the calling thread may run on.
    pub fn allowed() -> io::Result<Self> {
        // SAFETY: a cpu_set_t is plain bits, and all zeros is the empty set.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is to a live set of the given size.
        if unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: every core asked for is below CPU_SETSIZE.
        let is_set = |core: &usize| unsafe { libc::CPU_ISSET(*core, &set) };
        Ok(Self((0..libc::CPU_SETSIZE as usize).filter(is_set).collect()))
    }

    /// The `index`th of these cores alone.
    pub fn only(&self, index: usize) -> Option<Self> {
        self.0.get(index).map(|core| Self(vec![*core]))
    }

    /// These cores and the `other` ones, each once.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut cores = [&self.0[..], &other.0].concat();
        cores.sort_unstable();
        cores.dedup();
        Self(cores)
    }

    /// Processor time that all processes together used on them since the machine began, in the
    /// steps of its ticks, and what the host took of them.
    pub fn busy(&self) -> io::Result<Duration> {
        let text = fs::read_to_string("/proc/stat")?;
        let ticks: Option<u64> = self.0.iter().map(|core| ticks_of_core(&text, *core)).sum();
        // SAFETY: a system call without arguments in memory.
        let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1).cast_unsigned();
        Ok(Duration::from_millis(ticks.ok_or(io::ErrorKind::InvalidData)? * 1000 / per_second))
    }

    /// Number of cores in the list, at least one.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Pin the calling thread, and all it starts later, to these cores.
    ///
    /// Makes one system call and allocates nothing, so it may run between fork and exec.
    pub fn pin(&self) -> io::Result<()> {
        // SAFETY: a cpu_set_t is plain bits, and all zeros is the empty set.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        for core in &self.0 {
            // SAFETY: parsing bounds every core by CPU_SETSIZE.
            unsafe { libc::CPU_SET(*core, &mut set) };
        }
        // SAFETY: the pointer is to a live set of the given size.
        match unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// User, nice, system and stolen time. Interrupts are left out: they serve whoever sends.
fn ticks_of_core(stat: &str, core: usize) -> Option<u64> {
    let name = format!("cpu{core}");
    let line = stat.lines().find(|line| line.split_whitespace().next() == Some(&name))?;
    let ticks = |column| line.split_whitespace().nth(column)?.parse::<u64>().ok();
    [1, 2, 3, 8].into_iter().map(ticks).sum()
}

impl FromStr for Cores {
    type Err = CoresError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut cores = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let first: usize = first.parse().map_err(|_| CoresError)?;
            let last: usize = last.parse().map_err(|_| CoresError)?;
            if first > last || last >= libc::CPU_SETSIZE as usize {
                return Err(CoresError);
            }
            cores.extend(first..=last);
        }
        cores.sort_unstable();
        cores.dedup();
        Ok(Self(cores))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_are_read() {
        for (text, cores) in [("0", vec![0]), ("1,0", vec![0, 1]), ("0,2-4,3", vec![0, 2, 3, 4])] {
            assert_eq!(text.parse::<Cores>().unwrap(), Cores(cores));
        }
    }

    #[test]
    fn a_core_is_busy_with_users_the_kernel_and_the_host() {
        let stat = "cpu  9 9\ncpu1 1 2 4 8 16 32 64 128 256 512\ncpu10 5 0 0 0 0 0 0 0 0 0\n";
        assert_eq!(ticks_of_core(stat, 1), Some(1 + 2 + 4 + 128));
        assert_eq!(ticks_of_core(stat, 10), Some(5));
        assert_eq!(ticks_of_core(stat, 2), None);
        assert!(Cores::allowed().unwrap().busy().unwrap() > Duration::ZERO);
    }

    #[test]
    fn two_lists_have_a_core_they_share_once() {
        let cores = |text: &str| text.parse::<Cores>().unwrap();
        assert_eq!(cores("0").and(&cores("0-1")), cores("0-1"));
        assert_eq!(cores("0").and(&cores("0")).count(), 1);
    }

    #[test]
    fn the_cores_of_a_thread_are_known_and_one_can_be_picked() {
        let allowed = Cores::allowed().unwrap();
        assert_eq!(allowed.only(0).unwrap().count(), 1);
        assert_eq!(allowed.only(allowed.count()), None);
        assert_eq!("3,5".parse::<Cores>().unwrap().only(1), Some(Cores(vec![5])));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "a", "3-1", "0,", "1024"] {
            assert!(text.parse::<Cores>().is_err(), "{text}");
        }
    }
}
