#include "buffer.h"

extern "C" {

// Asks for large pages for memory that was not written to yet; see `prefer_large_pages`.
void steadfit_prefer_large_pages(void* memory, int64_t bytes) {
    steadfit::prefer_large_pages(memory, bytes);
}

}  // extern "C"
