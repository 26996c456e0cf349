// The lanes of AVX2: two registers hold eight each. What AVX-512 has an instruction for is done in
// steps, with the same results but for last bits.
#pragma once

#include <immintrin.h>

#include <algorithm>

#include "tile_layout.h"

namespace steadfit {

struct Floats {
    __m256 low, high;
};
struct Words {
    __m256i low, high;
};
struct Lanes {
    __m256i low, high;  // all bits of a lane are set, or none
};

// The lanes whose bits are set.
inline Lanes lanes_of(uint32_t bits) {
    const __m256i all = _mm256_set1_epi32(static_cast<int>(bits));
    const __m256i low = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i high = _mm256_slli_epi32(low, 8);
    return {_mm256_cmpeq_epi32(_mm256_and_si256(all, low), low),
            _mm256_cmpeq_epi32(_mm256_and_si256(all, high), high)};
}

// The first `count` lanes; all of them if there are more.
inline Lanes first_lanes(int64_t count) {
    const __m256i all = _mm256_set1_epi32(static_cast<int>(std::clamp<int64_t>(count, 0, 16)));
    const __m256i low = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i high = _mm256_add_epi32(low, _mm256_set1_epi32(8));
    return {_mm256_cmpgt_epi32(all, low), _mm256_cmpgt_epi32(all, high)};
}

inline Lanes in_both(Lanes a, Lanes b) {
    return {_mm256_and_si256(a.low, b.low), _mm256_and_si256(a.high, b.high)};
}

inline Floats zeros() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
inline Floats broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline Floats load(const float* from) { return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)}; }
inline Floats load(Lanes lanes, const float* from) {
    return {_mm256_maskload_ps(from, lanes.low), _mm256_maskload_ps(from + 8, lanes.high)};
}
inline void store(float* to, Floats x) {
    _mm256_storeu_ps(to, x.low);
    _mm256_storeu_ps(to + 8, x.high);
}
inline void store(Lanes lanes, float* to, Floats x) {
    _mm256_maskstore_ps(to, lanes.low, x.low);
    _mm256_maskstore_ps(to + 8, lanes.high, x.high);
}

inline Floats operator+(Floats a, Floats b) { return {a.low + b.low, a.high + b.high}; }
inline Floats operator-(Floats a, Floats b) { return {a.low - b.low, a.high - b.high}; }
inline Floats operator*(Floats a, Floats b) { return {a.low * b.low, a.high * b.high}; }

// a * b + c, and c - a * b, rounded once.
inline Floats fma(Floats a, Floats b, Floats c) {
    return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
inline Floats fnma(Floats a, Floats b, Floats c) {
    return {_mm256_fnmadd_ps(a.low, b.low, c.low), _mm256_fnmadd_ps(a.high, b.high, c.high)};
}

// Where one is a NaN, the second.
inline Floats smaller(Floats a, Floats b) {
    return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}
inline Floats larger(Floats a, Floats b) {
    return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}

inline Floats nearest_whole(Floats x) {
    constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    return {_mm256_round_ps(x.low, kNearest), _mm256_round_ps(x.high, kNearest)};
}

inline __m256 power_of_2(__m256i n) {
    const __m256i exponent = _mm256_add_epi32(n, _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}

// In two halves, for neither of which the exponent is too large or too small.
inline __m256 times_power_of_2(__m256 x, __m256 n) {
    const __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
    return x * power_of_2(half) * power_of_2(_mm256_sub_epi32(whole, half));
}

// x * 2^n for whole n from -250 to 250.
inline Floats times_power_of_2(Floats x, Floats n) {
    return {times_power_of_2(x.low, n.low), times_power_of_2(x.high, n.high)};
}

inline Floats reciprocal(Floats x) {
    const __m256 one = _mm256_set1_ps(1.f);
    return {one / x.low, one / x.high};
}

inline Floats kept(Lanes lanes, Floats x) {
    return {_mm256_and_ps(_mm256_castsi256_ps(lanes.low), x.low),
            _mm256_and_ps(_mm256_castsi256_ps(lanes.high), x.high)};
}

inline bool differ(Floats a, Floats b) {
    return _mm256_movemask_ps(_mm256_or_ps(_mm256_cmp_ps(a.low, b.low, _CMP_NEQ_UQ),
                                           _mm256_cmp_ps(a.high, b.high, _CMP_NEQ_UQ))) != 0;
}

// What `two` makes of all sixteen, halves first.
template <typename Two>
inline float folded(Floats x, const Two& two) {
    const __m256 eight = two(x.low, x.high);
    const __m256 four = two(eight, _mm256_permute2f128_ps(eight, eight, 1));
    const __m256 pair = two(four, _mm256_permute_ps(four, 0x4e));
    return _mm256_cvtss_f32(two(pair, _mm256_permute_ps(pair, 0xb1)));
}
inline float largest_of(Floats x) {
    return folded(x, [](__m256 a, __m256 b) { return _mm256_max_ps(a, b); });
}
inline float sum_of(Floats x) {
    return folded(x, [](__m256 a, __m256 b) { return a + b; });
}

inline Words zero_words() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
inline Words broadcast_words(uint32_t x) {
    const __m256i half = _mm256_set1_epi32(static_cast<int>(x));
    return {half, half};
}
inline Words load_words(const void* from) {
    const __m256i* halves = static_cast<const __m256i*>(from);
    return {_mm256_loadu_si256(halves), _mm256_loadu_si256(halves + 1)};
}
inline void store_words(void* to, Words x) {
    __m256i* halves = static_cast<__m256i*>(to);
    _mm256_storeu_si256(halves, x.low);
    _mm256_storeu_si256(halves + 1, x.high);
}
inline Floats as_floats(Words bits) {
    return {_mm256_castsi256_ps(bits.low), _mm256_castsi256_ps(bits.high)};
}
inline Floats to_floats(Words whole) {
    return {_mm256_cvtepi32_ps(whole.low), _mm256_cvtepi32_ps(whole.high)};
}

// x, x + 1, ... x + 15.
inline Words counted_from(uint32_t x) {
    const Words first = broadcast_words(x);
    return {_mm256_add_epi32(first.low, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
            _mm256_add_epi32(first.high, _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15))};
}

inline Words exclusive_or(Words a, Words b) {
    return {_mm256_xor_si256(a.low, b.low), _mm256_xor_si256(a.high, b.high)};
}

inline void multiply_wide(__m256i x, __m256i constant, __m256i* high, __m256i* low) {
    const __m256i even = _mm256_mul_epu32(x, constant);
    const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), constant);
    *high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
    *low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
}

// The products of unsigned numbers with a constant, their high and their low halves.
inline void multiply_wide(Words x, Words constant, Words* high, Words* low) {
    multiply_wide(x.low, constant.low, &high->low, &low->low);
    multiply_wide(x.high, constant.high, &high->high, &low->high);
}

inline uint32_t bits_below(__m256i x, __m256i limit) {
    const __m256i sign = _mm256_set1_epi32(INT32_MIN);  // instructions compare signed numbers
    const __m256i below =
        _mm256_cmpgt_epi32(_mm256_xor_si256(limit, sign), _mm256_xor_si256(x, sign));
    return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(below)));
}

// A bit for each lane: whether its unsigned number is below the limit.
inline uint32_t bits_below(Words x, Words limit) {
    return bits_below(x.low, limit.low) | bits_below(x.high, limit.high) << 8;
}

inline __m256 widened(__m128i eight) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(eight), 16));
}

inline Floats load_bf16(const bf16* from) {
    const __m128i* halves = reinterpret_cast<const __m128i*>(from);
    return {widened(_mm_loadu_si128(halves)), widened(_mm_loadu_si128(halves + 1))};
}

inline Floats load_bf16(Lanes lanes, const bf16* from) {
    const uint32_t bits =
        static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(lanes.low))) |
        static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(lanes.high))) << 8;
    if (bits == 0xffff) return load_bf16(from);
    bf16 some[16] = {};  // no instruction reads some of 16 bits each
    for (int i = 0; i < 16; ++i) {
        if (bits >> i & 1) some[i] = from[i];
    }
    return load_bf16(some);
}

// Rounded to the nearest bfloat16, to even between two, in the high half of each lane; the low
// half is none of it. A NaN stays one.
inline __m256i rounded(__m256 x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256 is_nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
    return _mm256_blendv_epi8(up, quiet, _mm256_castps_si256(is_nan));
}

// 16 neighbours of a row as bfloat16.
inline __m256i to_bf16(Floats x) {
    const __m256i low = _mm256_srli_epi32(rounded(x.low), 16);
    const __m256i high = _mm256_srli_epi32(rounded(x.high), 16);
    return _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8);
}

inline void store_bf16(bf16* to, Floats x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), to_bf16(x));
}

// Rounded to the nearest whole number of 1 / factor, at most 127 either way.
inline void store_int8(int8_t* to, Floats x, Floats factor) {
    const Floats scaled = x * factor;
    const __m256i low = _mm256_cvtps_epi32(scaled.low), high = _mm256_cvtps_epi32(scaled.high);
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
    const __m256i bounded = _mm256_max_epi16(words, _mm256_set1_epi16(-127));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                     _mm_packs_epi16(_mm256_castsi256_si128(bounded),
                                     _mm256_extracti128_si256(bounded, 1)));
}

// 32 neighbours of a row as bfloat16.
inline Words two_to_bf16(Floats first, Floats second) { return {to_bf16(first), to_bf16(second)}; }

inline __m256i pairs(__m256 upper, __m256 lower) {
    return _mm256_blend_epi16(_mm256_srli_epi32(rounded(upper), 16), rounded(lower), 0xaa);
}

// 16 numbers of a row beside the 16 below them: pairs of bfloat16, the upper row in the low half.
inline Words pairs(Floats upper, Floats lower) {
    return {pairs(upper.low, lower.low), pairs(upper.high, lower.high)};
}

inline void transpose8(__m256i* rows) {
    __m256i a[8], b[8];
    for (int i = 0; i < 8; i += 2) {
        a[i] = _mm256_unpacklo_epi32(rows[i], rows[i + 1]);
        a[i + 1] = _mm256_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        b[i] = _mm256_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm256_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm256_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm256_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
    for (int i = 0; i < 4; ++i) {
        rows[i] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x20);
        rows[i + 4] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x31);
    }
}

// Rows become columns, in place: 16 vectors.
inline void transpose16(Words* rows) {
    __m256i squares[2][2][8];  // of the upper or lower rows, their lower or higher lanes
    for (int i = 0; i < 16; ++i) {
        squares[i / 8][0][i % 8] = rows[i].low;
        squares[i / 8][1][i % 8] = rows[i].high;
    }
    for (auto& of_rows : squares) {
        for (auto& square : of_rows) transpose8(square);
    }
    for (int i = 0; i < 16; ++i) {
        rows[i] = {squares[0][i / 8][i % 8], squares[1][i / 8][i % 8]};
    }
}

}  // namespace steadfit
