/* SHA-256 (FIPS 180-4) and SM3 (GB/T 32905) of many pieces at once: each lane of the processor's vectors takes one piece,
 * so that eight cost little more than one. Both read the same words of the same block.
 */
#include "digests.h"

#include <string.h>

#define LANES 8
#define BLOCK 64

typedef uint32_t words __attribute__((vector_size(4 * LANES))); /* the same word of every lane */

struct piece {
    const uint8_t *at;
    size_t blocks; /* whole ones left; then those of the tail */
    size_t tail_blocks, number;
    uint8_t tail[2 * BLOCK]; /* the last bytes, a one, zeros, the length in bits */
};

struct state {
    words sha256[8], sm3[8];
};

#define INLINE static inline __attribute__((always_inline))
#define LEFT(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define EITHER(x, y, z) (((x) & (y)) | (~(x) & (z)))
#define MOST(x, y, z) (((x) & (y)) | ((x) & (z)) | ((y) & (z)))

static const uint32_t SHA256_START[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
static const uint32_t SHA256_ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
static const uint32_t SM3_START[8] = {0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600,
                                      0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e};
static const uint32_t SM3_ROUND[2] = {0x79cc4519, 0x7a879d8a};

INLINE void sha256_block(words *state, const words *block)
{
    words w[16], a = state[0], b = state[1], c = state[2], d = state[3];
    words e = state[4], f = state[5], g = state[6], h = state[7];
    memcpy(w, block, sizeof w);
#pragma GCC unroll 64
    for (int t = 0; t < 64; t++) {
        if (t >= 16) {
            words x = w[(t + 1) & 15], y = w[(t + 14) & 15];
            w[t & 15] += (LEFT(x, 25) ^ LEFT(x, 14) ^ x >> 3) + w[(t + 9) & 15] + (LEFT(y, 15) ^ LEFT(y, 13) ^ y >> 10);
        }
        words first = h + (LEFT(e, 26) ^ LEFT(e, 21) ^ LEFT(e, 7)) + EITHER(e, f, g) + SHA256_ROUND[t] + w[t & 15];
        words second = (LEFT(a, 30) ^ LEFT(a, 19) ^ LEFT(a, 10)) + MOST(a, b, c);
        h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

INLINE void sm3_block(words *state, const words *block)
{
    words w[16], a = state[0], b = state[1], c = state[2], d = state[3];
    words e = state[4], f = state[5], g = state[6], h = state[7];
    memcpy(w, block, sizeof w);
#pragma GCC unroll 64
    for (int t = 0; t < 64; t++) {
        if (t >= 12) { /* the word four rounds on */
            words x = w[(t + 4) & 15] ^ w[(t + 11) & 15] ^ LEFT(w[(t + 1) & 15], 15);
            w[(t + 4) & 15] = x ^ LEFT(x, 15) ^ LEFT(x, 23) ^ LEFT(w[(t + 7) & 15], 7) ^ w[(t + 14) & 15];
        }
        uint32_t constant = SM3_ROUND[t >= 16];
        words turned = LEFT(a, 12), sum = turned + e + (t & 31 ? LEFT(constant, t & 31) : constant);
        sum = LEFT(sum, 7);
        words first = t < 16 ? a ^ b ^ c : MOST(a, b, c), second = t < 16 ? e ^ f ^ g : EITHER(e, f, g);
        first += d + (sum ^ turned) + (w[t & 15] ^ w[(t + 4) & 15]);
        second += h + sum + w[t & 15];
        d = c, c = LEFT(b, 9), b = a, a = first;
        h = g, g = LEFT(f, 19), f = e, e = second ^ LEFT(second, 9) ^ LEFT(second, 17);
    }
    state[0] ^= a, state[1] ^= b, state[2] ^= c, state[3] ^= d;
    state[4] ^= e, state[5] ^= f, state[6] ^= g, state[7] ^= h;
}

/* As wide as the processor has it: the system chooses when the library is loaded. */
#ifdef __x86_64__
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
static void take_blocks(struct state *state, struct piece *lanes, size_t blocks)
{
    while (blocks--) {
        words block[16];
        for (int lane = 0; lane < LANES; lane++, lanes[lane - 1].at += BLOCK)
            for (int t = 0; t < 16; t++) {
                uint32_t word;
                memcpy(&word, lanes[lane].at + 4 * t, sizeof word);
                block[t][lane] = __builtin_bswap32(word);
            }
        sha256_block(state->sha256, block);
        sm3_block(state->sm3, block);
    }
}

static void begin(struct piece *piece, size_t number, const uint8_t *data, size_t size)
{
    size_t rest = size % BLOCK;
    *piece = (struct piece){.at = data, .blocks = size / BLOCK, .tail_blocks = rest < BLOCK - 8 ? 1 : 2, .number = number};
    if (rest)
        memcpy(piece->tail, data + size - rest, rest);
    piece->tail[rest] = 0x80;
    uint64_t bits = __builtin_bswap64((uint64_t)size * 8);
    memcpy(piece->tail + piece->tail_blocks * BLOCK - sizeof bits, &bits, sizeof bits);
}

/* Blocks of a piece that lie behind one another from where it is read. */
static size_t ahead(struct piece *piece)
{
    if (!piece->blocks && piece->tail_blocks) {
        piece->at = piece->tail;
        piece->blocks = piece->tail_blocks, piece->tail_blocks = 0;
    }
    return piece->blocks;
}

static void put(const words *state, int lane, uint8_t *digest)
{
    for (int t = 0; t < 8; t++) {
        uint32_t word = __builtin_bswap32(state[t][lane]);
        memcpy(digest + 4 * t, &word, sizeof word);
    }
}

void dg_digest(const uint8_t *const *pieces, const size_t *sizes, size_t count, uint8_t *sha256, uint8_t *sm3)
{
    struct piece lanes[LANES] = {0};
    struct state state = {0};
    size_t next = 0;
    for (int lane = 0; lane < LANES; lane++)
        lanes[lane].number = count; /* none */
    for (;;) {
        size_t least = 0;
        const uint8_t *any = NULL;
        for (int lane = 0; lane < LANES; lane++) {
            struct piece *piece = &lanes[lane];
            if (piece->number < count && !ahead(piece)) {
                put(state.sha256, lane, sha256 + 32 * piece->number);
                put(state.sm3, lane, sm3 + 32 * piece->number);
                piece->number = count;
            }
            if (piece->number == count && next < count) {
                begin(piece, next, pieces[next], sizes[next]);
                next++;
                for (int t = 0; t < 8; t++)
                    state.sha256[t][lane] = SHA256_START[t], state.sm3[t][lane] = SM3_START[t];
            }
            size_t left = piece->number < count ? ahead(piece) : 0;
            if (left && (!any || left < least))
                any = piece->at, least = left;
        }
        if (!any)
            return;
        for (int lane = 0; lane < LANES; lane++)
            if (lanes[lane].number == count)
                lanes[lane].at = any; /* a lane without a piece reads along, and nobody asks what it makes of it */
        take_blocks(&state, lanes, least);
        for (int lane = 0; lane < LANES; lane++)
            if (lanes[lane].number < count)
                lanes[lane].blocks -= least;
    }
}
