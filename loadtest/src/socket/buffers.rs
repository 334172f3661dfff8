//! The memory the kernel receives into: one ring of equal buffers, shared by all connections.
//!
//! The kernel takes a buffer only when bytes have arrived, so a thousand idle connections need
//! none. The memory is mapped once and never unmapped: the kernel may still hold it while the
//! process ends.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::IoUring;
use io_uring::types::BufRingEntry;

/// Number of buffers: a power of two, as the kernel demands.
const COUNT: u16 = 256;
/// Bytes in each: a burst of about 120 frames fits one.
const BYTES: usize = 32 << 10;

/// The group number under which the ring is registered.
pub const GROUP: u16 = 0;

/// The registered ring and the buffers behind it.
#[derive(Debug)]
pub struct Buffers {
    entries: NonNull<BufRingEntry>,
    memory: NonNull<u8>,
    /// Buffers handed to the kernel so far, modulo 2^16.
    tail: u16,
}

impl Buffers {
    /// Map the memory, register it with `ring` and give every buffer to the kernel.
    pub fn register(ring: &IoUring) -> io::Result<Self> {
        let entries = map(usize::from(COUNT) * size_of::<BufRingEntry>())?.cast();
        let memory = map(usize::from(COUNT) * BYTES)?;
        // SAFETY: the entries are page aligned, large enough for COUNT and never unmapped.
        unsafe {
            ring.submitter().register_buf_ring_with_flags(
                entries.as_ptr() as u64,
                COUNT,
                GROUP,
                0,
            )?;
        }
        let mut buffers = Self { entries, memory, tail: 0 };
        for index in 0..COUNT {
            buffers.give_back(index);
        }
        Ok(buffers)
    }

    /// The received bytes in buffer `index`, which the kernel has handed over.
    ///
    /// # Panics
    ///
    /// If the kernel could not have filled such a buffer.
    pub fn bytes(&self, index: u16, length: usize) -> &[u8] {
        assert!(index < COUNT && length <= BYTES, "the kernel answers within its buffers");
        // SAFETY: the range lies in the mapping, and the kernel does not write to a buffer between
        // its completion and `give_back`, which needs `&mut self`.
        unsafe {
            std::slice::from_raw_parts(self.memory.as_ptr().add(usize::from(index) * BYTES), length)
        }
    }

    /// Let the kernel use buffer `index` again.
    ///
    /// # Panics
    ///
    /// If there is no such buffer.
    pub fn give_back(&mut self, index: u16) {
        assert!(index < COUNT, "the kernel answers within its buffers");
        let slot = usize::from(self.tail % COUNT);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: slot and index are below COUNT, so both addresses lie in their mappings; the
        // kernel reads an entry only once the tail has passed it, and the tail field of the first
        // entry is a naturally aligned u16 that `set_*` never touches.
        unsafe {
            let entry = &mut *self.entries.as_ptr().add(slot);
            entry.set_addr(self.memory.as_ptr().add(usize::from(index) * BYTES) as u64);
            entry.set_len(BYTES as u32);
            entry.set_bid(index);
            let tail = BufRingEntry::tail(self.entries.as_ptr()).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }
}

/// Zeroed, page-aligned memory that lives as long as the process.
fn map(length: usize) -> io::Result<NonNull<u8>> {
    // SAFETY: an anonymous mapping at an address of the kernel's choice touches nothing else.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            length,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
            -1,
            0,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(address.cast()).ok_or_else(io::Error::last_os_error)
}
