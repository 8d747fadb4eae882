/* The last second of a stream, for whoever lost a packet. Packets lie one behind the other in chunks; a chunk goes when
 * all in it are old, so a stream takes as much memory as it has sent lately. Of one that sends much less than a second
 * may be enough. */
#include "fastpath.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK 8160 /* with what malloc adds two pages: no more than that is kept too long */
#define CHUNKS_MAX 128 /* of one stream: a second of 8 Mbit/s */
#define SLOTS 1024 /* as cache.PACKETS */
#define KEPT_NS 1100000000
#define FEW 16 /* chunks, and a whole picture on a narrow line: they are kept for all of that second */
#define HEAD 2 /* bytes before a packet: its size */

struct fp_chunk {
    struct fp_chunk *next;
    int64_t newest_ns;
    uint32_t used;
    uint8_t data[CHUNK];
};

struct fp_cache {
    struct fp_chunk *oldest, *newest;
    uint32_t chunks;
    int64_t enough_ns;
    const uint8_t *slots[SLOTS]; /* by number: the packet's size, and behind it the packet */
};

static uint32_t slot_of(const uint8_t *packet) { return (uint32_t)(packet[2] << 8 | packet[3]) % SLOTS; }
static uint32_t size_at(const uint8_t *place) { return (uint32_t)(place[0] << 8 | place[1]); }

/* NULL where there is no memory: then nothing is kept. */
struct fp_cache *fp_cache_new(void) {
    struct fp_cache *cache = calloc(1, sizeof(struct fp_cache));
    if (cache)
        cache->enough_ns = KEPT_NS;
    return cache;
}

/* After so long nobody asks for a packet any more, at most after a second (cache.enough_ns). */
void fp_keep_for(struct fp_cache *cache, int64_t enough_ns) {
    if (cache)
        cache->enough_ns = enough_ns;
}

static void drop_oldest(struct fp_cache *cache) {
    struct fp_chunk *chunk = cache->oldest;
    for (uint32_t at = 0; at < chunk->used; at += HEAD + size_at(chunk->data + at))
        if (cache->slots[slot_of(chunk->data + at + HEAD)] == chunk->data + at)
            cache->slots[slot_of(chunk->data + at + HEAD)] = NULL;
    cache->oldest = chunk->next;
    cache->chunks--;
    if (!cache->oldest)
        cache->newest = NULL;
    free(chunk);
}

void fp_cache_free(struct fp_cache *cache) {
    while (cache && cache->oldest)
        drop_oldest(cache);
    free(cache);
}

/* Room for so many bytes in the newest chunk, or in another; NULL where there is none. */
static struct fp_chunk *room(struct fp_cache *cache, uint32_t size, int64_t now_ns) {
    if (cache->newest && cache->newest->used + size <= CHUNK)
        return cache->newest;
    while (cache->oldest) {
        int64_t age_ns = now_ns - cache->oldest->newest_ns;
        if (cache->chunks < CHUNKS_MAX && age_ns <= KEPT_NS && (age_ns <= cache->enough_ns || cache->chunks <= FEW))
            break;
        drop_oldest(cache);
    }
    struct fp_chunk *chunk = malloc(sizeof *chunk);
    if (!chunk)
        return NULL;
    chunk->next = NULL;
    chunk->used = 0;
    if (cache->newest)
        cache->newest->next = chunk;
    else
        cache->oldest = chunk;
    cache->newest = chunk;
    cache->chunks++;
    return chunk;
}

/* Keep an RTP packet, instead of what had its place. */
void fp_keep(struct fp_cache *cache, const uint8_t *raw, int size, int64_t now_ns) {
    if (!cache || size < 12 || size > PACKET_MAX)
        return;
    struct fp_chunk *chunk = room(cache, HEAD + (uint32_t)size, now_ns);
    if (!chunk)
        return;
    uint8_t *place = chunk->data + chunk->used;
    place[0] = (uint8_t)(size >> 8);
    place[1] = (uint8_t)size;
    memcpy(place + HEAD, raw, (size_t)size);
    chunk->used += HEAD + (uint32_t)size;
    chunk->newest_ns = now_ns;
    cache->slots[slot_of(raw)] = place;
}

/* The packet with this number, and its size; NULL if it is not kept. Good until the next one is. */
const uint8_t *fp_kept(const struct fp_cache *cache, uint16_t seq, int *size) {
    const uint8_t *place = cache ? cache->slots[seq % SLOTS] : NULL;
    if (!place || (place[HEAD + 2] << 8 | place[HEAD + 3]) != seq)
        return NULL;
    *size = (int)size_at(place);
    return place + HEAD;
}
