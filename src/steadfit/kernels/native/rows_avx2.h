// Rows of tiles multiplied by the instructions of AVX2, a tile of 16 columns at a time.
#pragma once

#include <cstring>

#include "tile_layout.h"

namespace steadfit {

constexpr int kMostRows = 4;        // at a time
constexpr int kMostColumns = 16;    // at a time: a tile's depth of them stays in the smallest cache
constexpr int kUpper = -(1 << 16);  // the upper half of 32 bits

inline __m256i load_eight(const char* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

// N rows of the left factor's tile, and the sums of their products with 16 columns.
template <int N, typename T>
struct Rows;

// A bfloat16 is the upper half of a float32: rows are widened once a tile, columns in registers.
template <int N>
struct Rows<N, bf16> {
    using Sums = __m256[N][2];
    alignas(32) float wide[N][kDepth];

    void read(const char* tile, int64_t row) {
        for (int n = 0; n < N; ++n) {
            for (int k = 0; k < kDepth; k += 8) {
                const char* from = tile + n * row + 2 * k;
                const __m128i eight = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
                const __m256i words = _mm256_slli_epi32(_mm256_cvtepu16_epi32(eight), 16);
                _mm256_store_ps(&wide[n][k], _mm256_castsi256_ps(words));
            }
        }
    }

    void add_products(Sums& sums, const char* right) const {
        for (int n = 0; n < N; ++n) {
            __m256 low = sums[n][0], high = sums[n][1];
            for (int k = 0; k < kDepth; k += 2) {
                const __m256i a = load_eight(right + 32 * k), b = load_eight(right + 32 * k + 32);
                const __m256 x = _mm256_broadcast_ss(&wide[n][k]);
                const __m256 y = _mm256_broadcast_ss(&wide[n][k + 1]);
                low = _mm256_fmadd_ps(x, first(a), low);
                high = _mm256_fmadd_ps(x, first(b), high);
                low = _mm256_fmadd_ps(y, second(a), low);
                high = _mm256_fmadd_ps(y, second(b), high);
            }
            sums[n][0] = low, sums[n][1] = high;
        }
    }

    static __m256 first(__m256i pairs) { return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)); }
    static __m256 second(__m256i pairs) {
        return _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(kUpper)));
    }
};

// Numbers from -127 to 127: the sum of two products is not too large for 16 bits. The instruction
// takes one factor without sign, so the other gets its sign.
template <int N>
struct Rows<N, int8_t> {
    using Sums = __m256i[N][2];
    alignas(32) char rows[N][64];

    void read(const char* tile, int64_t row) {
        for (int n = 0; n < N; ++n) std::memcpy(rows[n], tile + n * row, 64);
    }

    void add_products(Sums& sums, const char* right) const {
        for (int n = 0; n < N; ++n) {
            __m256i low = sums[n][0], high = sums[n][1];
            for (int d = 0; d < kRows; ++d) {
                int four;
                std::memcpy(&four, &rows[n][4 * d], sizeof four);
                const __m256i x = _mm256_set1_epi32(four);
                low = _mm256_add_epi32(low, product(x, load_eight(right + 64 * d)));
                high = _mm256_add_epi32(high, product(x, load_eight(right + 64 * d + 32)));
            }
            sums[n][0] = low, sums[n][1] = high;
        }
    }

    static __m256i product(__m256i x, __m256i y) {
        const __m256i twos = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(y, x));
        return _mm256_madd_epi16(twos, _mm256_set1_epi16(1));
    }
};

// The same of four rows, where all the time goes, instruction by instruction: compilers leave sums in
// memory, at half the speed.
#define STEADFIT_FOUR(ROW, place) ROW(0, place) ROW(1, place) ROW(2, place) ROW(3, place)
#define STEADFIT_SUMS                                                                 \
    [sum00] "+x"(sums[0][0]), [sum01] "+x"(sums[0][1]), [sum10] "+x"(sums[1][0]),     \
    [sum11] "+x"(sums[1][1]), [sum20] "+x"(sums[2][0]), [sum21] "+x"(sums[2][1]),     \
    [sum30] "+x"(sums[3][0]), [sum31] "+x"(sums[3][1]), [x] "=&x"(x), [low] "=&x"(low), \
    [high] "=&x"(high), [left] "+r"(left), [right] "+r"(right)

#define STEADFIT_ROW(n, place)                                  \
    "vbroadcastss " #n " * 128 + " #place "(%[left]), %[x]\n\t" \
    "vfmadd231ps %[low], %[x], %[sum" #n "0]\n\t"               \
    "vfmadd231ps %[high], %[x], %[sum" #n "1]\n\t"

template <>
inline void Rows<4, bf16>::add_products(Sums& sums, const char* right) const {
    static_assert(sizeof wide[0] == 128);
    const float* left = wide[0];
    __m256i x, low, high;
    asm volatile(
        "1:\n\t"
        "vmovdqu (%[right]), %[low]\n\t"
        "vmovdqu 32(%[right]), %[high]\n\t"
        "vpslld $16, %[low], %[low]\n\t"
        "vpslld $16, %[high], %[high]\n\t"
        STEADFIT_FOUR(STEADFIT_ROW, 0)
        "vpand (%[right]), %[upper], %[low]\n\t"
        "vpand 32(%[right]), %[upper], %[high]\n\t"
        STEADFIT_FOUR(STEADFIT_ROW, 4)
        "add $64, %[right]\n\t"
        "add $8, %[left]\n\t"
        "cmp %[end], %[left]\n\t"
        "jne 1b\n\t"
        : STEADFIT_SUMS
        : [end] "r"(wide[1]), [upper] "x"(_mm256_set1_epi32(kUpper))
        : "cc", "memory");
}
#undef STEADFIT_ROW

#define STEADFIT_COLUMNS(y, sum)                \
    "vpsignb %[x], %[" y "], %[product]\n\t"    \
    "vpmaddubsw %[product], %[size], %[product]\n\t" \
    "vpmaddwd %[product], %[ones], %[product]\n\t"   \
    "vpaddd %[product], %[" sum "], %[" sum "]\n\t"
#define STEADFIT_ROW(n, place)                                 \
    "vpbroadcastd " #n " * 64 + " #place "(%[left]), %[x]\n\t" \
    "vpabsb %[x], %[size]\n\t"                                 \
    STEADFIT_COLUMNS("low", "sum" #n "0") STEADFIT_COLUMNS("high", "sum" #n "1")

template <>
inline void Rows<4, int8_t>::add_products(Sums& sums, const char* right) const {
    const char* left = rows[0];
    __m256i x, low, high, size, product;
    asm volatile(
        "1:\n\t"
        "vmovdqu (%[right]), %[low]\n\t"
        "vmovdqu 32(%[right]), %[high]\n\t"
        STEADFIT_FOUR(STEADFIT_ROW, 0)
        "add $64, %[right]\n\t"
        "add $4, %[left]\n\t"
        "cmp %[end], %[left]\n\t"
        "jne 1b\n\t"
        : STEADFIT_SUMS, [size] "=&x"(size), [product] "=&x"(product)
        : [end] "r"(rows[1]), [ones] "x"(_mm256_set1_epi16(1))
        : "cc", "memory");
}
#undef STEADFIT_ROW
#undef STEADFIT_COLUMNS
#undef STEADFIT_SUMS
#undef STEADFIT_FOUR

// N rows of `multiply`, and one tile of columns. Whatever N is, a row's products are added up in the
// same order.
template <int N, typename T>
inline void multiply_rows_of(const Left& left, const char* a, const T* right, int64_t depth,
                             float* sums, int64_t, bool add) {
    typename Rows<N, T>::Sums found = {};
    for (int n = 0; n < N && add; ++n) std::memcpy(found[n], sums + n * kRows, 64);
    const char* b = reinterpret_cast<const char*>(right);
    Rows<N, T> rows[2];
    rows[0].read(a, left.row);
    for (int64_t k = 0; k < depth; ++k) {
        a += left.next_depth;
        // Ahead of time: what was just written is slow to read.
        if (k + 1 < depth) rows[(k + 1) % 2].read(a, left.row);
        rows[k % 2].add_products(found, b);
        b += 2048;
    }
    for (int n = 0; n < N; ++n) std::memcpy(sums + n * kRows, found[n], 64);
}

}  // namespace steadfit
