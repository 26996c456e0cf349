// Work shared by the threads of one call.
#pragma once

#include <omp.h>
#include <sched.h>
#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace steadfit {

struct Range {
    int64_t begin, end;
};

// The share of `thread` of `total` pieces, a run of neighbours.
inline Range share(int64_t total, int64_t thread, int64_t threads) {
    return {total * thread / threads, total * (thread + 1) / threads};
}

// Lets threads wait for each other thousands of times a second. It turns only for a moment before
// it gives the core away: on a busy machine the one waited for may need it.
class Barrier {
  public:
    explicit Barrier(int64_t threads) : threads_(threads) {}
    void wait() {
        // The system may give fewer threads than were wanted.
        const int64_t all = threads_ == 1 ? 1 : omp_get_num_threads();
        if (all == 1) return;
        const int64_t round = round_.load(std::memory_order_acquire);
        if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == all) {
            arrived_.store(0, std::memory_order_relaxed);
            round_.store(round + 1, std::memory_order_release);
            return;
        }
        for (int turns = 0; round_.load(std::memory_order_acquire) == round; ++turns) {
            if (turns < 4000) {
                _mm_pause();
            } else {
                sched_yield();
            }
        }
    }

  private:
    const int64_t threads_;
    std::atomic<int64_t> arrived_{0};
    std::atomic<int64_t> round_{0};
};

// Runs body(thread, threads) on `wanted` threads, or on fewer where the system gives fewer.
template <typename Body>
inline void parallel(int64_t wanted, const Body& body) {
    if (wanted <= 1) {
        body(int64_t{0}, int64_t{1});
        return;
    }
#pragma omp parallel num_threads(static_cast<int>(wanted))
    body(int64_t{omp_get_thread_num()}, int64_t{omp_get_num_threads()});
}

}  // namespace steadfit
