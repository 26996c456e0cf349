// Memory for one call, laid out for tiles and for large pages.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "tiles.h"

namespace steadfit {

constexpr int64_t kLargePage = 2 << 20;

inline void* allocate(int64_t bytes) {
    if (bytes < kLargePage) return std::aligned_alloc(64, round_up(std::max<int64_t>(bytes, 64), 64));
    void* memory = std::aligned_alloc(kLargePage, round_up(bytes, kLargePage));
    if (memory != nullptr) madvise(memory, round_up(bytes, kLargePage), MADV_HUGEPAGE);
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
