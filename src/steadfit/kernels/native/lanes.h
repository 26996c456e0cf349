// Sixteen numbers of 32 bits at a time, by the instructions that the processor has.
//
// `Floats` are float32, `Words` bits or int32, `Lanes` some of the sixteen places. What is not in
// `Lanes` is neither read nor written, and counts as zero.
#pragma once

#ifdef __AVX512F__
#include "lanes_avx512.h"
#else
#include "lanes_avx2.h"
#endif
