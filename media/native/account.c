/* The account of what was forwarded. Packets of one connection that came each next to the one before make a run: their
 * records as recordings/journal.py writes them, and what Python must know of them all together. */
#include "fastpath.h"

#include <string.h>

#define FRAMED 18 /* bytes of a record before the packet: length, sum, kind, track, arrival */
#define PACKET_KIND 1

static uint32_t table[8][256];

/* Make the table of CRC-32 (as zlib's); eight bytes are summed at a time. */
void fp_sums(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t sum = byte;
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? 0xEDB88320u : 0);
        table[0][byte] = sum;
    }
    for (int step = 1; step < 8; step++)
        for (uint32_t byte = 0; byte < 256; byte++)
            table[step][byte] = table[step - 1][byte] >> 8 ^ table[0][table[step - 1][byte] & 255];
}

static uint32_t summed(uint32_t sum, const uint8_t *data, uint32_t size) {
    sum = ~sum;
    for (; size >= 8; size -= 8, data += 8) {
        uint32_t low = sum ^ ((uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24);
        sum = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^ table[4][low >> 24] ^
              table[3][data[4]] ^ table[2][data[5]] ^ table[1][data[6]] ^ table[0][data[7]];
    }
    while (size--)
        sum = sum >> 8 ^ table[0][(sum ^ *data++) & 255];
    return ~sum;
}

static void put32(uint8_t *at, uint32_t value) {
    for (int byte = 0; byte < 4; byte++)
        at[byte] = (uint8_t)(value >> (24 - 8 * byte));
}

/* One packet's record; its size. Of mere padding the header is recorded, as publication.Publication._taken does. */
static uint32_t record(uint8_t *at, const uint8_t *raw, const struct fp_entry *head, uint8_t track) {
    uint32_t size = head->payload_bytes ? head->size : 12;
    put32(at, FRAMED - 8 + size);
    at[8] = PACKET_KIND;
    at[9] = track;
    put32(at + 10, (uint32_t)((uint64_t)head->arrival_ns >> 32));
    put32(at + 14, (uint32_t)head->arrival_ns);
    memcpy(at + FRAMED, raw, size);
    if (!head->payload_bytes)
        at[FRAMED] = 0x80;
    put32(at + 4, summed(summed(0, at, 4), at + 8, FRAMED - 8 + size));
    return FRAMED + size;
}

static struct fp_share *share_of(struct fp_run *run, const struct fp_entry *head) {
    for (uint32_t i = 0; i < run->shares; i++)
        if (run->share[i].ssrc == head->ssrc)
            return &run->share[i];
    if (run->shares == STREAMS)
        return NULL;
    struct fp_share *share = &run->share[run->shares++];
    *share = (struct fp_share){.first_ns = head->arrival_ns, .ssrc = head->ssrc, .first = head->seq};
    return share;
}

/* Put a forwarded packet on the connection's account; 0: it is to be told alone, there is no room or no account. */
int fp_note(struct fp_port *port, struct fp_lane *lane, struct fp_stream *stream, const uint8_t *raw,
            const struct fp_entry *head) {
    struct fp_run *run = lane->run;
    int begins = head->timestamp != stream->timestamp;
    stream->timestamp = head->timestamp;
    if (!run || run->ended || stream->way == ALONE)
        return 0;
    if (run->size + FRAMED + head->size > RUN_ROOM || run->begun == BEGINNINGS || (!run->size && port->runs == RUNS)) {
        port->urgent = 1; /* to be told makes room */
        return 0;
    }
    struct fp_share *share = share_of(run, head);
    if (!share)
        return 0;
    if (!run->size) {
        run->first_ns = head->arrival_ns;
        run->place = port->runs;
        port->running[port->runs++] = lane;
    }
    if (begins) {
        int picture = stream->way == PICTURE && fp_starts_keyframe(raw + head->body_at, head->size - head->body_at);
        run->beginning[run->begun++] =
            (struct fp_beginning){head->arrival_ns, head->ssrc, head->timestamp, head->seq, (uint8_t)picture, {0}};
    }
    run->last_ns = share->last_ns = head->arrival_ns;
    share->count++;
    run->size += record(run->records + run->size, raw, head, stream->track);
    return 1;
}

static void leave(struct fp_port *port, struct fp_run *run) {
    struct fp_lane *last = port->running[--port->runs];
    port->running[run->place] = last;
    last->run->place = run->place;
}

/* This connection's run, if there is one, is told before what comes next. The caller has seen that there is room. */
void fp_end_run(struct fp_port *port, struct fp_lane *lane) {
    struct fp_run *run = lane->run;
    if (!run || run->ended || !run->size)
        return;
    run->ended = 1;
    leave(port, run);
    port->entries[port->count++] = (struct fp_entry){.lane = lane->id, .kind = RUN};
}

/* Every run is told next, as far as there is room. */
void fp_end_runs(struct fp_port *port) {
    while (port->runs && port->count < ENTRIES)
        fp_end_run(port, port->running[port->runs - 1]);
}

/* The run has been told: another may begin. */
void fp_run_told(struct fp_run *run) { run->size = run->shares = run->begun = run->ended = 0; }

/* The connection is over: nothing points to its account any more. */
void fp_forget_run(struct fp_port *port, struct fp_lane *lane) {
    if (lane->run && lane->run->size && !lane->run->ended)
        leave(port, lane->run);
    lane->run = 0;
}
