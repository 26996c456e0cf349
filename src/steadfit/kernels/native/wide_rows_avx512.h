// Rows of tiles in bfloat16 multiplied by AVX-512 without instructions for it: widened to float32.
#pragma once

#include "rows_avx512.h"

namespace steadfit {

// Rows are widened a tile ahead of their products: what was just written is slow to read.
template <int N>
class WideRows {
  public:
    WideRows(const Left& left, int64_t row, int64_t depth) : step_(left.next_depth), end_(depth) {
        for (int n = 0; n < N; ++n) from_[n] = left.at(row + n);
        read();
    }

    // The next tile: rows of 32 numbers.
    const float* next() {
        const float* found = wide_[tile_ % 2][0];
        if (++tile_ < end_) read();
        return found;
    }

  private:
    void read() {
        for (int n = 0; n < N; ++n) {
            for (int k = 0; k < kDepth; k += 16) {
                const auto* from = reinterpret_cast<const __m256i*>(from_[n] + 2 * k);
                const __m256i half = _mm256_loadu_si256(from);
                const __m512i words = _mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16);
                _mm512_store_si512(&wide_[tile_ % 2][n][k], words);
            }
            from_[n] += step_;
        }
    }

    const char* from_[N];
    int64_t step_, tile_ = 0, end_;
    alignas(64) float wide_[2][N][kDepth];
};

// That of rows_avx512.h for bfloat16; rows need not be of one tile.
template <int N>
inline void multiply_rows_of(const Left& left, int64_t row, const bf16* right, int64_t depth,
                             float* sums, int64_t block, bool add) {
    const char* b = reinterpret_cast<const char*>(right);
    __m512 found[N][2];
    for (int n = 0; n < N; ++n) {
        for (int side = 0; side < 2; ++side) {
            found[n][side] = add ? _mm512_loadu_ps(sums + side * block + n * kRows)
                                 : _mm512_setzero_ps();
        }
    }
    WideRows<N> rows(left, row, depth);
    for (int64_t k = 0; k < depth; ++k) {
        const float* x = rows.next();
#pragma GCC unroll 2
        for (int d = 0; d < 16; ++d) {
            const __m512i low = _mm512_loadu_si512(b + 64 * d);
            const __m512i high = _mm512_loadu_si512(b + 64 * d + 1024);
            _mm_prefetch(b + 64 * d + kAhead, _MM_HINT_T1);
            _mm_prefetch(b + 64 * d + 1024 + kAhead, _MM_HINT_T1);
            const __m512 low1 = first_of(low), high1 = first_of(high);
            const __m512 low2 = second_of(low), high2 = second_of(high);
            for (int n = 0; n < N; ++n) {
                const __m512 one = _mm512_set1_ps(x[n * kDepth + 2 * d]);
                found[n][0] = _mm512_fmadd_ps(one, low1, found[n][0]);
                found[n][1] = _mm512_fmadd_ps(one, high1, found[n][1]);
            }
            for (int n = 0; n < N; ++n) {
                const __m512 two = _mm512_set1_ps(x[n * kDepth + 2 * d + 1]);
                found[n][0] = _mm512_fmadd_ps(two, low2, found[n][0]);
                found[n][1] = _mm512_fmadd_ps(two, high2, found[n][1]);
            }
        }
        b += 2048;
    }
    for (int n = 0; n < N; ++n) {
        for (int side = 0; side < 2; ++side) {
            _mm512_storeu_ps(sums + side * block + n * kRows, found[n][side]);
        }
    }
}

}  // namespace steadfit
