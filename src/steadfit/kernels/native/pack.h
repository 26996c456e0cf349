// Matrices as tiles in bfloat16, read from float32 or bfloat16, filled up with zeros.
#pragma once

#include "vectors.h"

namespace steadfit {

// A matrix in memory, of which a window is read; outside the matrix there are zeros.
// `bits`, if not null, has a bit for each number, rows of `bits_row` words: where it is not set
// the number counts as zero, the others are multiplied by `scale`.
template <typename T>
struct Matrix {
    const T* data;
    int64_t rows, columns, stride;
    const uint32_t* bits = nullptr;
    int64_t bits_row = 0;
    float scale = 1.f;

    // Numbers [column, column + 16) of a row.
    Floats at(int64_t row, int64_t column) const {
        if (row >= rows || column >= columns) return zeros();
        Lanes lanes = first_lanes(columns - column);
        const T* from = data + row * stride + column;
        if (bits != nullptr) {
            const uint32_t word = bits[row * bits_row + column / 32];
            lanes = in_both(lanes, lanes_of(word >> (column % 32)));
        }
        Floats x;
        if constexpr (sizeof(T) == 4) {
            x = load(lanes, from);
        } else {
            x = load_bf16(lanes, from);
        }
        return bits != nullptr ? x * broadcast(scale) : x;
    }
};

// The right factor's tile of columns [n, n + 16) and depths [k, k + 32) where the matrix's rows are
// the product's columns: each pair of depths is a pair of neighbours, rows become columns.
template <typename M>
inline void tile_of_rows(const M& m, int64_t n, int64_t k, bf16* to) {
    Words rows[16];
    for (int i = 0; i < 16; ++i) rows[i] = two_to_bf16(m.at(n + i, k), m.at(n + i, k + 16));
    transpose16(rows);
    for (int i = 0; i < 16; ++i) store_words(to + 32 * i, rows[i]);
}

// The same tile where the matrix's columns are the product's columns.
template <typename M>
inline void tile_of_columns(const M& m, int64_t n, int64_t k, bf16* to) {
    for (int i = 0; i < 16; ++i) {
        store_words(to + 32 * i, pairs(m.at(k + 2 * i, n), m.at(k + 2 * i + 1, n)));
    }
}

// The left factor's tile of rows [n, n + 16) and depths [k, k + 32) of the transposed matrix.
template <typename M>
inline void tile_transposed(const M& m, int64_t n, int64_t k, bf16* to) {
    Words rows[16];
    for (int i = 0; i < 16; ++i) rows[i] = pairs(m.at(k + 2 * i, n), m.at(k + 2 * i + 1, n));
    transpose16(rows);
    for (int i = 0; i < 16; ++i) store_words(to + 32 * i, rows[i]);
}

}  // namespace steadfit
