/* Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011). This file is the one definition of every draw; generated code computes the same functions.
 *
 * A draw is a pure function of (key, site, element), element being the logical row-major index of the element in the
 * tensor drawn. One Philox block serves `per_block` neighbouring elements:
 *
 *   draw           per_block   element j of block B uses
 *   bits u32       4           word j
 *   bits u64       2           words 2j (low half) and 2j+1 (high half)
 *   uniform f32    4           (word j >> 8) * 2^-24
 *   uniform f64    2           (u64 of words 2j, 2j+1, as above, >> 11) * 2^-53
 *   normal f32     4           the pair j/2: words 2(j/2), 2(j/2)+1
 *   normal f64     2           the pair 0: u64 of words 0,1 and u64 of words 2,3
 *
 * The block's counter is (low B, high B, low site, high site) and its key (low key, high key).
 * A normal pair (Box and Muller 1958) has r = sqrt(-2 log u1), u1 = (bits + 1) * 2^-24 in (0, 1] from the first word
 * (f64: 53 bits, 2^-53), angle 2 pi u2, u2 = bits * 2^-24 in [0, 1) from the second; the even element is r cos, the
 * odd one r sin. The definition is in exact arithmetic: f32 code may round on the way.
 */
#ifndef SEPPO_RUNTIME_RANDOM_H
#define SEPPO_RUNTIME_RANDOM_H

#include <stdint.h>

/* Ten rounds on one 128-bit counter. */
void random_philox(uint64_t key, const uint32_t counter[4], uint32_t out[4]);
/* The four words of block B at a site. */
void random_block(uint64_t key, uint64_t site, uint64_t block, uint32_t out[4]);

/* A new key from a key and an index: mix(key ^ mix(index + 0x9E3779B97F4A7C15)) with mix the 64-bit finaliser of
 * SplitMix (Steele, Lea, Flood, OOPSLA 2014). Bijective in the index for a fixed key, and in the key for a fixed
 * index. */
uint64_t random_mix(uint64_t x);
uint64_t random_key_fold(uint64_t key, uint64_t index);

uint32_t random_bits32(uint64_t key, uint64_t site, uint64_t element);
uint64_t random_bits64(uint64_t key, uint64_t site, uint64_t element);
double random_uniform32(uint64_t key, uint64_t site, uint64_t element); /* exact in f32 */
double random_uniform64(uint64_t key, uint64_t site, uint64_t element);
double random_normal32(uint64_t key, uint64_t site, uint64_t element);
double random_normal64(uint64_t key, uint64_t site, uint64_t element);

#endif
