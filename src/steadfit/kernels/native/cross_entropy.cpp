// Softmax cross-entropy over a large vocabulary. No logits are kept: going back they are made again,
// a block of words at a time, while the block's weights are in the cache.

#include <cmath>
#include <vector>

#include "buffer.h"
#include "product.h"

namespace steadfit {
namespace {

constexpr int64_t kWords = 256;  // in a block
constexpr int64_t kPairs = kWords / 32;
// Rows whose probabilities of a block are kept; whole tiles of rows and of depth.
constexpr int64_t kChunk = 36 * kBlockRows;
constexpr float kNever = -1e30f;             // smaller than any logit, yet finite

struct Decoder {
    Matrix<float> weight;  // (words, features)
    const float* bias;     // (words) or null

    int64_t words() const { return weight.rows; }
    int64_t blocks() const { return (words() + kWords - 1) / kWords; }
    int64_t depth() const { return round_up(weight.columns, kDepth) / kDepth; }

    // The block's weights as right factor of x @ weight.T, and its biases.
    void pack(int64_t block, bf16* tiles, float* biases) const {
        for (int64_t n = 0; n < kWords / kRows; ++n) {
            for (int64_t k = 0; k < depth(); ++k) {
                tile_of_rows(weight, block * kWords + n * kRows, k * kDepth,
                             tiles + ((n / 2 * depth() + k) * 2 + n % 2) * kTile);
            }
        }
        for (int64_t i = 0; i < kWords; ++i) {
            const int64_t word = block * kWords + i;
            biases[i] = word >= words() ? -1e38f : bias == nullptr ? 0.f : bias[word];
        }
    }

    // The block's weights as right factor of probabilities @ weight.
    void pack_across(int64_t block, bf16* tiles) const {
        Matrix<float> part = weight;
        const int64_t first = block * kWords, deep = kWords / kDepth;
        for (int64_t n = 0; n < 2 * depth(); ++n) {
            for (int64_t k = 0; k < deep; ++k) {
                tile_of_columns(part, n * kRows, first + k * kDepth,
                                tiles + ((n / 2 * deep + k) * 2 + n % 2) * kTile);
            }
        }
    }
};

// Largest logit and sum of exponentials so far of a row, in 16 lanes.
struct Running {
    alignas(64) float largest[16];
    alignas(64) float sum[16];

    void clear() {
        _mm512_store_ps(largest, _mm512_set1_ps(kNever));
        _mm512_store_ps(sum, _mm512_setzero_ps());
    }
    void add(__m512 a, __m512 b) {
        __m512 top = _mm512_load_ps(largest), total = _mm512_load_ps(sum);
        const __m512 now = _mm512_max_ps(top, _mm512_max_ps(a, b));
        if (_mm512_cmp_ps_mask(now, top, _CMP_NEQ_UQ) != 0) {
            total = _mm512_mul_ps(total, exp16(_mm512_sub_ps(top, now)));
            top = now;
            _mm512_store_ps(largest, top);
        }
        const __m512 more = _mm512_add_ps(exp16(_mm512_sub_ps(a, top)), exp16(_mm512_sub_ps(b, top)));
        _mm512_store_ps(sum, _mm512_add_ps(total, more));
    }
};

}  // namespace
}  // namespace steadfit

using namespace steadfit;

extern "C" {

// For each row of x (rows, 32 * depth): the logarithm of the sum of exponentials of its logits, the
// largest of them, and the target's. Behind x there is room for 47 rows more.
void steadfit_token_scores(const bf16* x, int64_t rows, const float* weight, const float* bias,
                           int64_t words, int64_t features, const int64_t* targets, float* norms,
                           float* largest, float* wanted, int64_t threads) {
    const Decoder decoder{{weight, words, features, features}, bias};
    const int64_t depth = decoder.depth(), row = depth * kDepth;
    std::vector<float> tops(threads * rows), totals(threads * rows, 0.f);
    std::fill(tops.begin(), tops.end(), kNever);
    parallel(threads, [&](int64_t thread, int64_t all) {
        const Tiles tiles;
        const Buffer packed = buffer(kWords * row);
        alignas(64) float biases[kWords];
        const FloatBuffer space = float_buffer(rows * 32);
        Running* running = reinterpret_cast<Running*>(space.get());
        for (int64_t r = 0; r < rows; ++r) running[r].clear();
        const Range mine = share(decoder.blocks(), thread, all);
        for (int64_t block = mine.begin; block < mine.end; ++block) {
            decoder.pack(block, packed.get(), biases);
            const int64_t word = block * kWords;
            product(row_major(x, row), rows, packed.get(), depth, {0, kPairs},
                    [&](const float* sums, int64_t size, int64_t first, int64_t real, int64_t pair) {
                        const __m512 low = _mm512_load_ps(biases + 32 * pair);
                        const __m512 high = _mm512_load_ps(biases + 32 * pair + 16);
                        for (int64_t r = 0; r < real; ++r) {
                            const __m512 a = _mm512_add_ps(_mm512_load_ps(sums + r * 16), low);
                            const __m512 b =
                                _mm512_add_ps(_mm512_load_ps(sums + (size + r) * 16), high);
                            running[first + r].add(a, b);
                            const uint64_t place = targets[first + r] - word - 32 * pair;
                            if (place < 32) {
                                wanted[first + r] = sums[(place / 16 * size + r) * 16 + place % 16] +
                                                    biases[32 * pair + place];
                            }
                        }
                    });
        }
        for (int64_t r = 0; r < rows; ++r) {
            const __m512 lanes = _mm512_load_ps(running[r].largest);
            const float top = _mm512_reduce_max_ps(lanes);
            const __m512 scaled = exp16(_mm512_sub_ps(lanes, _mm512_set1_ps(top)));
            tops[thread * rows + r] = top;
            totals[thread * rows + r] =
                _mm512_reduce_add_ps(_mm512_mul_ps(scaled, _mm512_load_ps(running[r].sum)));
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

// The gradients of scale times the sum over rows of the cross-entropy, given the norms of
// `steadfit_token_scores`; null where one is not wanted. d_x (rows, features), d_weight (words,
// features) and d_bias (words) are written, not added to.
void steadfit_cross_entropy_gradients(const bf16* x, int64_t rows, const float* weight,
                                      const float* bias, int64_t words, int64_t features,
                                      const int64_t* targets, const float* norms, float scale,
                                      float* d_x, float* d_weight, float* d_bias,
                                      int64_t threads) {
    const Decoder decoder{{weight, words, features, features}, bias};
    const int64_t depth = decoder.depth(), row = depth * kDepth;
    const int64_t row_tiles = round_up(rows, kDepth) / kDepth, feature_tiles = 2 * depth;
    const int64_t row_blocks = (rows + kBlockRows - 1) / kBlockRows;
    const int64_t sums_block = 2 * kBlockRows * kRows;  // numbers of a block of sums
    // x transposed as left factor, made once; its rows are features.
    const Buffer x_tiles = buffer(feature_tiles * row_tiles * kTile);
    // What each thread's words add to d_x: blocks of sums, for each block of rows `depth` of them.
    const int64_t x_sums = d_x == nullptr ? 0 : row_blocks * depth * sums_block;
    const FloatBuffer all_x_sums = float_buffer(threads * x_sums);
    Barrier barrier(threads);
    parallel(threads, [&](int64_t thread, int64_t all) {
        const Matrix<bf16> features_by_row{x, rows, row, row};
        const Range shared = share(feature_tiles, thread, all);
        for (int64_t n = shared.begin; n < shared.end && d_weight != nullptr; ++n) {
            for (int64_t k = 0; k < row_tiles; ++k) {
                tile_transposed(features_by_row, n * kRows, k * kDepth,
                                x_tiles.get() + (n * row_tiles + k) * kTile);
            }
        }
        float* my_x_sums = all_x_sums.get() + thread * x_sums;
        std::fill_n(my_x_sums, x_sums, 0.f);
        barrier.wait();
        const Tiles tiles;
        const Buffer packed = buffer(kWords * row), across = buffer(kWords * row);
        const Buffer by_row = buffer(kBlockRows * kWords);
        const int64_t chunk_tiles = round_up(std::min(rows, kChunk), kDepth) / kDepth;
        const Buffer by_word = buffer(chunk_tiles * kPairs * 2 * kTile);
        const int64_t groups = (feature_tiles + 2) / 3;
        const FloatBuffer word_sums = float_buffer(groups * kPairs * sums_block);
        alignas(64) float biases[kWords], bias_sums[kWords];
        const __m512 scales = _mm512_set1_ps(scale);
        const Range mine = share(decoder.blocks(), thread, all);
        for (int64_t block = mine.begin; block < mine.end; ++block) {
            const int64_t word = block * kWords;
            decoder.pack(block, packed.get(), biases);
            if (d_x != nullptr) decoder.pack_across(block, across.get());
            std::fill_n(bias_sums, kWords, 0.f);
            for (int64_t from = 0; from < rows; from += kChunk) {
                const int64_t here = std::min(kChunk, rows - from);
                const int64_t deep = round_up(here, kDepth) / kDepth;
                // Rows that no block reaches: what is zero on the other side must not meet a NaN here.
                for (int64_t pair = 0; pair < kPairs; ++pair) {
                    std::fill_n(by_word.get() + ((pair + 1) * deep - 1) * 2 * kTile, 2 * kTile, 0);
                }
                for (int64_t row0 = 0; row0 < here; row0 += kBlockRows) {
                    const int64_t real = std::min(kBlockRows, here - row0);
                    alignas(64) float sums[2 * kBlockRows * kRows];
                    const Left left = row_major(x + (from + row0) * row, row);
                    for (int64_t pair = 0; pair < kPairs; ++pair) {
                        multiply<3>(left, packed.get() + pair * depth * 2 * kTile, depth, sums, false);
                        for (int64_t half = 0; half < 2; ++half) {
                            float* s = sums + half * kBlockRows * kRows;
                            const int64_t column = 32 * pair + 16 * half;
                            const __m512 b = _mm512_load_ps(biases + column);
                            __m512 total = _mm512_load_ps(bias_sums + column);
                            for (int64_t r = 0; r < kBlockRows; ++r) {
                                __m512 p = _mm512_setzero_ps();
                                if (r < real) {
                                    const int64_t place = from + row0 + r;
                                    const __m512 norm = _mm512_set1_ps(norms[place]);
                                    const __m512 logit = _mm512_add_ps(_mm512_load_ps(s + r * 16), b);
                                    p = exp16(_mm512_sub_ps(logit, norm));
                                    const uint64_t lane = targets[place] - word - column;
                                    if (lane < 16) {
                                        p = _mm512_mask_sub_ps(p, static_cast<__mmask16>(1u << lane),
                                                               p, _mm512_set1_ps(1.f));
                                    }
                                }
                                total = _mm512_add_ps(total, p);
                                _mm512_store_ps(s + r * 16, p);
                            }
                            _mm512_store_ps(bias_sums + column, total);
                            for (int64_t r = 0; r < kBlockRows && d_weight != nullptr; r += 2) {
                                const int64_t place = row0 + r, deep_tile = place / kDepth;
                                if (deep_tile >= deep) break;
                                bf16* to = by_word.get() +
                                           ((pair * deep + deep_tile) * 2 + half) * kTile;
                                _mm512_storeu_si512(to + place % kDepth * 16,
                                                    pairs(_mm512_load_ps(s + r * 16),
                                                          _mm512_load_ps(s + r * 16 + 16)));
                            }
                        }
                        for (int64_t r = 0; r < kBlockRows && d_x != nullptr; ++r) {
                            _mm512_storeu_si512(
                                by_row.get() + r * kWords + 32 * pair,
                                two_to_bf16(_mm512_load_ps(sums + r * 16),
                                            _mm512_load_ps(sums + (kBlockRows + r) * 16)));
                        }
                    }
                    for (int64_t pair = 0; pair < depth && d_x != nullptr; ++pair) {
                        const int64_t number = (from + row0) / kBlockRows * depth + pair;
                        multiply<3>(row_major(by_row.get(), kWords),
                                    across.get() + pair * (kWords / kDepth) * 2 * kTile,
                                    kWords / kDepth, my_x_sums + number * sums_block, true);
                    }
                }
                for (int64_t group = 0; group < groups && d_weight != nullptr; ++group) {
                    Left left = tiled(x_tiles.get() + group * 3 * row_tiles * kTile, row_tiles);
                    left.data += from / kDepth * left.next_depth;
                    for (int64_t pair = 0; pair < kPairs; ++pair) {
                        multiply_rows(std::min<int64_t>(3, feature_tiles - 3 * group), left,
                                      by_word.get() + pair * deep * 2 * kTile, deep,
                                      word_sums.get() + (group * kPairs + pair) * sums_block,
                                      from > 0);
                    }
                }
            }
            for (int64_t n = 0; n < feature_tiles && d_weight != nullptr; ++n) {
                const int64_t size = kRows * std::min<int64_t>(3, feature_tiles - n / 3 * 3);
                for (int64_t w = 0; w < kWords / kRows; ++w) {
                    const float* s = word_sums.get() + (n / 3 * kPairs + w / 2) * sums_block +
                                     (w % 2 * size + n % 3 * kRows) * 16;
                    __m512i lines[16];
                    for (int i = 0; i < 16; ++i) lines[i] = _mm512_load_si512(s + 16 * i);
                    transpose16(lines);
                    for (int i = 0; i < 16; ++i) {
                        const int64_t line = word + w * kRows + i;
                        if (line >= words) break;
                        _mm512_mask_storeu_ps(d_weight + line * features + n * kRows,
                                              first_lanes(features - n * kRows),
                                              _mm512_mul_ps(_mm512_castsi512_ps(lines[i]), scales));
                    }
                }
            }
            for (int64_t i = 0; i < kWords && d_bias != nullptr && word + i < words; ++i) {
                d_bias[word + i] = bias_sums[i] * scale;
            }
        }
        barrier.wait();
        const Range my_rows = share(d_x == nullptr ? 0 : rows, thread, all);
        for (int64_t r = my_rows.begin; r < my_rows.end; ++r) {
            for (int64_t n = 0; n < feature_tiles; ++n) {
                __m512 total = _mm512_setzero_ps();
                for (int64_t t = 0; t < all; ++t) {
                    const float* s = all_x_sums.get() + t * x_sums +
                                     (r / kBlockRows * depth + n / 2) * sums_block +
                                     (n % 2 * kBlockRows + r % kBlockRows) * 16;
                    total = _mm512_add_ps(total, _mm512_load_ps(s));
                }
                _mm512_mask_storeu_ps(d_x + r * features + n * kRows,
                                      first_lanes(features - n * kRows),
                                      _mm512_mul_ps(total, scales));
            }
        }
    });
}

}  // extern "C"
