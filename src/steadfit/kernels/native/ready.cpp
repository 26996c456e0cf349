// What is asked of the system.

#include "buffer.h"

#include <sys/syscall.h>
#include <unistd.h>

extern "C" {

// Asks for the registers of AMX, which a process gets that says it wants them. 0, or the system's
// number for why not.
long steadfit_ready() {
    constexpr long kRequest = 0x1023, kTileData = 18;
    return syscall(SYS_arch_prctl, kRequest, kTileData);
}

// Asks for large pages for memory that was not written to yet; see `prefer_large_pages`.
void steadfit_prefer_large_pages(void* memory, int64_t bytes) {
    steadfit::prefer_large_pages(memory, bytes);
}

}  // extern "C"
