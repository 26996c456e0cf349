// What a softmax over a large vocabulary needs to know of each row, without keeping logits.

#include <cmath>

#include "decoder.h"

namespace steadfit {
namespace {

constexpr float kNever = -1e30f;  // smaller than any logit, yet finite

// Largest logit and sum of exponentials so far of a row, in 16 lanes.
struct Running {
    alignas(64) float largest[16];
    alignas(64) float sum[16];

    void clear() {
        store(largest, broadcast(kNever));
        store(sum, zeros());
    }

    void add(Floats a, Floats b) {
        Floats top = load(largest), total = load(sum);
        const Floats now = larger(top, larger(a, b));
        if (differ(now, top)) {  // seldom, after the first words
            total = total * exp_below(top - now);
            top = now;
            store(largest, top);
        }
        const Floats one = exp_below(a - top);
        const Floats two = exp_below(b - top);
        store(sum, total + (one + two));
    }

    // The sum of exponentials relative to the largest logit, which is returned.
    float finish(float* total) const {
        const Floats lanes = load(largest);
        const float top = largest_of(lanes);
        const Floats scaled = exp_below(lanes - broadcast(top));
        *total = sum_of(scaled * load(sum));
        return top;
    }
};

}  // namespace
}  // namespace steadfit

using namespace steadfit;

extern "C" {

// For each row of x (rows, features filled up to whole tiles): the logarithm of the sum of
// exponentials of its logits, the largest of them, and the target's. Behind x there is room for 47
// rows more.
void steadfit_token_scores(const bf16* x, int64_t rows, const float* weight, const float* bias,
                           int64_t words, int64_t features, const int64_t* targets, float* norms,
                           float* largest, float* wanted, int64_t threads) {
    const Decoder decoder{{weight, words, features, features}, bias};
    const Targets of_blocks(targets, rows, decoder.blocks());
    std::vector<float> tops(threads * rows, kNever), totals(threads * rows, 0.f);
    parallel(threads, [&](int64_t thread, int64_t all) {
        const Tiles tiles;
        const Buffer packed = buffer(kWords * decoder.row());
        alignas(64) float biases[kWords];
        const FloatBuffer space = float_buffer(rows * 32);
        Running* running = reinterpret_cast<Running*>(space.get());
        for (int64_t r = 0; r < rows; ++r) running[r].clear();
        const Range mine = share(decoder.blocks(), thread, all);
        for (int64_t block = mine.begin; block < mine.end; ++block) {
            decoder.pack(block, packed.get(), biases);
            product(row_major(x, decoder.row()), rows, packed.get(), decoder.depth(), {0, kPairs},
                    [&](const float* sums, int64_t size, int64_t first, int64_t real, int64_t pair) {
                        const float* bias_here = biases + 32 * pair;
                        const Floats low = load(bias_here);
                        const Floats high = load(bias_here + 16);
                        for (int64_t r = 0; r < real; ++r) {
                            const float* sum = sums + r * 16;
                            running[first + r].add(
                                load(sum) + low, load(sum + size * 16) + high);
                        }
                        of_blocks.visit(block, pair, first, real, [&](int64_t r, int64_t place) {
                            wanted[first + r] =
                                sums[(place / 16 * size + r) * 16 + place % 16] + bias_here[place];
                        });
                    });
        }
        for (int64_t r = 0; r < rows; ++r) {
            tops[thread * rows + r] = running[r].finish(&totals[thread * rows + r]);
        }
    });
    for (int64_t r = 0; r < rows; ++r) {
        float top = tops[r];
        for (int64_t t = 1; t < threads; ++t) top = std::max(top, tops[t * rows + r]);
        double total = 0;
        for (int64_t t = 0; t < threads; ++t) {
            total += totals[t * rows + r] * std::exp(static_cast<double>(tops[t * rows + r]) - top);
        }
        largest[r] = top;
        norms[r] = static_cast<float>(top + std::log(total));
    }
}

}  // extern "C"
