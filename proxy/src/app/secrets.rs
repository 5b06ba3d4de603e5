//! Keeps learnt passwords and keys out of core dumps.

/// Tells the kernel what a core dump of this process may hold: nothing of its memory but the headers of its program
/// files (core(5), "Controlling which mappings are written to the core dump"). A process that is not dumpable at all
/// could not look at its own `/proc/self/fd` without being root, and its metrics do.
pub(super) fn keep_out_of_core_dumps() {
    if let Err(error) = std::fs::write("/proc/self/coredump_filter", "0x10") {
        tracing::warn!(%error, "core dumps of this process would hold passwords: /proc/self/coredump_filter cannot be set");
    }
}
