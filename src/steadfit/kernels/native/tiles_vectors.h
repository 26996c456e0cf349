// Tiles multiplied by vectors, some rows at a time, as AMX would do it.
#pragma once

#include <type_traits>

#if defined(__AVX512BF16__)
#include "rows_avx512.h"
#elif defined(__AVX512F__)
#include "wide_rows_avx512.h"
#else
#include "rows_avx2.h"
#endif

namespace steadfit {

inline thread_local int64_t rows_of_tiles = kRows;

// Says how many rows of a tile are real in this thread, as long as it lives. Meanwhile numbers too
// small for all their digits are zeros, as for AMX: in rows that are none anything may stand, and
// float32 products of such numbers take many times as long.
class Tiles {
  public:
    explicit Tiles(int64_t rows = kRows) : before_(rows_of_tiles), mode_(_mm_getcsr()) {
        rows_of_tiles = rows;
        _mm_setcsr(mode_ | _MM_FLUSH_ZERO_ON | kDenormalsAreZeros);
    }
    ~Tiles() {
        rows_of_tiles = before_;
        _mm_setcsr(mode_);
    }
    Tiles(const Tiles&) = delete;
    Tiles& operator=(const Tiles&) = delete;

  private:
    static constexpr uint32_t kDenormalsAreZeros = 0x40;

    int64_t before_;
    uint32_t mode_;
};

// `multiply` of tiles.h.
template <int R, typename T>
inline void multiply(const Left& left, const T* right, int64_t depth, float* sums, bool add) {
    constexpr int64_t block = R * kRows * kRows;
    const int64_t rows = R == 1 ? rows_of_tiles : R * kRows;
    for (int64_t column = 0; column < 32; column += kMostColumns) {
        const T* tiles = right + column / kRows * kTileOf<T>;
        float* here = sums + column / kRows * block;
        int64_t row = 0;
        const auto at_once = [&](auto count) {
            constexpr int N = decltype(count)::value;
            multiply_rows_of<N>(left, row, tiles, depth, here + row * kRows, block, add);
            row += N;
        };
        const auto some = [&](auto count) {
            while (row + decltype(count)::value <= rows) at_once(count);
        };
        constexpr int most = kMostRows<T>;
        some(std::integral_constant<int, most>());
        // A few rows that are none cost less than several small groups.
        if (2 * (rows - row) > most && row + most <= R * kRows) at_once(std::integral_constant<int, most>());
        some(std::integral_constant<int, 4>());
        some(std::integral_constant<int, 2>());
        some(std::integral_constant<int, 1>());
    }
}

}  // namespace steadfit
