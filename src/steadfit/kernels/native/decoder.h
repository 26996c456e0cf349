// The last layer of a language model: a block of words at a time, packed when it is needed.
#pragma once

#include <algorithm>
#include <vector>

#include "buffer.h"
#include "product.h"

namespace steadfit {

constexpr int64_t kWords = 256;  // in a block
constexpr int64_t kPairs = kWords / 32;

struct Decoder {
    Matrix<float> weight;  // (words, features)
    const float* bias;     // (words) or null

    int64_t words() const { return weight.rows; }
    int64_t blocks() const { return (words() + kWords - 1) / kWords; }
    int64_t depth() const { return round_up(weight.columns, kDepth) / kDepth; }
    int64_t row() const { return depth() * kDepth; }  // of features, filled up

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
            // A word that is none gets no probability.
            biases[i] = word >= words() ? -1e38f : bias == nullptr ? 0.f : bias[word];
        }
    }

    // The block's weights as right factor of probabilities @ weight.
    void pack_across(int64_t block, bf16* tiles) const {
        constexpr int64_t deep = kWords / kDepth;
        for (int64_t n = 0; n < 2 * depth(); ++n) {
            for (int64_t k = 0; k < deep; ++k) {
                tile_of_columns(weight, n * kRows, block * kWords + k * kDepth,
                                tiles + ((n / 2 * deep + k) * 2 + n % 2) * kTile);
            }
        }
    }
};

// The rows in the order of the blocks that their targets stand in, then of the rows.
class Targets {
  public:
    Targets(const int64_t* targets, int64_t rows, int64_t blocks)
        : targets_(targets), begins_(blocks + 1, 0), rows_(rows) {
        for (int64_t r = 0; r < rows; ++r) ++begins_[targets[r] / kWords + 1];
        for (int64_t b = 0; b < blocks; ++b) begins_[b + 1] += begins_[b];
        std::vector<int64_t> next(begins_.begin(), begins_.end() - 1);
        for (int64_t r = 0; r < rows; ++r) rows_[next[targets[r] / kWords]++] = r;
    }

    // Calls found(row - first, place of the target in the pair) for the targets of `count` rows
    // from `first` on that stand in a pair of a block.
    template <typename Found>
    void visit(int64_t block, int64_t pair, int64_t first, int64_t count, const Found& found) const {
        const int64_t from = block * kWords + 32 * pair;
        const auto end = rows_.begin() + begins_[block + 1];
        for (auto at = std::lower_bound(rows_.begin() + begins_[block], end, first);
             at != end && *at < first + count; ++at) {
            const int64_t place = targets_[*at] - from;
            if (place >= 0 && place < 32) found(*at - first, place);
        }
    }

  private:
    const int64_t* targets_;
    std::vector<int64_t> begins_, rows_;
};

}  // namespace steadfit
