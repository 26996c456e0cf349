// Asks the system for the registers of AMX, which it gives to a process that says it wants them.

#include <sys/syscall.h>
#include <unistd.h>

extern "C" {

// 0, or the system's number for why not.
long steadfit_ready() {
#ifdef __AMX_BF16__
    constexpr long kRequest = 0x1023, kTileData = 18;
    return syscall(SYS_arch_prctl, kRequest, kTileData);
#else
    return 0;
#endif
}

}  // extern "C"
