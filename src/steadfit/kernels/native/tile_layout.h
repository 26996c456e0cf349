// Tiles of matrices: 16 rows of 64 bytes. In bfloat16 16 x 32 numbers are multiplied by 32 x 16 and
// added up in float32, in int8 16 x 64 by 64 x 16 in int32: by the registers of AMX, or by vectors.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace steadfit {

constexpr int64_t kRows = 16;        // rows of a tile
using bf16 = uint16_t;

// Numbers in a row of a tile, and in a tile.
template <typename T>
constexpr int64_t kDepthOf = 64 / sizeof(T);
template <typename T>
constexpr int64_t kTileOf = kRows * kDepthOf<T>;
constexpr int64_t kAhead = 4096;  // bytes of a right factor that are fetched before they are needed
constexpr int64_t kDepth = kDepthOf<bf16>;
constexpr int64_t kTile = kTileOf<bf16>;

inline int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// Where the tiles of a left factor lie, in bytes.
struct Left {
    const char* data;
    int64_t next_rows;   // from one tile to the one of the next 16 rows
    int64_t next_depth;  // from one tile to the one of the next 32 columns
    int64_t row;         // from one row to the next of the same tile

    const char* at(int64_t n) const { return data + n / kRows * next_rows + n % kRows * row; }
};

template <typename T>
inline Left row_major(const T* data, int64_t stride) {
    const int64_t row = stride * static_cast<int64_t>(sizeof(T));
    return {reinterpret_cast<const char*>(data), kRows * row, 64, row};
}

// Packed tiles: rows of tiles of `depth` tiles each.
inline Left tiled(const bf16* data, int64_t depth) {
    return {reinterpret_cast<const char*>(data), depth * kTile * 2, kTile * 2, 64};
}

}  // namespace steadfit
