//! Settings of the C library's allocator.

/// Makes the allocator give freed memory back to the system soon. Values of hundreds of kilobytes
/// come and go here, on many threads: by default glibc keeps them, in an arena for each thread, for
/// the next of the same size.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the only way to say this from inside")]
pub fn give_back_freed() {
    const LARGE: libc::c_int = 128 << 10;
    const ARENAS: libc::c_int = 4;
    // SAFETY: these change numbers of the allocator, and are called before there are threads.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::mallopt(libc::M_TRIM_THRESHOLD, LARGE);
        libc::mallopt(libc::M_ARENA_MAX, ARENAS);
    }
}

/// Does nothing where the system's allocator is another.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back_freed() {}
