/* The middles of pictures, read from a journal many at a time. As recordings/trackqueue.py reads each of them. */
#include "fastpath.h"

#include <string.h>

#define FRAMED 18 /* bytes of a record before the packet, as account.c writes them */
#define PACKET_KIND 1
#define SHORT 2048 /* bytes; as journal._SHORT */

/* Take records from `begin` on while each is whole and a packet of this track that continues the picture: one number
 * further, without the marker, and alike in all that `like` has: bytes 0 to 15 of the packet, then what its payload
 * begins with at `start` (but for bit S). What follows is put one behind the other. The number of packets taken. */
int fp_skim(const uint8_t *window, uint32_t begin, uint32_t size, const uint8_t *like, uint32_t like_size,
            uint32_t start, struct fp_skimmed *out) {
    uint32_t head = start + like_size - 16;
    int packets = 0;
    out->end = begin;
    out->size = 0;
    out->newest_ns = 0;
    while (size - out->end > FRAMED) {
        const uint8_t *record = window + out->end, *raw = record + FRAMED;
        uint32_t length = (uint32_t)record[0] << 24 | (uint32_t)record[1] << 16 | (uint32_t)record[2] << 8 | record[3];
        if (length >= SHORT || length + 8 > size - out->end || length + 8 <= FRAMED + head)
            break;
        uint32_t body = length + 8 - FRAMED - head;
        uint16_t sequence = (uint16_t)(raw[2] << 8 | raw[3]);
        if (record[8] != PACKET_KIND || record[9] != out->track || sequence != out->sequence || body > SKIM_ROOM - out->size)
            break;
        if (raw[0] != like[0] || raw[1] != like[1] || memcmp(raw + 4, like + 4, 12) != 0 ||
            memcmp(raw + start, like + 16, like_size - 16) != 0)
            break;
        uint32_t sum = (uint32_t)record[4] << 24 | (uint32_t)record[5] << 16 | (uint32_t)record[6] << 8 | record[7];
        if (fp_sum(fp_sum(0, record, 4), record + 8, length) != sum)
            break;
        int64_t at_ns = 0;
        for (int byte = 10; byte < FRAMED; byte++)
            at_ns = (int64_t)((uint64_t)at_ns << 8 | record[byte]);
        if (at_ns > out->newest_ns)
            out->newest_ns = at_ns;
        memcpy(out->data + out->size, raw + head, body);
        out->size += body;
        out->end += 8 + length;
        out->sequence++;
        packets++;
    }
    return packets;
}
