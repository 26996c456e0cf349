// Rows of tiles multiplied by the instructions of AVX-512 for int8, and those for bfloat16 or float32.
#pragma once

#include <cstring>

#include "tile_layout.h"

namespace steadfit {

template <typename T>
#ifdef __AVX512BF16__
constexpr int kMostRows = 8;  // at a time
#else
constexpr int kMostRows = sizeof(T) == 1 ? 8 : 12;
#endif
constexpr int kMostColumns = 32;  // at a time

// The instruction for int8 takes the left factor without sign: 128 is added to each of its numbers,
// and 128 times the right factor's columns is subtracted from the sums.
constexpr int kSign = static_cast<int>(0x80808080);

// The numbers of pairs of bfloat16, which are the upper halves of float32.
inline __m512 first_of(__m512i pairs) { return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)); }
inline __m512 second_of(__m512i pairs) {
    return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(-(1 << 16))));
}

template <typename T>
inline __m512i add_product(__m512i sums, __m512i left, __m512i right) {
    if constexpr (sizeof(T) == 1) {
        return _mm512_dpbusd_epi32(sums, left, right);
    } else {
#ifdef __AVX512BF16__
        return (__m512i)_mm512_dpbf16_ps((__m512)sums, (__m512bh)left, (__m512bh)right);
#else  // for one row; more of them by wide_rows_avx512.h, in the same order
        const __m512 one = _mm512_fmadd_ps(first_of(left), first_of(right), (__m512)sums);
        return (__m512i)_mm512_fmadd_ps(second_of(left), second_of(right), one);
#endif
    }
}

template <typename T>
inline __m512i four_bytes(const char* from) {
    int word;
    std::memcpy(&word, from, sizeof word);
    const __m512i all = _mm512_set1_epi32(word);
    return sizeof(T) == 1 ? _mm512_xor_si512(all, _mm512_set1_epi32(kSign)) : all;
}

// N rows of `multiply`, of one tile. Whatever N is, a row's products are added up in the same order.
template <int N, typename T>
inline void multiply_rows_of(const Left& left, int64_t row, const T* right, int64_t depth,
                             float* sums, int64_t block, bool add) {
    const char* a = left.at(row);
    const char* b = reinterpret_cast<const char*>(right);
    __m512i found[N][2];
    __m512i above[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    for (int n = 0; n < N; ++n) {
        for (int side = 0; side < 2; ++side) {
            found[n][side] = add ? _mm512_loadu_si512(sums + side * block + n * kRows)
                                 : _mm512_setzero_si512();
        }
    }
    for (int64_t k = 0; k < depth; ++k) {
#pragma GCC unroll 4  // else sums are copied from register to register at each step
        for (int d = 0; d < 16; ++d) {
            const __m512i low = _mm512_loadu_si512(b + 64 * d);
            const __m512i high = _mm512_loadu_si512(b + 64 * d + 1024);
            if constexpr (sizeof(T) == 1) {
                above[0] = add_product<T>(above[0], _mm512_set1_epi32(kSign), low);
                above[1] = add_product<T>(above[1], _mm512_set1_epi32(kSign), high);
            }
            for (int n = 0; n < N; ++n) {
                const __m512i x = four_bytes<T>(a + n * left.row + 4 * d);
                found[n][0] = add_product<T>(found[n][0], x, low);
                found[n][1] = add_product<T>(found[n][1], x, high);
            }
        }
        a += left.next_depth;
        b += 2048;
    }
    for (int n = 0; n < N; ++n) {
        for (int side = 0; side < 2; ++side) {
            __m512i all = found[n][side];
            if constexpr (sizeof(T) == 1) all = _mm512_sub_epi32(all, above[side]);
            _mm512_storeu_si512(sums + side * block + n * kRows, all);
        }
    }
}

// One row of the left factor times two pairs of tiles of columns, `next` numbers apart: a pair alone
// would wait for each sum before the next. Sums are (4, 16, 16), of which the first rows are written.
inline void multiply_row(const Left& left, const bf16* right, int64_t next, int64_t depth, float* sums) {
    const char* b[2] = {reinterpret_cast<const char*>(right), reinterpret_cast<const char*>(right + next)};
    __m512i found[4] = {};
    const char* a = left.data;
    for (int64_t k = 0; k < depth; ++k) {
#pragma GCC unroll 4
        for (int d = 0; d < 16; ++d) {
            const __m512i x = four_bytes<bf16>(a + 4 * d);
            for (int n = 0; n < 4; ++n) {
                const char* from = b[n / 2] + 64 * d + n % 2 * 1024;
                _mm_prefetch(from + kAhead, _MM_HINT_T1);
                found[n] = add_product<bf16>(found[n], x, _mm512_loadu_si512(from));
            }
        }
        a += left.next_depth;
        b[0] += 2048, b[1] += 2048;
    }
    for (int n = 0; n < 4; ++n) _mm512_storeu_si512(sums + n * kRows * kRows, found[n]);
}

}  // namespace steadfit
