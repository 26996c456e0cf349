// Sixteen float32 numbers at a time.
#pragma once

#include <immintrin.h>

#include <algorithm>

#include "tiles.h"

namespace steadfit {

// A mask of the first `count` of 16 lanes; all of them if there are more.
inline __mmask16 first_lanes(int64_t count) {
    return count >= 16 ? 0xffff : static_cast<__mmask16>((1u << std::max<int64_t>(count, 0)) - 1);
}

inline __m512 load_bf16(const bf16* from) {
    const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

inline void store_bf16(bf16* to, __m512 x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), (__m256i)_mm512_cvtneps_pbh(x));
}

// Rounded to the nearest whole number of 1 / factor, at most 127 either way.
inline void store_int8(int8_t* to, __m512 x, __m512 factor) {
    const __m512i whole = _mm512_cvtps_epi32(_mm512_mul_ps(x, factor));
    const __m512i bounded = _mm512_max_epi32(whole, _mm512_set1_epi32(-127));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtsepi32_epi8(bounded));
}

// 32 neighbours of a row as bfloat16.
inline __m512i two_to_bf16(__m512 first, __m512 second) {
    return (__m512i)_mm512_cvtne2ps_pbh(second, first);
}

// 16 numbers of a row beside the 16 below them: pairs of bfloat16, the upper row in the low half.
inline __m512i pairs(__m512 upper, __m512 lower) {
    const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(upper));
    const __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(lower));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

// e to the x for x of at most 88, to three units in the last place; 0 far below.
inline __m512 exp_below(__m512 x) {
    // In this order of arguments a NaN stays a NaN.
    x = _mm512_max_ps(_mm512_set1_ps(-104.f), x);
    const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 0);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
    // The polynomial of degree 6 nearest to e^r where |r| is at most half the logarithm of 2.
    __m512 p = _mm512_set1_ps(1.394859279e-3f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.375137268e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.166621809e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.666641538e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.f));
    return _mm512_scalef_ps(p, n);
}

// e to the x; infinity above.
inline __m512 exp16(__m512 x) { return exp_below(_mm512_min_ps(_mm512_set1_ps(89.f), x)); }

// 1 / x for finite x, by one step of Newton's method.
inline __m512 reciprocal(__m512 x) {
    const __m512 y = _mm512_rcp14_ps(x);
    return _mm512_mul_ps(y, _mm512_fnmadd_ps(x, y, _mm512_set1_ps(2.f)));
}

inline __m512 sigmoid16(__m512 x) {
    // Beyond 80 nothing changes any more, and the exponential stays finite.
    x = _mm512_max_ps(_mm512_set1_ps(-80.f), x);
    const __m512 e = exp16(_mm512_sub_ps(_mm512_setzero_ps(), x));
    return reciprocal(_mm512_add_ps(_mm512_set1_ps(1.f), e));
}

inline __m512 tanh16(__m512 x) {
    x = _mm512_min_ps(_mm512_set1_ps(40.f), x);
    const __m512 e = exp16(_mm512_add_ps(x, x));
    const __m512 y = reciprocal(_mm512_add_ps(e, _mm512_set1_ps(1.f)));
    return _mm512_fnmadd_ps(_mm512_set1_ps(2.f), y, _mm512_set1_ps(1.f));
}

// Rows become columns, in place: 16 vectors of 16 numbers of 32 bits.
inline void transpose16(__m512i* rows) {
    __m512i a[16], b[16];
    for (int i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        a[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
    for (int i = 0; i < 4; ++i) {
        a[i] = _mm512_shuffle_i32x4(b[i], b[i + 4], 0x88);
        a[i + 4] = _mm512_shuffle_i32x4(b[i], b[i + 4], 0xdd);
        a[i + 8] = _mm512_shuffle_i32x4(b[i + 8], b[i + 12], 0x88);
        a[i + 12] = _mm512_shuffle_i32x4(b[i + 8], b[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; ++i) {
        rows[i] = _mm512_shuffle_i32x4(a[i], a[i + 8], 0x88);
        rows[i + 8] = _mm512_shuffle_i32x4(a[i], a[i + 8], 0xdd);
        rows[i + 4] = _mm512_shuffle_i32x4(a[i + 4], a[i + 12], 0x88);
        rows[i + 12] = _mm512_shuffle_i32x4(a[i + 4], a[i + 12], 0xdd);
    }
}

}  // namespace steadfit
