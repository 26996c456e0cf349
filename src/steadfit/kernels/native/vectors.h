// Functions of sixteen float32 numbers at a time.
#pragma once

#include "lanes.h"

namespace steadfit {

// e to the x for x of at most 88, to three units in the last place; 0 far below.
inline Floats exp_below(Floats x) {
    x = larger(broadcast(-104.f), x);  // in this order of arguments a NaN stays a NaN
    const Floats n = nearest_whole(x * broadcast(1.44269504f));
    Floats r = fnma(n, broadcast(0.693359375f), x);
    r = fnma(n, broadcast(-2.12194440e-4f), r);
    // The polynomial of degree 6 nearest to e^r where |r| is at most half the logarithm of 2.
    Floats p = broadcast(1.394859279e-3f);
    p = fma(p, r, broadcast(8.375137268e-3f));
    p = fma(p, r, broadcast(4.166621809e-2f));
    p = fma(p, r, broadcast(1.666641538e-1f));
    p = fma(p, r, broadcast(0.5f));
    p = fma(p, r, broadcast(1.f));
    p = fma(p, r, broadcast(1.f));
    return times_power_of_2(p, n);
}

// e to the x; infinity above.
inline Floats exp16(Floats x) { return exp_below(smaller(broadcast(89.f), x)); }

inline Floats sigmoid16(Floats x) {
    // Beyond 80 nothing changes any more, and the exponential stays finite.
    x = larger(broadcast(-80.f), x);
    return reciprocal(broadcast(1.f) + exp16(zeros() - x));
}

inline Floats tanh16(Floats x) {
    x = smaller(broadcast(40.f), x);
    const Floats y = reciprocal(exp16(x + x) + broadcast(1.f));
    return fnma(broadcast(2.f), y, broadcast(1.f));
}

}  // namespace steadfit
