// Tiles multiplied by AMX, which has registers for them.
#pragma once

#include "tile_layout.h"

namespace steadfit {

struct alignas(64) TileConfig {
    uint8_t palette = 0, start_row = 0, reserved[14] = {};
    uint16_t bytes[16] = {};
    uint8_t rows[16] = {};
};

// The intrinsics of some compilers do not say which memory they read: everything written so far must
// be there, `what` too.
inline void settle(const void* what = nullptr) { asm volatile("" ::"r"(what) : "memory"); }

// Configures this thread's tiles as long as it lives, and puts back what was configured before:
// other libraries remember what they configured last.
class Tiles {
  public:
    // Tiles 0 to 5 are sums and 6 is the left factor, with `rows` rows each; 7 is the right factor.
    // With 16 rows every tile is the same, so any may play any part.
    explicit Tiles(int64_t rows = kRows) {
        settle(&before_);
        _tile_storeconfig(&before_);
        settle(&before_);
        TileConfig config;
        config.palette = 1;
        for (int tile = 0; tile < 8; ++tile) {
            config.bytes[tile] = 64;
            config.rows[tile] = static_cast<uint8_t>(tile == 7 ? kRows : rows);
        }
        settle(&config);
        _tile_loadconfig(&config);
    }
    ~Tiles() {
        settle(&before_);
        if (before_.palette != 0) {
            _tile_loadconfig(&before_);
        } else {
            _tile_release();
        }
    }
    Tiles(const Tiles&) = delete;
    Tiles& operator=(const Tiles&) = delete;

  private:
    TileConfig before_;
};

// Products of tiles of one kind, added to the tile of sums.
#define STEADFIT_ADD_PRODUCT(sums, left, right)      \
    if constexpr (sizeof(T) == 1) {                  \
        _tile_dpbssd(sums, left, right);             \
    } else {                                         \
        _tile_dpbf16ps(sums, left, right);           \
    }

// `multiply` of tiles.h.
template <int R, typename T>
inline void multiply(const Left& left, const T* right, int64_t depth, float* sums, bool add) {
    constexpr int64_t block = R * kRows * kRows;
    const char* a = left.data;
    const char* b = reinterpret_cast<const char*>(right);
    settle(sums);
    if (add) {
        _tile_loadd(0, sums, 64);
        _tile_loadd(1, sums + block, 64);
        if constexpr (R > 1) {
            _tile_loadd(2, sums + 256, 64);
            _tile_loadd(3, sums + block + 256, 64);
        }
        if constexpr (R > 2) {
            _tile_loadd(4, sums + 512, 64);
            _tile_loadd(5, sums + block + 512, 64);
        }
    } else {
        _tile_zero(0);
        _tile_zero(1);
        if constexpr (R > 1) {
            _tile_zero(2);
            _tile_zero(3);
        }
        if constexpr (R > 2) {
            _tile_zero(4);
            _tile_zero(5);
        }
    }
    for (int64_t k = 0; k < depth; ++k) {
        if constexpr (R == 1) {
            _tile_loadd(6, a, left.row);
            _tile_loadd(7, b, 64);
            STEADFIT_ADD_PRODUCT(0, 6, 7)
            _tile_loadd(7, b + 1024, 64);
            STEADFIT_ADD_PRODUCT(1, 6, 7)
        } else if constexpr (R == 2) {
            _tile_loadd(4, a, left.row);
            _tile_loadd(6, b, 64);
            _tile_loadd(5, a + left.next_rows, left.row);
            _tile_loadd(7, b + 1024, 64);
            STEADFIT_ADD_PRODUCT(0, 4, 6)
            STEADFIT_ADD_PRODUCT(2, 5, 6)
            STEADFIT_ADD_PRODUCT(1, 4, 7)
            STEADFIT_ADD_PRODUCT(3, 5, 7)
        } else {
            _tile_loadd(7, b, 64);
            _tile_loadd(6, a, left.row);
            STEADFIT_ADD_PRODUCT(0, 6, 7)
            _tile_loadd(6, a + left.next_rows, left.row);
            STEADFIT_ADD_PRODUCT(2, 6, 7)
            _tile_loadd(6, a + 2 * left.next_rows, left.row);
            STEADFIT_ADD_PRODUCT(4, 6, 7)
            _tile_loadd(7, b + 1024, 64);
            STEADFIT_ADD_PRODUCT(5, 6, 7)
            _tile_loadd(6, a + left.next_rows, left.row);
            STEADFIT_ADD_PRODUCT(3, 6, 7)
            _tile_loadd(6, a, left.row);
            STEADFIT_ADD_PRODUCT(1, 6, 7)
        }
        a += left.next_depth;
        b += 2048;
    }
    _tile_stored(0, sums, 64);
    _tile_stored(1, sums + block, 64);
    if constexpr (R > 1) {
        _tile_stored(2, sums + 256, 64);
        _tile_stored(3, sums + block + 256, 64);
    }
    if constexpr (R > 2) {
        _tile_stored(4, sums + 512, 64);
        _tile_stored(5, sums + block + 512, 64);
    }
}

#undef STEADFIT_ADD_PRODUCT

}  // namespace steadfit
