// Memory for one call, laid out for tiles and for large pages.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "tiles.h"

namespace steadfit {

constexpr int64_t kLargePage = 2 << 20;

// The layers go through many megabytes row by row: with small pages the processor looks up their
// places as long as it computes.
inline void prefer_large_pages(void* memory, int64_t bytes) {
    const int64_t begin = round_up(reinterpret_cast<int64_t>(memory), kLargePage);
    const int64_t end = (reinterpret_cast<int64_t>(memory) + bytes) / kLargePage * kLargePage;
    if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

inline void* allocate(int64_t bytes) {
    const int64_t page = bytes < kLargePage ? 64 : kLargePage;
    void* memory = std::aligned_alloc(page, round_up(std::max(bytes, page), page));
    if (memory != nullptr) prefer_large_pages(memory, round_up(bytes, page));
    return memory;
}

using Buffer = std::unique_ptr<bf16, decltype(&std::free)>;
using FloatBuffer = std::unique_ptr<float, decltype(&std::free)>;

inline Buffer buffer(int64_t numbers) {
    return {static_cast<bf16*>(allocate(2 * numbers)), &std::free};
}

inline FloatBuffer float_buffer(int64_t numbers) {
    return {static_cast<float*>(allocate(4 * numbers)), &std::free};
}

}  // namespace steadfit
