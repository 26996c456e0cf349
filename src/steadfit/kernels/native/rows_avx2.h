// Rows of tiles multiplied by the instructions of AVX2, a tile of 16 columns at a time.
#pragma once

#include <cstring>

#include "tile_layout.h"

namespace steadfit {

template <typename T>
constexpr int kMostRows = sizeof(T) == 1 ? 4 : 6;  // at a time: what registers hold
constexpr int kMostColumns = 16;    // at a time: a tile's depth of them stays in the smallest cache
constexpr int kUpper = -(1 << 16);  // the upper half of 32 bits

inline __m256i load_eight(const char* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

// A bfloat16 is the upper half of a float32.
inline __m256 first_of(__m256i pairs) { return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)); }
inline __m256 second_of(__m256i pairs) {
    return _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(kUpper)));
}

// N rows of the left factor's tile, and the sums of their products with 16 columns.
template <int N, typename T>
struct Rows;

// Rows are widened once a tile, columns in registers.
template <int N>
struct Rows<N, bf16> {
    using Sums = __m256[N][2];
    alignas(32) float wide[N][kDepth];

    void read(const char* const* rows) {
        for (int n = 0; n < N; ++n) {
            for (int k = 0; k < kDepth; k += 8) {
                const char* from = rows[n] + 2 * k;
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
                low = _mm256_fmadd_ps(x, first_of(a), low);
                high = _mm256_fmadd_ps(x, first_of(b), high);
                low = _mm256_fmadd_ps(y, second_of(a), low);
                high = _mm256_fmadd_ps(y, second_of(b), high);
            }
            sums[n][0] = low, sums[n][1] = high;
        }
    }
};

// Numbers from -127 to 127: the sum of two products is not too large for 16 bits. The instruction
// takes one factor without sign, so the other gets its sign.
template <int N>
struct Rows<N, int8_t> {
    using Sums = __m256i[N][2];
    alignas(32) char numbers[N][64];

    void read(const char* const* rows) {
        for (int n = 0; n < N; ++n) std::memcpy(numbers[n], rows[n], 64);
    }

    void add_products(Sums& sums, const char* right) const {
        for (int n = 0; n < N; ++n) {
            __m256i low = sums[n][0], high = sums[n][1];
            for (int d = 0; d < kRows; ++d) {
                int four;
                std::memcpy(&four, &numbers[n][4 * d], sizeof four);
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

// The same of most rows, where all the time goes, instruction by instruction: compilers leave sums in
// memory, at half the speed.
#define STEADFIT_FOUR(ROW, ...)                                                 \
    ROW(0, 0, 1, __VA_ARGS__) ROW(1, 2, 3, __VA_ARGS__) ROW(2, 4, 5, __VA_ARGS__) \
    ROW(3, 6, 7, __VA_ARGS__)
#define STEADFIT_SIX(ROW, ...) \
    STEADFIT_FOUR(ROW, __VA_ARGS__) ROW(4, 8, 9, __VA_ARGS__) ROW(5, 10, 11, __VA_ARGS__)
#define STEADFIT_READ(n, low, high, _)                       \
    "vmovaps 64 * " #n "(%[sums]), %%ymm" #low "\n\t"        \
    "vmovaps 64 * " #n " + 32(%[sums]), %%ymm" #high "\n\t"
#define STEADFIT_WRITE(n, low, high, _)                      \
    "vmovaps %%ymm" #low ", 64 * " #n "(%[sums])\n\t"        \
    "vmovaps %%ymm" #high ", 64 * " #n " + 32(%[sums])\n\t"
#define STEADFIT_ADD(n, low, high, place)                          \
    "vbroadcastss 128 * " #n " + " #place "(%[left]), %%ymm14\n\t" \
    "vfmadd231ps %%ymm12, %%ymm14, %%ymm" #low "\n\t"              \
    "vfmadd231ps %%ymm13, %%ymm14, %%ymm" #high "\n\t"
#define STEADFIT_MULTIPLY(ROWS)                                                             \
    const float* left = wide[0];                                                            \
    asm volatile(ROWS(STEADFIT_READ, _)                                                     \
                 "1:\n\t"                                                                   \
                 "prefetcht1 %c[ahead](%[right])\n\t"                                       \
                 "vpslld $16, (%[right]), %%ymm12\n\t"                                      \
                 "vpslld $16, 32(%[right]), %%ymm13\n\t"                                    \
                 ROWS(STEADFIT_ADD, 0)                                                      \
                 "vpand (%[right]), %[upper], %%ymm12\n\t"                                  \
                 "vpand 32(%[right]), %[upper], %%ymm13\n\t"                                \
                 ROWS(STEADFIT_ADD, 4)                                                      \
                 "add $64, %[right]\n\t"                                                    \
                 "add $8, %[left]\n\t"                                                      \
                 "cmp %[end], %[left]\n\t"                                                  \
                 "jne 1b\n\t"                                                               \
                 ROWS(STEADFIT_WRITE, _)                                                    \
                 : [left] "+&r"(left), [right] "+&r"(right)                                 \
                 : [end] "r"(wide[1]), [sums] "r"(sums), [ahead] "i"(kAhead),               \
                   [upper] "x"(_mm256_set1_epi32(kUpper))                                   \
                 : "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",  \
                   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14");

template <>
inline void Rows<6, bf16>::add_products(Sums& sums, const char* right) const {
    static_assert(sizeof wide[0] == 128);
    STEADFIT_MULTIPLY(STEADFIT_SIX)
}

template <>
inline void Rows<4, bf16>::add_products(Sums& sums, const char* right) const {
    STEADFIT_MULTIPLY(STEADFIT_FOUR)
}
#undef STEADFIT_MULTIPLY
#undef STEADFIT_ADD
#undef STEADFIT_WRITE
#undef STEADFIT_READ
#undef STEADFIT_SIX
#undef STEADFIT_FOUR

#define STEADFIT_FOUR(ROW, place) ROW(0, place) ROW(1, place) ROW(2, place) ROW(3, place)
#define STEADFIT_SUMS                                                                 \
    [sum00] "+x"(sums[0][0]), [sum01] "+x"(sums[0][1]), [sum10] "+x"(sums[1][0]),     \
    [sum11] "+x"(sums[1][1]), [sum20] "+x"(sums[2][0]), [sum21] "+x"(sums[2][1]),     \
    [sum30] "+x"(sums[3][0]), [sum31] "+x"(sums[3][1]), [x] "=&x"(x), [low] "=&x"(low), \
    [high] "=&x"(high), [left] "+r"(left), [right] "+r"(right)
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
    const char* left = numbers[0];
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
        : [end] "r"(numbers[1]), [ones] "x"(_mm256_set1_epi16(1))
        : "cc", "memory");
}
#undef STEADFIT_ROW
#undef STEADFIT_COLUMNS
#undef STEADFIT_SUMS
#undef STEADFIT_FOUR

// N rows of `multiply`, and one tile of columns. Whatever N is, a row's products are added up in the
// same order.
template <int N, typename T>
inline void multiply_rows_of(const Left& left, int64_t row, const T* right, int64_t depth,
                             float* sums, int64_t, bool add) {
    alignas(32) typename Rows<N, T>::Sums found = {};
    for (int n = 0; n < N && add; ++n) std::memcpy(found[n], sums + n * kRows, 64);
    const char* a[N];
    for (int n = 0; n < N; ++n) a[n] = left.at(row + n);
    const char* b = reinterpret_cast<const char*>(right);
    Rows<N, T> rows[2];
    rows[0].read(a);
    for (int64_t k = 0; k < depth; ++k) {
        for (int n = 0; n < N; ++n) a[n] += left.next_depth;
        // Ahead of time: what was just written is slow to read.
        if (k + 1 < depth) rows[(k + 1) % 2].read(a);
        rows[k % 2].add_products(found, b);
        b += 2048;
    }
    for (int n = 0; n < N; ++n) std::memcpy(sums + n * kRows, found[n], 64);
}

// One row of the left factor times two pairs of tiles of columns, `next` numbers apart: a tile alone
// would wait for each sum before the next. Sums are (4, 16, 16), of which the first rows are written.
inline void multiply_row(const Left& left, const bf16* right, int64_t next, int64_t depth, float* sums) {
    const char* b[2] = {reinterpret_cast<const char*>(right), reinterpret_cast<const char*>(right + next)};
    __m256 found[4][2] = {};
    const char* a = left.data;
    for (int64_t k = 0; k < depth; ++k) {
        for (int d = 0; d < 16; ++d) {
            int pair;
            std::memcpy(&pair, a + 4 * d, sizeof pair);
            const __m256i x = _mm256_set1_epi32(pair);
            const __m256 one = first_of(x), two = second_of(x);
            for (int n = 0; n < 4; ++n) {
                for (int half = 0; half < 2; ++half) {
                    const __m256i y = load_eight(b[n / 2] + 64 * d + n % 2 * 1024 + 32 * half);
                    found[n][half] = _mm256_fmadd_ps(one, first_of(y), found[n][half]);
                    found[n][half] = _mm256_fmadd_ps(two, second_of(y), found[n][half]);
                }
                _mm_prefetch(b[n / 2] + 64 * d + n % 2 * 1024 + kAhead, _MM_HINT_T1);
            }
        }
        a += left.next_depth;
        b[0] += 2048, b[1] += 2048;
    }
    for (int n = 0; n < 4; ++n) std::memcpy(sums + n * kRows * kRows, found[n], 64);
}

}  // namespace steadfit
