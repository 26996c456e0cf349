// Masks of dropout, drawn by Philox 4 x 32 with ten rounds (Salmon et al., 2011): a number depends
// on seed and place alone, so any thread can draw any part.

#include "threads.h"
#include "vectors.h"

namespace steadfit {
namespace {

// Four times 16 numbers for the counters (counter + 0 ... 15, 0, 0, 0), as in the paper.
inline void philox(uint64_t seed, uint32_t counter, Words* out) {
    Words a = counted_from(counter);
    Words b = zero_words(), c = b, d = b;
    const Words m0 = broadcast_words(0xD2511F53u);
    const Words m1 = broadcast_words(0xCD9E8D57u);
    uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        Words high0, low0, high1, low1;
        multiply_wide(a, m0, &high0, &low0);
        multiply_wide(c, m1, &high1, &low1);
        const Words next = exclusive_or(exclusive_or(high1, b), broadcast_words(k0));
        c = exclusive_or(exclusive_or(high0, d), broadcast_words(k1));
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
    const Words limit = broadcast_words(threshold);
    parallel(threads, [&](int64_t thread, int64_t all) {
        const Range mine = share((words + 1) / 2, thread, all);
        for (int64_t n = mine.begin; n < mine.end; ++n) {
            Words numbers[4];
            philox(seed, static_cast<uint32_t>(16 * n), numbers);
            uint32_t half[4];
            for (int i = 0; i < 4; ++i) half[i] = bits_below(numbers[i], limit);
            bits[2 * n] = half[0] | half[1] << 16;
            if (2 * n + 1 < words) bits[2 * n + 1] = half[2] | half[3] << 16;
        }
    });
}

}  // extern "C"
