// left (rows, depth tiles) @ right (depth tiles, 32 * pairs).
#pragma once

#include "pack.h"
#include "threads.h"
#include "tiles.h"

namespace steadfit {

// Bytes of the right factor that are kept in the cache while the left one passes.
#ifdef __AVX512F__
constexpr int64_t kCacheBytes = 640 * 1024;
#else
constexpr int64_t kCacheBytes = 320 * 1024;
#endif
constexpr int64_t kBlockRows = 3 * kRows;  // rows that are multiplied at a time

// Calls store(sums, block, row, rows, pair) for each block of up to 48 rows and 32 columns, where
// sums are (2, block, 16) and rows <= block of them are real. `right` holds `depth` pairs of tiles
// for each of `pairs`.
template <typename T, typename Store>
inline void product(const Left& left, int64_t rows, const T* right, int64_t depth, Range pairs,
                    const Store& store) {
    alignas(64) float sums[2 * kBlockRows * kRows];
    const int64_t pair_size = 2 * kTileOf<T> * depth;
    const int64_t block = std::max<int64_t>(1, kCacheBytes / (2048 * depth));
    for (int64_t from = pairs.begin; from < pairs.end; from += block) {
        const int64_t to = std::min(from + block, pairs.end);
        for (int64_t row = 0; row < rows; row += kBlockRows) {
            Left part = left;
            part.data += row / kRows * left.next_rows;
            const int64_t real = std::min(kBlockRows, rows - row);
            const int64_t tiles = (real + kRows - 1) / kRows;
            for (int64_t pair = from; pair < to; ++pair) {
                multiply_rows(tiles, part, right + pair * pair_size, depth, sums);
                store(sums, tiles * kRows, row, real, pair);
            }
        }
    }
}

}  // namespace steadfit
