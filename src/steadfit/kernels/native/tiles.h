// Products of tiles: `Tiles`, of which each thread that multiplies needs one, and `multiply`.
#pragma once

#ifdef __AMX_BF16__
#include "tiles_amx.h"
#else
#include "tiles_vectors.h"
#endif

namespace steadfit {

// template <int R, typename T>
// void multiply(const Left& left, const T* right, int64_t depth, float* sums, bool add)
//
// sums (16 * R, 32) = left (16 * R, depth tiles) @ right, whose tiles lie as pairs: for each depth
// the tile of columns 0 to 15, then that of 16 to 31. Sums are stored as two blocks of 16 columns,
// (2, 16 * R, 16), or added to what is there. They are float32, or int32 for int8.

// `multiply` for 1 to 3 tiles of rows.
template <typename T>
inline void multiply_rows(int64_t tiles, const Left& left, const T* right, int64_t depth,
                          float* sums, bool add = false) {
    if (tiles == 1) {
        multiply<1>(left, right, depth, sums, add);
    } else if (tiles == 2) {
        multiply<2>(left, right, depth, sums, add);
    } else {
        multiply<3>(left, right, depth, sums, add);
    }
}

// Sums (2, 2, 16 * tiles, 16) of the products with a pair of tiles of columns and with that `next`
// numbers behind it.
template <typename T>
inline void multiply_two(int64_t tiles, const Left& left, const T* right, int64_t next,
                         int64_t depth, float* sums) {
#ifndef __AMX_BF16__
    if constexpr (sizeof(T) == 2) {
        if (tiles == 1 && rows_of_tiles == 1) return multiply_row(left, right, next, depth, sums);
    }
#endif
    multiply_rows(tiles, left, right, depth, sums);
    multiply_rows(tiles, left, right + next, depth, sums + 2 * tiles * kRows * kRows);
}

}  // namespace steadfit
