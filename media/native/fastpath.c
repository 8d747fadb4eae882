/* The fast path: packets of streams that are known go from their sender to their viewers without Python.
 *
 *     datagram --> SRTP, known address, authentic --> boarded stream, newer than all before --> its viewers
 *                      | no                                | no                                      |
 *                      v                                   v                                         v
 *     told:        as it came                            opened                             next to the one before?
 *                                                                                       no: opened    yes: in a run
 *
 * What is forwarded is decided by Python beforehand: which addresses are known (routes), which streams of a connection
 * (lane) are boarded, and for whom. What came is told to Python afterwards, in each connection's order: strangers, slow
 * ones and gaps at once, the others in runs (account.c) when Python asks for them. Only a packet newer than all before
 * it is forwarded here, so nothing can be sent twice: repeats, late ones and leaps are Python's, which says how far it
 * came. What was forwarded may be asked for again (cache.c).
 *
 * Every length is checked before it is used. While packets pass nothing is allocated but the chunks of what may be asked
 * for again. One thread at a time. The SRTP functions are those of the library that Python uses too, given as pointers.
 */
#define _GNU_SOURCE
#include "fastpath.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FULL 128      /* entries that do not wait any longer */
#define ROUTES 4096
#define BUSY_PER_S 3000 /* datagrams: those of ten cameras */
#define FILL_NS 50000000
#define COUNTED_NS 100000000
#define AHEAD_MAX 500 /* as nack.JUMP: a larger step is a sender that began anew */
#define CHECKS_PER_S 2000 /* STUN from unknown addresses, all together: twenty phones that try every way they have */
#define TRICKLE_PER_S 150 /* SRTP from there, as socket._TRICKLE_RATE */

struct fp_route {
    uint8_t name[NAME];
    struct fp_lane *lane;
};

struct batch {
    uint8_t name[BATCH][NAME], data[BATCH][ROOM];
    struct mmsghdr headers[BATCH];
    struct iovec pieces[BATCH];
    uint64_t control[BATCH][SAID / 8];
};

/* What strangers may have Python look at. Begins full. */
struct allowance {
    int64_t filled_ns, used_ns; /* each use costs 1 s divided by the rate, of at most one second */
};

struct fp_mail {
    struct batch in;
    struct allowance checks, trickle;
    struct fp_route route[ROUTES];
};

static void prepare(struct batch *batch) {
    for (int i = 0; i < BATCH; i++) {
        struct msghdr *head = &batch->headers[i].msg_hdr;
        batch->pieces[i] = (struct iovec){batch->data[i], ROOM};
        head->msg_name = batch->name[i];
        head->msg_iov = &batch->pieces[i];
        head->msg_iovlen = 1;
    }
}

struct fp_port *fp_new(int fd, void *open_rtp, void *open_rtcp, void *seal_rtp) {
    struct fp_port *port = calloc(1, sizeof *port);
    if (port)
        port->mail = calloc(1, sizeof *port->mail);
    if (port)
        port->out = fp_out_new(fd);
    if (!port || !port->mail || !port->out) {
        fp_free(port);
        return NULL;
    }
    fp_sums();
    port->fd = fd;
    port->open_rtp = (srtp_step)open_rtp;
    port->open_rtcp = (srtp_step)open_rtcp;
    port->seal_rtp = (srtp_step)seal_rtp;
    prepare(&port->mail->in);
    return port;
}

void fp_free(struct fp_port *port) {
    if (port) {
        free(port->mail);
        free(port->out);
    }
    free(port);
}

/* --- forwarding --------------------------------------------------------------------------------------------------- */

/* Give a packet to all viewers, each with a header of its own as rtp.readdress makes it. 0, and it is sent to nobody,
 * when one of them cannot be reached from here, or its numbers would leap. */
static int forward(struct fp_port *port, const uint8_t *raw, const struct fp_entry *head,
                   const struct fp_stream *stream) {
    int body = head->size - head->body_at;
    for (uint32_t i = 0; i < stream->count; i++) {
        const struct fp_target *target = stream->targets[i];
        if (!target->lane->sealing || !target->lane->name_size)
            return 0;
        if (target->begun && (uint16_t)(head->seq + target->shift - target->number - 1) >= AHEAD_MAX)
            return 0;
    }
    for (uint32_t i = 0; i < stream->count; i++) {
        struct fp_target *target = stream->targets[i];
        struct fp_lane *lane = target->lane;
        int size = 12 + target->extension_size + body;
        if (size > PACKET_MAX)
            continue;
        uint8_t *out = fp_vacant(port);
        uint32_t ssrc = htonl(target->ssrc), timestamp;
        uint16_t number;
        out[0] = (uint8_t)(0x90 | (raw[0] & 0x20));
        out[1] = (uint8_t)((raw[1] & 0x80) | target->payload_type);
        target->number = (uint16_t)(head->seq + target->shift);
        target->timestamp = head->timestamp + target->time_shift;
        target->sent_ns = head->arrival_ns;
        target->begun = 1;
        number = htons(target->number);
        timestamp = htonl(target->timestamp);
        memcpy(out + 2, &number, 2);
        memcpy(out + 4, &timestamp, 4);
        memcpy(out + 8, &ssrc, 4);
        memcpy(out + 12, target->extension, target->extension_size);
        memcpy(out + 12 + target->extension_size, raw + head->body_at, (size_t)body);
        int sealed = size;
        if (port->seal_rtp(lane->sealing, out, &sealed) != 0)
            continue;
        fp_queue(port, sealed, lane->name, lane->name_size);
        lane->sent_packets++;
        lane->sent_bytes += (uint64_t)size;
        target->packets++;
        target->octets += head->payload_bytes;
    }
    return 1;
}

/* Forward a packet and keep it for whoever misses it, marked as layers.synced says; it is recorded as it came. As
 * forward. */
static int pass(struct fp_port *port, struct fp_stream *stream, uint8_t *raw, const struct fp_entry *head) {
    uint8_t *body = raw + head->body_at, bare = stream->bare;
    int marked = stream->way == PICTURE ? fp_sync(body, head->size - head->body_at, &bare) : 0;
    int passed = forward(port, raw, head, stream);
    if (passed) {
        stream->bare = bare;
        fp_keep(stream->cache, raw, head->size, head->arrival_ns);
    }
    if (marked)
        body[marked - 1] &= (uint8_t)~SYNC;
    return passed;
}

/* --- receiving ---------------------------------------------------------------------------------------------------- */

/* The entry `head` with these bytes, behind all that came of its lane; the caller has seen that there is room for two. */
static void tell(struct fp_port *port, struct fp_lane *lane, struct fp_entry *head, const uint8_t *data, int size,
                 const uint8_t *name) {
    if (lane)
        fp_end_run(port, lane);
    head->size = (uint16_t)size;
    memcpy(port->data[port->count], data, (size_t)size);
    if (name)
        memcpy(port->names[port->count], name, NAME);
    port->entries[port->count++] = *head;
    if (head->kind != FORWARDED)
        port->urgent = 1;
}

static struct fp_stream *stream_of(struct fp_lane *lane, uint32_t ssrc) {
    for (int i = 0; i < STREAMS; i++)
        if (lane->streams[i].boarded && lane->streams[i].ssrc == ssrc)
            return &lane->streams[i];
    return NULL;
}

/* Grant what the time since the last call is worth. */
static void fill(struct fp_lane *lane, int64_t now_ns) {
    int64_t ns = now_ns - lane->filled_ns, second = 1000000000;
    if (ns < FILL_NS)
        return;
    lane->filled_ns = now_ns;
    if (ns > 2 * second)
        ns = 2 * second;
    lane->packets_left += ns * lane->packets_per_s / second;
    lane->bytes_left += ns * lane->bytes_per_s / second;
    if (lane->packets_left > 2 * lane->packets_per_s)
        lane->packets_left = 2 * lane->packets_per_s;
    if (lane->bytes_left > 2 * lane->bytes_per_s)
        lane->bytes_left = 2 * lane->bytes_per_s;
}

/* What looks like SRTP or SRTCP on a connection; it is opened where it lies. As peer.Peer.srtp. */
static void take(struct fp_port *port, struct fp_lane *lane, uint8_t *data, int size, int64_t now_ns) {
    struct fp_entry head = {.arrival_ns = now_ns, .lane = lane->id};
    uint64_t received = (uint64_t)size;
    if (!lane->opening || size < 12)
        return;
    fill(lane, now_ns);
    if (lane->packets_left <= 0 || lane->bytes_left < size) {
        port->refused++;
        return;
    }
    if (port->count > ENTRIES - 2) { /* before it is opened: it may come again */
        port->refused++;
        return;
    }
    lane->packets_left--;
    lane->bytes_left -= size;
    int control = data[1] >= 192 && data[1] <= 223; /* RFC 5761 4 */
    if ((control ? port->open_rtcp : port->open_rtp)(lane->opening, data, &size) != 0) {
        port->refused++;
        return;
    }
    if (control) {
        head.kind = CONTROL;
        tell(port, lane, &head, data, size, NULL);
        return;
    }
    lane->received_bytes += received;
    if (fp_header(data, size, &head) != 0)
        return;
    if (lane->arrivals.extension) {
        int number = fp_transport_number(data, &head, lane->arrivals.extension);
        if (number >= 0)
            fp_arrived(&lane->arrivals, (uint16_t)number, now_ns);
    }
    head.kind = SLOW;
    struct fp_stream *stream = stream_of(lane, head.ssrc);
    if (stream && (head.marker_type & 0x7f) == stream->payload_type) {
        uint16_t ahead = (uint16_t)(head.seq - stream->highest);
        if (ahead != 0 && ahead <= AHEAD_MAX && pass(port, stream, data, &head)) {
            stream->highest = head.seq;
            if (ahead > 1) {
                stream->timestamp = head.timestamp;
                port->urgent = 1; /* what is missing is asked for in time */
            } else if (fp_note(port, lane, stream, data, &head)) {
                return;
            }
            head.kind = FORWARDED;
        }
    }
    tell(port, lane, &head, data, size, NULL);
}

/* The same for what came another way: over TCP, or from an address that is not known yet. */
void fp_take(struct fp_port *port, struct fp_lane *lane, const uint8_t *data, int size, int64_t now_ns) {
    uint8_t copy[ROOM];
    if (size < 0 || size > PACKET_MAX)
        return;
    memcpy(copy, data, (size_t)size);
    take(port, lane, copy, size, now_ns);
}

static int by_name(const void *a, const void *b) { return memcmp(a, b, NAME); }

static struct fp_lane *lane_at(const struct fp_port *port, const uint8_t *name) {
    const struct fp_route *found = bsearch(name, port->mail->route, port->routes, sizeof *found, by_name);
    return found ? found->lane : NULL;
}

static int allowed(struct allowance *allowance, int64_t per_s, int64_t now_ns) {
    int64_t cost = 1000000000 / per_s;
    allowance->used_ns -= now_ns - allowance->filled_ns;
    allowance->filled_ns = now_ns;
    if (allowance->used_ns < 0)
        allowance->used_ns = 0;
    if (allowance->used_ns + cost > 1000000000)
        return 0;
    allowance->used_ns += cost;
    return 1;
}

/* A stranger's datagram that may be of use (RFC 7983): a check that will prove itself, within bounds, or media of
 * somebody whose address has changed. DTLS is let through from known addresses alone. */
static int of_use(struct fp_mail *mail, const uint8_t *data, int64_t now_ns) {
    if (data[0] < 4)
        return allowed(&mail->checks, CHECKS_PER_S, now_ns);
    return data[0] >> 6 == 2 && allowed(&mail->trickle, TRICKLE_PER_S, now_ns);
}

/* Whether so much comes that it is better gathered than met one by one. */
static uint32_t busy(struct fp_port *port, int count, int64_t now_ns) {
    port->counted += count > 0 ? (uint32_t)count : 0;
    if (now_ns - port->counted_ns >= COUNTED_NS) {
        port->busy = (int64_t)port->counted * 1000000000 > BUSY_PER_S * (now_ns - port->counted_ns);
        port->counted_ns = now_ns;
        port->counted = 0;
    }
    return port->busy;
}

/* Receive what is there, at most 64 datagrams; forward, and send. URGENT: something is to be told now; BUSY: the next
 * are better gathered for a moment; MORE: there may be more, now. */
int fp_read(struct fp_port *port, int64_t now_ns) {
    unsigned room = (ENTRIES - port->count) / 2 < BATCH ? (ENTRIES - port->count) / 2 : BATCH;
    memset(port->mail->in.name, 0, sizeof port->mail->in.name);
    for (unsigned i = 0; i < room; i++) {
        struct msghdr *head = &port->mail->in.headers[i].msg_hdr;
        head->msg_namelen = PEER;
        head->msg_control = port->mail->in.control[i];
        head->msg_controllen = SAID;
    }
    int count = recvmmsg(port->fd, port->mail->in.headers, room, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        uint8_t *data = port->mail->in.data[i], *name = port->mail->in.name[i];
        int size = (int)port->mail->in.headers[i].msg_len;
        if (size == 0 || size > PACKET_MAX) {
            port->refused++;
            continue;
        }
        fp_note_local(&port->mail->in.headers[i].msg_hdr, name);
        struct fp_lane *lane = lane_at(port, name);
        if (lane && data[0] >> 6 == 2) { /* RFC 7983: 128 to 191 */
            take(port, lane, data, size, now_ns);
        } else if (!lane && !of_use(port->mail, data, now_ns)) {
            port->refused++;
        } else {
            struct fp_entry head = {.arrival_ns = now_ns, .kind = DATAGRAM};
            tell(port, lane, &head, data, size, name);
        }
    }
    fp_flush(port);
    return (port->urgent || port->count >= FULL ? URGENT : 0) | (busy(port, count, now_ns) ? BUSY : 0) |
           (count == (int)room ? MORE : 0);
}

/* All entries have been dealt with. */
void fp_settled(struct fp_port *port) { port->count = port->urgent = 0; }

/* --- who is known ------------------------------------------------------------------------------------------------- */

/* From now on SRTP from this address (NAME bytes, zeros behind) is this lane's; NULL: nobody's. -1: no room. */
int fp_route(struct fp_port *port, const uint8_t *name, struct fp_lane *lane) {
    uint32_t at = 0;
    int differs = 1;
    while (at < port->routes && (differs = memcmp(port->mail->route[at].name, name, NAME)) < 0)
        at++;
    if (at == port->routes)
        differs = 1;
    struct fp_route *place = &port->mail->route[at];
    if (!lane) {
        if (differs == 0)
            memmove(place, place + 1, (--port->routes - at) * sizeof *place);
        return 0;
    }
    if (differs != 0) {
        if (port->routes == ROUTES)
            return -1;
        memmove(place + 1, place, (port->routes++ - at) * sizeof *place);
        memcpy(place->name, name, NAME);
    }
    place->lane = lane;
    return 0;
}
