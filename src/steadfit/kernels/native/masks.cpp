// Masks of dropout, drawn by Philox 4 x 32 with ten rounds (Salmon et al., 2011): a number depends
// on seed and place alone, so any thread can draw any part.

#include "threads.h"
#include "vectors.h"

namespace steadfit {
namespace {

// The products of 16 numbers with a constant, their high and their low halves.
inline void multiply_wide(__m512i x, __m512i constant, __m512i* high, __m512i* low) {
    const __m512i even = _mm512_mul_epu32(x, constant);
    const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), constant);
    *high = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
    *low = _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
}

// Four times 16 numbers for the counters (counter + 0 ... 15, 0, 0, 0), as in the paper.
inline void philox(uint64_t seed, uint32_t counter, __m512i* out) {
    const __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    __m512i a = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(counter)), lanes);
    __m512i b = _mm512_setzero_si512(), c = b, d = b;
    const __m512i m0 = _mm512_set1_epi32(static_cast<int>(0xD2511F53u));
    const __m512i m1 = _mm512_set1_epi32(static_cast<int>(0xCD9E8D57u));
    uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        __m512i high0, low0, high1, low1;
        multiply_wide(a, m0, &high0, &low0);
        multiply_wide(c, m1, &high1, &low1);
        const __m512i next = _mm512_xor_si512(_mm512_xor_si512(high1, b),
                                              _mm512_set1_epi32(static_cast<int>(k0)));
        c = _mm512_xor_si512(_mm512_xor_si512(high0, d), _mm512_set1_epi32(static_cast<int>(k1)));
        a = next;
        b = low1;
        d = low0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
}

}  // namespace
}  // namespace steadfit

using namespace steadfit;

extern "C" {

// Sets each of 32 * words bits with probability threshold / 2^32. Words 2n and 2n + 1 are made of
// the numbers of the counters 16 n ... 16 n + 15.
void steadfit_random_bits(uint64_t seed, uint32_t threshold, int64_t words, uint32_t* bits,
                          int64_t threads) {
    const __m512i limit = _mm512_set1_epi32(static_cast<int>(threshold));
    parallel(threads, [&](int64_t thread, int64_t all) {
        const Range mine = share((words + 1) / 2, thread, all);
        for (int64_t n = mine.begin; n < mine.end; ++n) {
            __m512i numbers[4];
            philox(seed, static_cast<uint32_t>(16 * n), numbers);
            uint32_t half[4];
            for (int i = 0; i < 4; ++i) half[i] = _mm512_cmplt_epu32_mask(numbers[i], limit);
            bits[2 * n] = half[0] | half[1] << 16;
            if (2 * n + 1 < words) bits[2 * n + 1] = half[2] | half[3] << 16;
        }
    });
}

}  // extern "C"
