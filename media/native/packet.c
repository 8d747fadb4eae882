/* RTP packets read where they lie (RFC 3550 5.1, RFC 8285), as media/rtp.py reads them. */
#include "fastpath.h"

static uint16_t be16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }
static uint32_t be32(const uint8_t *at) { return (uint32_t)be16(at) << 16 | be16(at + 2); }

/* As rtp.read: 0, or -1 for what is not an RTP packet. */
int fp_header(const uint8_t *raw, int size, struct fp_entry *out) {
    if (size < 12 || size > PACKET_MAX || raw[0] >> 6 != 2)
        return -1;
    int at = 12 + 4 * (raw[0] & 15), padding = 0;
    out->profile = out->extension_at = out->extension_end = 0;
    if (raw[0] & 0x10) {
        if (at + 4 > size)
            return -1;
        out->profile = be16(raw + at);
        out->extension_at = (uint16_t)(at + 4);
        at += 4 + 4 * be16(raw + at + 2);
        if (at > size)
            return -1;
        out->extension_end = (uint16_t)at;
    }
    if (raw[0] & 0x20) {
        padding = raw[size - 1];
        if (padding == 0)
            return -1;
    }
    if (at + padding > size)
        return -1;
    out->size = (uint16_t)size;
    out->first = raw[0];
    out->marker_type = raw[1];
    out->seq = be16(raw + 2);
    out->timestamp = be32(raw + 4);
    out->ssrc = be32(raw + 8);
    out->body_at = (uint16_t)at;
    out->payload_bytes = (uint16_t)(size - at - padding);
    return 0;
}

/* As rtp.Packet.extension, for a value of two bytes; -1: there is none. */
int fp_transport_number(const uint8_t *raw, const struct fp_entry *head, uint8_t wanted) {
    int at = head->extension_at, end = head->extension_end;
    int one_byte = head->profile == 0xBEDE, two_byte = (head->profile & 0xFFF0) == 0x1000; /* RFC 8285 4.2, 4.3 */
    while ((one_byte && at < end) || (two_byte && at + 1 < end)) {
        int name = one_byte ? raw[at] >> 4 : raw[at], size = one_byte ? (raw[at] & 15) + 1 : raw[at + 1];
        if (one_byte ? raw[at] == 0 : name == 0) { /* padding between elements */
            at++;
            continue;
        }
        if (one_byte && name == 15)
            return -1;
        at += one_byte ? 1 : 2;
        if (name == wanted)
            return size == 2 && at + 2 <= end ? be16(raw + at) : -1;
        at += size;
    }
    return -1;
}

/* As layers.starts_keyframe. */
int fp_starts_keyframe(const uint8_t *body, int size) {
    int at = 1;
    if (size < 1 || (body[0] & 0x17) != 0x10)
        return 0;
    if (body[0] & 0x80) {
        if (size < 2)
            return 0;
        at = 2;
        if (body[1] & 0x80)
            at += size > at && body[at] & 0x80 ? 2 : 1;
        at += (body[1] >> 6 & 1) + (body[1] & 0x30 ? 1 : 0);
    }
    return size > at && !(body[at] & 1);
}

/* As layers.synced, where the payload lies: which of its bytes (its first is 1) was marked, 0: none. */
int fp_sync(uint8_t *body, int size, uint8_t *bare) {
    if (size < 1 || (body[0] & 0x17) != 0x10)
        return 0;
    if (fp_starts_keyframe(body, size)) {
        *bare = UPPER;
        return 0;
    }
    if (!*bare || size < 2 || !(body[0] & 0x80) || !(body[1] & 0x20))
        return 0;
    int at = 2;
    if (body[1] & 0x80)
        at += size > at && body[at] & 0x80 ? 2 : 1;
    at += body[1] >> 6 & 1;
    if (size <= at)
        return 0;
    int layer = body[at] >> 6, needed = *bare & ((2 << layer) - 1), marked = needed && !(body[at] & SYNC);
    *bare &= (uint8_t)~(1 << layer);
    if (marked)
        body[at] |= SYNC;
    return marked ? at + 1 : 0;
}
