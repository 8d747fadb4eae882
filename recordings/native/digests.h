/* SHA-256 and SM3 of many pieces at once. Python reads this very file (recordings/digests.py): plain declarations only. */
#ifndef DIGESTS_H
#define DIGESTS_H
#include <stddef.h>
#include <stdint.h>

/* Of each of `count` pieces its SHA-256 and its SM3, 32 bytes each, one behind the other in `sha256` and `sm3`. */
void dg_digest(const uint8_t *const *pieces, const size_t *sizes, size_t count, uint8_t *sha256, uint8_t *sm3);

#endif
