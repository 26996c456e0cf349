// The gradients of softmax cross-entropy over a large vocabulary. Logits are made again, a block of
// words at a time, while the block's weights are in the cache.

#include "decoder.h"

namespace steadfit {
namespace {

// Rows whose probabilities of a block are kept at a time; whole tiles of rows and of depth.
constexpr int64_t kChunk = 36 * kBlockRows;
constexpr int64_t kSums = 2 * kBlockRows * kRows;  // numbers of a block of sums

struct Problem {
    const bf16* x;
    int64_t rows;
    Decoder decoder;
    const float* norms;
    float scale;
    float *d_x, *d_weight, *d_bias;

    int64_t row_tiles() const { return round_up(rows, kDepth) / kDepth; }
    int64_t row_blocks() const { return (rows + kBlockRows - 1) / kBlockRows; }
    int64_t feature_tiles() const { return 2 * decoder.depth(); }
    int64_t feature_groups() const { return (feature_tiles() + 2) / 3; }
    int64_t features() const { return decoder.weight.columns; }
    // What a thread's words add to d_x: for each block of rows the sums of its pairs of features.
    int64_t x_sums() const { return d_x == nullptr ? 0 : row_blocks() * decoder.depth() * kSums; }
};

// One thread's share of the words.
class Worker {
  public:
    Worker(const Problem& problem, const Targets& targets, const bf16* x_tiles, float* x_sums)
        : p_(problem), targets_(targets), x_tiles_(x_tiles), x_sums_(x_sums),
          packed_(buffer(kWords * p_.decoder.row())), across_(buffer(kWords * p_.decoder.row())),
          by_row_(buffer(kBlockRows * kWords)),
          by_word_(buffer(round_up(std::min(p_.rows, kChunk), kDepth) * kWords)),
          word_sums_(float_buffer(p_.feature_groups() * kPairs * kSums)) {}

    void run(int64_t block) {
        p_.decoder.pack(block, packed_.get(), biases_);
        if (p_.d_x != nullptr) p_.decoder.pack_across(block, across_.get());
        std::fill_n(bias_sums_, kWords, 0.f);
        for (int64_t from = 0; from < p_.rows; from += kChunk) {
            const int64_t here = std::min(kChunk, p_.rows - from);
            const int64_t deep = round_up(here, kDepth) / kDepth;
            for (int64_t row = 0; row < here; row += kBlockRows) {
                for (int64_t pair = 0; pair < kPairs; ++pair) {
                    probabilities(block, pair, from + row, std::min(kBlockRows, here - row));
                    if (p_.d_x != nullptr) keep_by_row(pair);
                    if (p_.d_weight != nullptr) keep_by_word(pair, row, deep);
                }
                if (p_.d_x != nullptr) add_to_x((from + row) / kBlockRows);
            }
            if (p_.d_weight != nullptr) add_to_words(from, deep);
        }
        if (p_.d_weight != nullptr) write_words(block);
        for (int64_t i = 0; i < kWords && p_.d_bias != nullptr; ++i) {
            if (block * kWords + i < p_.decoder.words()) {
                p_.d_bias[block * kWords + i] = bias_sums_[i] * p_.scale;
            }
        }
    }

  private:
    // sums_ becomes the probabilities of a pair of tiles of words, less 1 at each target.
    void probabilities(int64_t block, int64_t pair, int64_t first, int64_t real) {
        const int64_t depth = p_.decoder.depth(), row = p_.decoder.row();
        multiply<3>(row_major(p_.x + first * row, row), packed_.get() + pair * depth * 2 * kTile,
                    depth, sums_, false);
        for (int64_t half = 0; half < 2; ++half) {
            float* s = sums_ + half * kBlockRows * kRows;
            const int64_t column = 32 * pair + 16 * half;
            const Floats bias = load(biases_ + column);
            Floats total = load(bias_sums_ + column);
            for (int64_t r = 0; r < real; ++r) {
                const Floats shift = bias - broadcast(p_.norms[first + r]);
                const Floats x = exp_below(load(s + r * 16) + shift);
                total = total + x;
                store(s + r * 16, x);
            }
            for (int64_t r = real; r < kBlockRows; ++r) store(s + r * 16, zeros());
            store(bias_sums_ + column, total);
        }
        targets_.visit(block, pair, first, real, [&](int64_t r, int64_t place) {
            sums_[(place / 16 * kBlockRows + r) * 16 + place % 16] -= 1.f;
            bias_sums_[32 * pair + place] -= 1.f;
        });
    }

    // For the product with the weights: a row of words.
    void keep_by_row(int64_t pair) {
        for (int64_t r = 0; r < kBlockRows; ++r) {
            const float* s = sums_ + r * 16;
            const Words both =
                two_to_bf16(load(s), load(s + kBlockRows * kRows));
            store_words(by_row_.get() + r * kWords + 32 * pair, both);
        }
    }

    // For the product with the rows: pairs of tiles of words, `deep` of them.
    void keep_by_word(int64_t pair, int64_t first, int64_t deep) {
        for (int64_t r = 0; r < kBlockRows && first + r < deep * kDepth; r += 2) {
            const int64_t tile = (first + r) / kDepth, line = (first + r) % kDepth;
            bf16* to = by_word_.get() + (pair * deep + tile) * 2 * kTile + line * kRows;
            for (int64_t half = 0; half < 2; ++half) {
                const float* s = sums_ + (half * kBlockRows + r) * 16;
                store_words(to + half * kTile,
                                    pairs(load(s), load(s + 16)));
            }
        }
        // Rows that no block reaches: a NaN there would not vanish in the product with zeros.
        for (int64_t r = first + kBlockRows; r < deep * kDepth && r < first + kBlockRows + kRows; r += 2) {
            bf16* to = by_word_.get() + (pair * deep + r / kDepth) * 2 * kTile + r % kDepth * kRows;
            store_words(to, zero_words());
            store_words(to + kTile, zero_words());
        }
    }

    void add_to_x(int64_t row_block) {
        constexpr int64_t deep = kWords / kDepth;
        for (int64_t pair = 0; pair < p_.decoder.depth(); ++pair) {
            multiply<3>(row_major(by_row_.get(), kWords), across_.get() + pair * deep * 2 * kTile,
                        deep, x_sums_ + (row_block * p_.decoder.depth() + pair) * kSums, true);
        }
    }

    void add_to_words(int64_t from, int64_t deep) {
        for (int64_t group = 0; group < p_.feature_groups(); ++group) {
            Left left = tiled(x_tiles_ + group * 3 * p_.row_tiles() * kTile, p_.row_tiles());
            left.data += from / kDepth * left.next_depth;
            for (int64_t pair = 0; pair < kPairs; ++pair) {
                multiply_rows(std::min<int64_t>(3, p_.feature_tiles() - 3 * group), left,
                              by_word_.get() + pair * deep * 2 * kTile, deep,
                              word_sums_.get() + (group * kPairs + pair) * kSums, from > 0);
            }
        }
    }

    // The sums have features as rows; d_weight has them as columns.
    void write_words(int64_t block) {
        const Floats scale = broadcast(p_.scale);
        for (int64_t n = 0; n < p_.feature_tiles(); ++n) {
            const int64_t size = kRows * std::min<int64_t>(3, p_.feature_tiles() - n / 3 * 3);
            const Lanes lanes = first_lanes(p_.features() - n * kRows);
            for (int64_t w = 0; w < kWords / kRows; ++w) {
                const float* s = word_sums_.get() + (n / 3 * kPairs + w / 2) * kSums +
                                 (w % 2 * size + n % 3 * kRows) * 16;
                Words lines[16];
                for (int i = 0; i < 16; ++i) lines[i] = load_words(s + 16 * i);
                transpose16(lines);
                for (int64_t i = 0; i < 16; ++i) {
                    const int64_t word = block * kWords + w * kRows + i;
                    if (word >= p_.decoder.words()) break;
                    store(lanes, p_.d_weight + word * p_.features() + n * kRows,
                          as_floats(lines[i]) * scale);
                }
            }
        }
    }

    const Problem& p_;
    const Targets& targets_;
    const bf16* x_tiles_;
    float* x_sums_;
    Buffer packed_, across_, by_row_, by_word_;
    FloatBuffer word_sums_;
    alignas(64) float sums_[kSums];
    alignas(64) float biases_[kWords];
    alignas(64) float bias_sums_[kWords];
};

// Adds up what the threads found for some rows of d_x.
void write_rows(const Problem& p, const float* x_sums, int64_t threads, Range rows) {
    const Floats scale = broadcast(p.scale);
    for (int64_t r = rows.begin; r < rows.end; ++r) {
        for (int64_t n = 0; n < p.feature_tiles(); ++n) {
            const int64_t place = (r / kBlockRows * p.decoder.depth() + n / 2) * kSums +
                                  (n % 2 * kBlockRows + r % kBlockRows) * 16;
            Floats total = zeros();
            for (int64_t t = 0; t < threads; ++t) {
                total = total + load(x_sums + t * p.x_sums() + place);
            }
            store(first_lanes(p.features() - n * kRows), p.d_x + r * p.features() + n * kRows,
                  total * scale);
        }
    }
}

}  // namespace
}  // namespace steadfit

using namespace steadfit;

extern "C" {

// The gradients of scale times the sum over rows of the cross-entropy, given the norms of
// `steadfit_token_scores`; null where one is not wanted. d_x (rows, features), d_weight (words,
// features) and d_bias (words) are written, not added to. Behind x there is room for 47 rows more.
void steadfit_cross_entropy_gradients(const bf16* x, int64_t rows, const float* weight,
                                      const float* bias, int64_t words, int64_t features,
                                      const int64_t* targets, const float* norms, float scale,
                                      float* d_x, float* d_weight, float* d_bias,
                                      int64_t threads) {
    const Problem p{x, rows, {{weight, words, features, features}, bias}, norms, scale, d_x, d_weight,
                    d_bias};
    const Targets of_blocks(targets, rows, p.decoder.blocks());
    // x transposed as left factor, made once; its rows are features.
    const Buffer x_tiles = buffer(p.feature_tiles() * p.row_tiles() * kTile);
    const FloatBuffer x_sums = float_buffer(threads * p.x_sums());
    Barrier barrier(threads);
    parallel(threads, [&](int64_t thread, int64_t all) {
        const Matrix<bf16> by_row{x, rows, p.decoder.row(), p.decoder.row()};
        const Range tiles_here = share(d_weight == nullptr ? 0 : p.feature_tiles(), thread, all);
        for (int64_t n = tiles_here.begin; n < tiles_here.end; ++n) {
            for (int64_t k = 0; k < p.row_tiles(); ++k) {
                tile_transposed(by_row, n * kRows, k * kDepth,
                                x_tiles.get() + (n * p.row_tiles() + k) * kTile);
            }
        }
        float* own_sums = x_sums.get() + thread * p.x_sums();
        std::fill_n(own_sums, p.x_sums(), 0.f);
        barrier.wait();
        {
            const Tiles tiles;
            Worker worker(p, of_blocks, x_tiles.get(), own_sums);
            const Range mine = share(p.decoder.blocks(), thread, all);
            for (int64_t block = mine.begin; block < mine.end; ++block) worker.run(block);
        }
        barrier.wait();
        const Range rows_here = share(d_x == nullptr ? 0 : rows, thread, all);
        write_rows(p, x_sums.get(), all, rows_here);
    });
}

}  // extern "C"
