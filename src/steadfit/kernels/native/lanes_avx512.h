// The lanes of AVX-512: a register holds all sixteen.
#pragma once

#include <immintrin.h>

#include <algorithm>

#include "tile_layout.h"

namespace steadfit {

using Floats = __m512;  // which the compiler adds, subtracts and multiplies
using Words = __m512i;
using Lanes = __mmask16;

// The lanes whose bits are set.
inline Lanes lanes_of(uint32_t bits) { return static_cast<Lanes>(bits); }

// The first `count` lanes; all of them if there are more.
inline Lanes first_lanes(int64_t count) {
    return count >= 16 ? 0xffff : lanes_of((1u << std::max<int64_t>(count, 0)) - 1);
}

inline Lanes in_both(Lanes a, Lanes b) { return a & b; }

inline Floats zeros() { return _mm512_setzero_ps(); }
inline Floats broadcast(float x) { return _mm512_set1_ps(x); }
inline Floats load(const float* from) { return _mm512_loadu_ps(from); }
inline Floats load(Lanes lanes, const float* from) { return _mm512_maskz_loadu_ps(lanes, from); }
inline void store(float* to, Floats x) { _mm512_storeu_ps(to, x); }
inline void store(Lanes lanes, float* to, Floats x) { _mm512_mask_storeu_ps(to, lanes, x); }

// a * b + c, and c - a * b, rounded once.
inline Floats fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
inline Floats fnma(Floats a, Floats b, Floats c) { return _mm512_fnmadd_ps(a, b, c); }

// Where one is a NaN, the second.
inline Floats smaller(Floats a, Floats b) { return _mm512_min_ps(a, b); }
inline Floats larger(Floats a, Floats b) { return _mm512_max_ps(a, b); }

inline Floats nearest_whole(Floats x) { return _mm512_roundscale_ps(x, 0); }

// x * 2^n for whole n.
inline Floats times_power_of_2(Floats x, Floats n) { return _mm512_scalef_ps(x, n); }

// 1 / x for finite x, by one step of Newton's method.
inline Floats reciprocal(Floats x) {
    const Floats y = _mm512_rcp14_ps(x);
    return _mm512_mul_ps(y, _mm512_fnmadd_ps(x, y, _mm512_set1_ps(2.f)));
}

inline Floats kept(Lanes lanes, Floats x) { return _mm512_maskz_mov_ps(lanes, x); }
inline bool differ(Floats a, Floats b) { return _mm512_cmp_ps_mask(a, b, _CMP_NEQ_UQ) != 0; }
inline float largest_of(Floats x) { return _mm512_reduce_max_ps(x); }
inline float sum_of(Floats x) { return _mm512_reduce_add_ps(x); }

inline Words zero_words() { return _mm512_setzero_si512(); }
inline Words broadcast_words(uint32_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }
inline Words load_words(const void* from) { return _mm512_loadu_si512(from); }
inline void store_words(void* to, Words x) { _mm512_storeu_si512(to, x); }
inline Floats as_floats(Words bits) { return _mm512_castsi512_ps(bits); }
inline Floats to_floats(Words whole) { return _mm512_cvtepi32_ps(whole); }

// x, x + 1, ... x + 15.
inline Words counted_from(uint32_t x) {
    const Words lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    return _mm512_add_epi32(broadcast_words(x), lanes);
}

inline Words exclusive_or(Words a, Words b) { return _mm512_xor_si512(a, b); }

// The products of unsigned numbers with a constant, their high and their low halves.
inline void multiply_wide(Words x, Words constant, Words* high, Words* low) {
    const Words even = _mm512_mul_epu32(x, constant);
    const Words odd = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), constant);
    *high = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
    *low = _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
}

// A bit for each lane: whether its unsigned number is below the limit.
inline uint32_t bits_below(Words x, Words limit) { return _mm512_cmplt_epu32_mask(x, limit); }

inline Floats load_bf16(const bf16* from) {
    const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

inline Floats load_bf16(Lanes lanes, const bf16* from) {
    const __m512i half = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(half, 16));
}

// 16 neighbours of a row as bfloat16.
#ifdef __AVX512BF16__
inline __m256i to_bf16(Floats x) { return (__m256i)_mm512_cvtneps_pbh(x); }
#else
// Rounded to the nearest, to even between two; a NaN stays one.
inline __m256i to_bf16(Floats x) {
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    const __mmask16 is_nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_mask_mov_epi32(up, is_nan, quiet), 16));
}
#endif

inline void store_bf16(bf16* to, Floats x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), to_bf16(x));
}

// Rounded to the nearest whole number of 1 / factor, at most 127 either way.
inline void store_int8(int8_t* to, Floats x, Floats factor) {
    const __m512i whole = _mm512_cvtps_epi32(_mm512_mul_ps(x, factor));
    const __m512i bounded = _mm512_max_epi32(whole, _mm512_set1_epi32(-127));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtsepi32_epi8(bounded));
}

// 32 neighbours of a row as bfloat16.
inline Words two_to_bf16(Floats first, Floats second) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(to_bf16(first)), to_bf16(second), 1);
}

// 16 numbers of a row beside the 16 below them: pairs of bfloat16, the upper row in the low half.
inline Words pairs(Floats upper, Floats lower) {
    const __m512i low = _mm512_cvtepu16_epi32(to_bf16(upper));
    const __m512i high = _mm512_cvtepu16_epi32(to_bf16(lower));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

// Rows become columns, in place: 16 vectors.
inline void transpose16(Words* rows) {
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
