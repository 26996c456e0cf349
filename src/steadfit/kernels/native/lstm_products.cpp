// The products around an LSTM layer that take all steps at once, and the packing of its weights.
//
// Weights are (4 * units, columns) in float32; inside, units are filled up to `padded` for each gate.

#include "buffer.h"
#include "product.h"

namespace steadfit {
namespace {

// A layer's weight with its gates filled up.
struct Gates {
    Matrix<float> weight;
    int64_t units, padded;

    Floats at(int64_t row, int64_t column) const {
        const int64_t gate = row / padded, unit = row % padded;
        if (unit >= units || gate >= 4) return zeros();
        return weight.at(gate * units + unit, column);
    }
};

// The right factor of a product over rows: pairs of tiles of `columns`, filled up with zeros.
void pack_columns(const Matrix<bf16>& m, int64_t depth, Range pairs, bf16* to) {
    for (int64_t pair = pairs.begin; pair < pairs.end; ++pair) {
        for (int64_t k = 0; k < depth; ++k) {
            bf16* tiles = to + (pair * depth + k) * 2 * kTile;
            tile_of_columns(m, 32 * pair, kDepth * k, tiles);
            tile_of_columns(m, 32 * pair + kRows, kDepth * k, tiles + kTile);
        }
    }
}

}  // namespace
}  // namespace steadfit

using namespace steadfit;

extern "C" {

// Packs a weight as a right factor. `order` 0: the product's columns are the gates; 1: the same, the
// gates of 16 units together; 2: across, the product's columns are the weight's columns.
// `bits`, if given, drops weights: see Matrix.
void steadfit_pack_gates(const float* weight, int64_t units, int64_t padded, int64_t columns,
                         int64_t order, const uint32_t* bits, float scale, bf16* to,
                         int64_t threads) {
    const int64_t bits_row = round_up(columns, 32) / 32;
    const Gates gates{{weight, 4 * units, columns, columns, bits, bits_row, scale}, units, padded};
    const int64_t wide = round_up(order == 2 ? columns : 4 * padded, 32);
    const int64_t depth = round_up(order == 2 ? 4 * padded : columns, kDepth) / kDepth;
    parallel(threads, [&](int64_t thread, int64_t all) {
        const Range pairs = share(wide / 32, thread, all);
        for (int64_t pair = pairs.begin; pair < pairs.end; ++pair) {
            for (int64_t half = 0; half < 2; ++half) {
                const int64_t gate = 2 * (pair % 2) + half, unit = pair / 2 * kRows;
                const int64_t n = order == 1 ? gate * padded + unit : 32 * pair + half * kRows;
                for (int64_t k = 0; k < depth; ++k) {
                    bf16* tile = to + ((pair * depth + k) * 2 + half) * kTile;
                    if (order == 2) {
                        tile_of_columns(gates, n, k * kDepth, tile);
                    } else {
                        tile_of_rows(gates, n, k * kDepth, tile);
                    }
                }
            }
        }
    });
}

// x (batch, steps, features) in float32 at the given strides, times mask (batch, features) if there
// is one, becomes (steps, batch, row) in bfloat16, filled up with zeros.
void steadfit_to_steps(const float* x, int64_t batch, int64_t steps, int64_t features,
                       int64_t x_row, int64_t x_step, const float* mask, bf16* to, int64_t row,
                       int64_t threads) {
    parallel(threads, [&](int64_t thread, int64_t all) {
        const Range mine = share(steps, thread, all);
        for (int64_t t = mine.begin; t < mine.end; ++t) {
            for (int64_t b = 0; b < batch; ++b) {
                const float* from = x + b * x_row + t * x_step;
                bf16* out = to + (t * batch + b) * row;
                for (int64_t i = 0; i < row; i += 16) {
                    const Lanes lanes = first_lanes(features - i);
                    Floats v = load(lanes, from + i);
                    if (mask != nullptr) {
                        v = v * load(lanes, mask + b * features + i);
                    }
                    store_bf16(out + i, v);
                }
            }
        }
    });
}

// gates (rows, 4 * padded) = x (rows, row) @ weight, packed in order 0.
void steadfit_project(const bf16* x, int64_t rows, int64_t row, const bf16* weight, int64_t padded,
                      bf16* gates, int64_t threads) {
    parallel(threads, [&](int64_t thread, int64_t all) {
        const Tiles tiles(std::min(rows, kRows));
        const Range pairs = share(4 * padded / 32, thread, all);
        product(row_major(x, row), rows, weight, row / kDepth, pairs,
                [&](const float* sums, int64_t block, int64_t first, int64_t real, int64_t pair) {
                    for (int64_t r = 0; r < real; ++r) {
                        const float* sum = sums + r * kRows;
                        const Words both = two_to_bf16(load(sum),
                                                         load(sum + block * kRows));
                        store_words(gates + (first + r) * 4 * padded + 32 * pair, both);
                    }
                });
    });
}

// The same in int8: `row_scales` (rows), or null for ones, times `scales` (4 * padded) say what a sum
// of products is worth.
void steadfit_project_int8(const int8_t* x, int64_t rows, int64_t row, const float* row_scales,
                           const int8_t* weight, const float* scales, int64_t padded, bf16* gates,
                           int64_t threads) {
    parallel(threads, [&](int64_t thread, int64_t all) {
        const Tiles tiles(std::min(rows, kRows));
        const Range pairs = share(4 * padded / 32, thread, all);
        product(row_major(x, row), rows, weight, row / kDepthOf<int8_t>, pairs,
                [&](const float* sums, int64_t block, int64_t first, int64_t real, int64_t pair) {
                    const Floats low = load(scales + 32 * pair);
                    const Floats high = load(scales + 32 * pair + 16);
                    for (int64_t r = 0; r < real; ++r) {
                        const float scale = row_scales == nullptr ? 1.f : row_scales[first + r];
                        const Floats own = broadcast(scale);
                        const float* sum = sums + r * kRows;
                        const Floats a = to_floats(load_words(sum));
                        const Floats b =
                            to_floats(load_words(sum + block * kRows));
                        const Words both =
                            two_to_bf16(a * low * own, b * high * own);
                        store_words(gates + (first + r) * 4 * padded + 32 * pair, both);
                    }
                });
    });
}

// x (batch, steps, features), contiguous, = gates (steps, batch, 4 * padded) @ weight, packed in
// order 2, times mask (batch, features) if there is one.
void steadfit_input_gradient(const bf16* gates, int64_t batch, int64_t steps, int64_t padded,
                             const bf16* weight, int64_t features, const float* mask, float* x,
                             int64_t threads) {
    const int64_t rows = batch * steps;
    parallel(threads, [&](int64_t thread, int64_t all) {
        const Tiles tiles(std::min(rows, kRows));
        const Range pairs = share(round_up(features, 32) / 32, thread, all);
        product(row_major(gates, 4 * padded), rows, weight, 4 * padded / kDepth, pairs,
                [&](const float* sums, int64_t block, int64_t first, int64_t real, int64_t pair) {
                    for (int64_t r = 0; r < real; ++r) {
                        const int64_t t = (first + r) / batch, b = (first + r) % batch;
                        for (int64_t half = 0; half < 2; ++half) {
                            const int64_t i = 32 * pair + half * kRows;
                            const Lanes lanes = first_lanes(features - i);
                            Floats v = load(sums + (half * block + r) * kRows);
                            if (mask != nullptr) {
                                v = v * load(lanes, mask + b * features + i);
                            }
                            store(lanes, x + (b * steps + t) * features + i, v);
                        }
                    }
                });
    });
}

// to (4 * units, columns) = the transposed gates (rows, 4 * padded) @ x (rows, columns of stride
// `row`), each number times its bit and `scale` if bits are given.
void steadfit_weight_gradient(const bf16* gates, int64_t rows, int64_t units, int64_t padded,
                              const bf16* x, int64_t columns, int64_t row, const uint32_t* bits,
                              float scale, float* to, int64_t threads) {
    const int64_t depth = round_up(rows, kDepth) / kDepth;
    const int64_t pairs = round_up(columns, 32) / 32, bits_row = pairs;
    const Matrix<bf16> left{gates, rows, 4 * padded, 4 * padded}, right{x, rows, columns, row};
    const Buffer packed = buffer(pairs * depth * 2 * kTile);
    constexpr int64_t kBlock = 2 * kBlockRows;  // gates whose tiles are made at a time
    Barrier barrier(threads);
    parallel(threads, [&](int64_t thread, int64_t all) {
        pack_columns(right, depth, share(pairs, thread, all), packed.get());
        barrier.wait();
        const Tiles tiles;
        const Buffer block_tiles = buffer(kBlock / kRows * depth * kTile);
        const Range blocks = share((4 * padded + kBlock - 1) / kBlock, thread, all);
        for (int64_t block = blocks.begin; block < blocks.end; ++block) {
            const int64_t from = block * kBlock, gates_here = std::min(kBlock, 4 * padded - from);
            for (int64_t n = 0; n < gates_here / kRows; ++n) {
                for (int64_t k = 0; k < depth; ++k) {
                    tile_transposed(left, from + n * kRows, k * kDepth,
                                    block_tiles.get() + (n * depth + k) * kTile);
                }
            }
            product(tiled(block_tiles.get(), depth), gates_here, packed.get(), depth, {0, pairs},
                    [&](const float* sums, int64_t size, int64_t first, int64_t real,
                        int64_t pair) {
                        for (int64_t r = 0; r < real; ++r) {
                            const int64_t gate = (from + first + r) / padded;
                            const int64_t unit = (from + first + r) % padded;
                            if (unit >= units) continue;
                            const int64_t line = gate * units + unit;
                            for (int64_t half = 0; half < 2; ++half) {
                                const int64_t i = 32 * pair + half * kRows;
                                Floats v = load(sums + (half * size + r) * kRows);
                                if (bits != nullptr) {
                                    const uint32_t word = bits[line * bits_row + pair];
                                    v = kept(lanes_of(word >> (16 * half)), v * broadcast(scale));
                                }
                                store(first_lanes(columns - i), to + line * columns + i, v);
                            }
                        }
                    });
        }
    });
}

}  // extern "C"
