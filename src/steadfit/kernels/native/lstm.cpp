// One LSTM layer over a window of time (Hochreiter & Schmidhuber, 1997), forward and backward.
//
// Inside, time comes first and units are filled up to 16, so that a row of gates is (4, units). The
// gates of 16 units are made together, from two pairs of tiles: input and forget, cell and output.

#include "product.h"

namespace steadfit {
namespace {

// How hidden outputs are held for the next product, and what its sums are worth.
template <typename T>
struct Hidden;

template <>
struct Hidden<bf16> {
    static void store(bf16* to, Floats h) { store_bf16(to, h); }
    static Floats sum(const float* sums, const float*) { return load(sums); }
};

// Outputs lie between -1 and 1, so one scale serves for all of them, whatever the batch.
template <>
struct Hidden<int8_t> {
    static void store(int8_t* to, Floats h) { store_int8(to, h, broadcast(127.f)); }
    static Floats sum(const float* sums, const float* scales) {
        return to_floats(load_words(sums)) * load(scales);
    }
};

// Where a forward pass reads and writes; see `steadfit_lstm_forward`.
template <typename T>
struct Forward {
    int64_t steps, batch, units, real_units;
    const T* weight;
    const float *scales, *bias;
    bf16* gates;
    T* h;
    float *c, *output;
    int64_t output_row, output_step;
    bool keep;

    int64_t depth() const { return round_up(units, kDepthOf<T>) / kDepthOf<T>; }
    int64_t row() const { return depth() * kDepthOf<T>; }  // of hidden outputs

    // 16 units of one row at one step, from the sums of their four gates.
    void cell(int64_t t, int64_t row_number, int64_t unit, const float* sums, int64_t block) const {
        const int64_t place = t * batch + row_number;
        bf16* gate = gates + place * 4 * units + unit;
        Floats x[4];
        for (int64_t n = 0; n < 4; ++n) {
            const int64_t column = n * units + unit;
            const Floats from_h = Hidden<T>::sum(sums + n * block * kRows, scales + column);
            const Floats from_x = load_bf16(gate + n * units);
            x[n] = from_h + load(bias + column) + from_x;
        }
        const Floats i = sigmoid16(x[0]), f = sigmoid16(x[1]);
        const Floats g = tanh16(x[2]), o = sigmoid16(x[3]);
        float* cells = c + (keep ? place : row_number) * units + unit;
        const Floats now = fma(f, load(cells), i * g);
        const Floats out = o * tanh16(now);
        store(cells + (keep ? batch * units : 0), now);
        Hidden<T>::store(h + (place + batch) * row() + unit, out);
        if (output != nullptr) {
            float* to = output + row_number * output_row + t * output_step + unit;
            store(first_lanes(real_units - unit), to, out);
        }
        if (keep) {
            store_bf16(gate, i);
            store_bf16(gate + units, f);
            store_bf16(gate + 2 * units, g);
            store_bf16(gate + 3 * units, o);
        }
    }
};

// The gradients before the gates of 16 units of one row at one step, written over the gates.
inline void cell_gradient(bf16* gates, int64_t units, const float* c_before, const float* c,
                          Floats dh, float* dc, float* bias) {
    const Floats one = broadcast(1.f);
    const Floats i = load_bf16(gates), f = load_bf16(gates + units);
    const Floats g = load_bf16(gates + 2 * units), o = load_bf16(gates + 3 * units);
    const Floats t = tanh16(load(c));
    const Floats through = dh * o * fnma(t, t, one);
    const Floats d = load(dc) + through;
    const auto slope = [&](Floats s) { return s * (one - s); };
    const Floats gradients[4] = {
        d * g * slope(i),
        d * load(c_before) * slope(f),
        d * i * fnma(g, g, one),
        dh * t * slope(o),
    };
    store(dc, d * f);
    for (int gate = 0; gate < 4; ++gate) {
        store_bf16(gates + gate * units, gradients[gate]);
        float* sum = bias + gate * units;
        store(sum, load(sum) + gradients[gate]);
    }
}

// Rows of tiles of a batch in groups of at most three.
template <typename Body>
inline void row_groups(int64_t batch, const Body& body) {
    for (int64_t row = 0; row < batch; row += kBlockRows) {
        const int64_t real = std::min(kBlockRows, batch - row);
        body(row, real, (real + kRows - 1) / kRows);
    }
}

inline int64_t tile_rows(int64_t batch) { return std::min(batch, kRows); }

template <typename T>
void forward(const Forward<T>& pass, int64_t threads) {
    const int64_t row = pass.row(), depth = pass.depth(), pair = 2 * kTileOf<T> * depth;
    Barrier barrier(threads);
    parallel(threads, [&](int64_t thread, int64_t all) {
        const Tiles tiles(tile_rows(pass.batch));
        const Range blocks = share(pass.units / kRows, thread, all);
        alignas(64) float sums[4 * kBlockRows * kRows];
        for (int64_t t = 0; t < pass.steps; ++t) {
            const T* before = pass.h + t * pass.batch * row;
            for (int64_t n = blocks.begin; n < blocks.end; ++n) {
                // To and fro: what was read last is still in the cache.
                const int64_t block = t % 2 ? blocks.end - 1 - (n - blocks.begin) : n;
                const T* right = pass.weight + 2 * block * pair;
                row_groups(pass.batch, [&](int64_t first, int64_t real, int64_t groups) {
                    const Left left = row_major(before + first * row, row);
                    const int64_t rows = groups * kRows;
                    multiply_two(groups, left, right, pair, depth, sums);
                    for (int64_t r = 0; r < real; ++r) {
                        pass.cell(t, first + r, block * kRows, sums + r * kRows, rows);
                    }
                });
            }
            barrier.wait();
        }
    });
}

}  // namespace
}  // namespace steadfit

using namespace steadfit;

extern "C" {

// gates (steps, batch, 4 * units): in, the input's projection; out, if `keep`, the gates.
// h (steps + 1, batch, row) and c (steps + 1, batch, units) begin with the state before; without
// `keep`, c is (batch, units), and the state after takes the place of the one before.
// output (batch, steps, real units) in float32 at the given strides, or null. Behind h there is room
// for 15 rows more.
void steadfit_lstm_forward(int64_t steps, int64_t batch, int64_t units, int64_t real_units,
                           const bf16* weight, const float* bias, bf16* gates, bf16* h, float* c,
                           float* output, int64_t output_row, int64_t output_step, int64_t keep,
                           int64_t threads) {
    forward(Forward<bf16>{steps, batch, units, real_units, weight, nullptr, bias, gates, h, c, output,
                          output_row, output_step, keep != 0},
            threads);
}

// The same without `keep`, with weights and h in int8: `scales` (4 * units) say what a sum of products is worth.
void steadfit_lstm_forward_int8(int64_t steps, int64_t batch, int64_t units, int64_t real_units,
                                const int8_t* weight, const float* scales, const float* bias,
                                bf16* gates, int8_t* h, float* c, float* output,
                                int64_t output_row, int64_t output_step, int64_t threads) {
    forward(Forward<int8_t>{steps, batch, units, real_units, weight, scales, bias, gates, h, c,
                            output, output_row, output_step, false},
            threads);
}

// gates: in, the gates; out, the gradients before them. dh and dc (batch, units): in, gradients of
// the state after; out, of the state before. bias (4 * units) gets the sums of the gates' gradients.
// output (batch, steps, real units): gradients of the outputs, at the given strides. `weight` is
// packed across. Behind gates there is room for 15 rows more.
void steadfit_lstm_backward(int64_t steps, int64_t batch, int64_t units, int64_t real_units,
                            const bf16* weight, bf16* gates, const float* c, const float* output,
                            int64_t output_row, int64_t output_step, float* dh, float* dc,
                            float* bias, int64_t threads) {
    const int64_t row = 4 * units, depth = row / kDepth, pair = 2 * kTile * depth;
    Barrier barrier(threads);
    parallel(threads, [&](int64_t thread, int64_t all) {
        const Tiles tiles(tile_rows(batch));
        const Range blocks = share(round_up(units, 32) / 32, thread, all);
        alignas(64) float sums[2 * kBlockRows * kRows];
        for (int64_t t = steps - 1; t >= -1; --t) {
            const bf16* after = gates + (t + 1) * batch * row;
            for (int64_t n = blocks.begin; n < blocks.end; ++n) {
                const int64_t block = t % 2 ? blocks.end - 1 - (n - blocks.begin) : n;
                row_groups(batch, [&](int64_t first, int64_t real, int64_t groups) {
                    const int64_t rows = groups * kRows;
                    if (t < steps - 1) {
                        multiply_rows(groups, row_major(after + first * row, row),
                                      weight + block * pair, depth, sums);
                    }
                    for (int64_t half = 0; half < 2; ++half) {
                        const int64_t unit = block * 32 + half * kRows;
                        if (unit >= units) continue;
                        const Lanes lanes = first_lanes(real_units - unit);
                        for (int64_t r = 0; r < real; ++r) {
                            float* state = dh + (first + r) * units + unit;
                            const Floats from_after =
                                t < steps - 1 ? load(sums + (half * rows + r) * kRows)
                                              : load(state);
                            if (t < 0) {
                                store(state, from_after);
                                continue;
                            }
                            const float* d = output + (first + r) * output_row + t * output_step;
                            const Floats here = load(lanes, d + unit);
                            const int64_t place = t * batch + first + r;
                            cell_gradient(gates + place * row + unit, units,
                                          c + place * units + unit,
                                          c + (place + batch) * units + unit,
                                          from_after + here,
                                          dc + (first + r) * units + unit, bias + unit);
                        }
                    }
                });
            }
            barrier.wait();
        }
    });
}

}  // extern "C"
