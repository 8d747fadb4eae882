/* The fast path: packets of streams that are known go from their sender to their viewers without Python.
 *
 *     datagrams ──► from a known address, SRTP, authentic ──► of a boarded stream, newer than all before ──► its viewers
 *                       │ no                                      │ no                                         │
 *                       ▼                                         ▼                                            ▼
 *     entries:      as it came                                opened                              opened, "forwarded"
 *
 * What is forwarded is decided by Python beforehand: which addresses are known (routes), which streams of a connection
 * (lane) are boarded, and for whom. What came is told to Python afterwards, in order and many packets at a time: all that
 * is kept of a stream (gaps, cache, journal, reports) is kept there. Only a packet newer than all before it is forwarded
 * here, so nothing can be sent twice: repeats, late ones and leaps are Python's, which says how far it has come.
 *
 * Every length is checked before it is used, and nothing is allocated after fp_new. One thread at a time. The SRTP functions
 * are those of the library that Python uses too, given as pointers.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH 64        /* datagrams of one system call */
#define ENTRIES 256     /* told to Python at once, at most */
#define FULL 128        /* entries that do not wait any longer */
#define ROOM 1600       /* a datagram and what SRTP adds */
#define PACKET_MAX 1500 /* as rtp.PACKET_MAX */
#define NAME 28         /* sockaddr_in6, the longest address */
#define ROUTES 4096
#define STREAMS 8       /* of one connection; a further one goes the slow path */
#define AHEAD_MAX 500   /* as nack._JUMP: a larger step is a sender that began anew */
#define LOGGED 1024     /* arrivals of one connection: two seconds and more */
#define SPAN_MAX 400    /* as congestion._SPAN_MAX: statuses in one feedback */

typedef int (*srtp_step)(void *session, void *packet, int *size);

struct fp_lane;

/* One stream to one viewer. */
struct fp_target {
    struct fp_lane *lane;
    uint32_t ssrc;
    uint8_t payload_type, extension_size, extension[18];
    uint64_t packets, octets;
};

/* One stream of a publisher. */
struct fp_stream {
    struct fp_target **targets;
    uint32_t count, ssrc;
    uint16_t highest;
    uint8_t payload_type, boarded;
};

/* When the packets of one connection came, by their transport-wide numbers without wraps. */
struct fp_arrivals {
    int64_t newest, unreported; /* unreported: the first that the next feedback tells of */
    uint32_t ticks[LOGGED];     /* of 250 us */
    uint8_t came[LOGGED];
    uint8_t extension, begun, pending, count; /* the header extension that carries the number; 0: none */
};

/* One connection. */
struct fp_lane {
    void *opening, *sealing; /* SRTP sessions; NULL: no keys */
    int64_t packets_left, bytes_left;
    uint64_t received_bytes, sent_packets, sent_bytes;
    uint32_t id, name_size; /* of the address that packets go to; 0: none, or TCP */
    uint8_t name[NAME];
    struct fp_stream streams[STREAMS];
    struct fp_arrivals arrivals;
};

enum { DATAGRAM, FORWARDED, SLOW, CONTROL };

/* What is told to Python; the header's fields as rtp.Packet has them. */
struct fp_entry {
    int64_t arrival_ns;
    uint32_t lane, timestamp, ssrc;
    uint16_t size, seq, body_at, payload_bytes, profile, extension_at, extension_end;
    uint8_t first, marker_type, kind, spare[3];
};

struct fp_route {
    uint8_t name[NAME];
    struct fp_lane *lane;
};

struct fp_port {
    int32_t fd;
    uint32_t count;   /* entries */
    uint32_t urgent;  /* one of them does not wait */
    uint32_t leaving; /* packets to be sent */
    uint32_t routes;
    uint64_t refused, dropped; /* received and not used; not taken by the system */
    struct fp_entry entries[ENTRIES];
    uint8_t names[ENTRIES][NAME];
    uint8_t data[ENTRIES][ROOM];
    srtp_step open_rtp, open_rtcp, seal_rtp;
    struct fp_route route[ROUTES];
    struct {
        uint8_t name[BATCH][NAME], data[BATCH][ROOM];
        struct mmsghdr headers[BATCH];
        struct iovec pieces[BATCH];
    } in, out;
};

struct fp_port *fp_new(int fd, void *open_rtp, void *open_rtcp, void *seal_rtp) {
    struct fp_port *port = calloc(1, sizeof *port);
    if (!port)
        return NULL;
    port->fd = fd;
    port->open_rtp = (srtp_step)open_rtp;
    port->open_rtcp = (srtp_step)open_rtcp;
    port->seal_rtp = (srtp_step)seal_rtp;
    for (int i = 0; i < BATCH; i++) {
        port->in.pieces[i] = (struct iovec){port->in.data[i], ROOM};
        port->out.pieces[i].iov_base = port->out.data[i];
        port->in.headers[i].msg_hdr = (struct msghdr){.msg_name = port->in.name[i], .msg_iov = &port->in.pieces[i], .msg_iovlen = 1};
        port->out.headers[i].msg_hdr = (struct msghdr){.msg_name = port->out.name[i], .msg_iov = &port->out.pieces[i], .msg_iovlen = 1};
    }
    return port;
}

void fp_free(struct fp_port *port) { free(port); }

/* --- reading a header --------------------------------------------------------------------------------------------- */

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
static int transport_number(const uint8_t *raw, const struct fp_entry *head, uint8_t wanted) {
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

/* The same for a packet that is not yet read, for tests. */
int fp_transport_number(const uint8_t *raw, int size, int wanted) {
    struct fp_entry head = {0};
    return fp_header(raw, size, &head) == 0 ? transport_number(raw, &head, (uint8_t)wanted) : -1;
}

/* --- congestion feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01), as congestion.ArrivalLog ------------- */

/* The packet with this number came. */
void fp_arrived(struct fp_arrivals *log, uint16_t number, int64_t now_ns) {
    if (!log->begun) {
        log->begun = 1;
        log->newest = 0x10000 + (int64_t)number - 1;
        log->unreported = log->newest + 1;
    }
    int64_t index = log->newest + (int16_t)(number - (uint16_t)log->newest);
    if (index <= log->newest - LOGGED)
        return;
    for (int64_t step = 0; log->newest < index; step++) {
        if (step == LOGGED) {
            log->newest = index;
            break;
        }
        log->came[++log->newest % LOGGED] = 0;
    }
    if (log->came[index % LOGGED])
        return;
    log->came[index % LOGGED] = 1;
    log->ticks[index % LOGGED] = (uint32_t)(now_ns / 250000);
    log->pending = 1;
    if (index < log->unreported)
        log->unreported = index;
}

static uint8_t *put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

/* The next feedback body, at most 8 + 3 * SPAN_MAX bytes; its size, 0 when all has been told. */
int fp_feedback(struct fp_arrivals *log, uint8_t *out) {
    uint8_t symbols[SPAN_MAX], deltas[2 * SPAN_MAX], *delta = deltas, *at = out + 8;
    int64_t start = log->unreported, oldest = log->newest - LOGGED + 1;
    int count = 0;
    if (!log->pending)
        return 0;
    if (start < oldest)
        start = oldest; /* after a long silence the lost ones are news to nobody */
    int64_t first = start;
    while (first < log->newest && !log->came[first % LOGGED])
        first++;
    if (first - start >= SPAN_MAX) /* it may begin with lost packets, but must hold one that came */
        start = first;
    uint32_t reference = log->ticks[first % LOGGED] >> 8, previous = reference << 8;
    for (int64_t index = start; index <= log->newest && count < SPAN_MAX; index++, count++) {
        if (!log->came[index % LOGGED]) {
            symbols[count] = 0;
            continue;
        }
        int32_t step = (int32_t)(log->ticks[index % LOGGED] - previous);
        if (step < -0x8000 || step > 0x7FFF)
            break; /* more than 8 s apart: the next feedback has a reference of its own */
        previous += (uint32_t)step;
        symbols[count] = step >= 0 && step <= 255 ? 1 : 2;
        if (symbols[count] == 2)
            *delta++ = (uint8_t)(step >> 8);
        *delta++ = (uint8_t)step;
    }
    put16(put16(out, (uint32_t)start), (uint32_t)count);
    out[4] = (uint8_t)(reference >> 16);
    put16(out + 5, reference);
    out[7] = log->count++;
    for (int i = 0; i < count;) { /* runs where they are longer than a vector of seven */
        int run = 1;
        while (i + run < count && symbols[i + run] == symbols[i])
            run++;
        if (run > 7 || i + run == count) {
            at = put16(at, (uint32_t)(symbols[i] << 13 | run));
            i += run;
            continue;
        }
        uint32_t word = 0xC000;
        for (int place = 0; place < 7 && i < count; place++, i++)
            word |= (uint32_t)symbols[i] << (12 - 2 * place);
        at = put16(at, word);
    }
    memcpy(at, deltas, (size_t)(delta - deltas));
    log->unreported = start + count;
    if (log->unreported > log->newest)
        log->pending = 0;
    return (int)(at - out) + (int)(delta - deltas);
}

/* --- sending ------------------------------------------------------------------------------------------------------ */

/* Send what is queued. A packet that the system refuses is dropped, as a network would: whoever misses it asks again. */
void fp_flush(struct fp_port *port) {
    uint32_t sent = 0;
    while (sent < port->leaving) {
        int done = sendmmsg(port->fd, port->out.headers + sent, port->leaving - sent, MSG_DONTWAIT);
        if (done > 0) {
            sent += (uint32_t)done;
        } else if (errno != EINTR) {
            sent++;
            port->dropped++;
        }
    }
    port->leaving = 0;
}

/* Room for one more packet. */
static uint8_t *vacant(struct fp_port *port) {
    if (port->leaving == BATCH)
        fp_flush(port);
    return port->out.data[port->leaving];
}

static void queue(struct fp_port *port, int size, const uint8_t *name, uint32_t name_size) {
    memcpy(port->out.name[port->leaving], name, name_size);
    port->out.pieces[port->leaving].iov_len = (size_t)size;
    port->out.headers[port->leaving].msg_hdr.msg_namelen = name_size;
    port->leaving++;
}

/* Queue one datagram as it is. */
void fp_post(struct fp_port *port, const uint8_t *data, int size, const uint8_t *name, int name_size) {
    if (size < 0 || size > ROOM || name_size <= 0 || name_size > NAME)
        return;
    memcpy(vacant(port), data, (size_t)size);
    queue(port, size, name, (uint32_t)name_size);
}

/* Give a packet to all viewers, each with a header of its own as rtp.readdress makes it. 0, and it is sent to nobody, when
 * one of them cannot be reached from here. */
static int forward(struct fp_port *port, const uint8_t *raw, const struct fp_entry *head, const struct fp_stream *stream) {
    int body = head->size - head->body_at;
    for (uint32_t i = 0; i < stream->count; i++) {
        const struct fp_lane *lane = stream->targets[i]->lane;
        if (!lane->sealing || !lane->name_size)
            return 0;
    }
    for (uint32_t i = 0; i < stream->count; i++) {
        struct fp_target *target = stream->targets[i];
        struct fp_lane *lane = target->lane;
        int size = 12 + target->extension_size + body;
        if (size > PACKET_MAX)
            continue;
        uint8_t *out = vacant(port);
        uint32_t ssrc = htonl(target->ssrc);
        out[0] = (uint8_t)(0x90 | (raw[0] & 0x20));
        out[1] = (uint8_t)((raw[1] & 0x80) | target->payload_type);
        memcpy(out + 2, raw + 2, 6);
        memcpy(out + 8, &ssrc, 4);
        memcpy(out + 12, target->extension, target->extension_size);
        memcpy(out + 12 + target->extension_size, raw + head->body_at, (size_t)body);
        int sealed = size;
        if (port->seal_rtp(lane->sealing, out, &sealed) != 0)
            continue;
        queue(port, sealed, lane->name, lane->name_size);
        lane->sent_packets++;
        lane->sent_bytes += (uint64_t)size;
        target->packets++;
        target->octets += head->payload_bytes;
    }
    return 1;
}

/* --- receiving ---------------------------------------------------------------------------------------------------- */

/* The entry `head` with these bytes; the caller has seen that there is room. */
static void tell(struct fp_port *port, struct fp_entry *head, const uint8_t *data, int size, const uint8_t *name) {
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

/* What looks like SRTP or SRTCP on a connection; it is opened where it lies. As peer.Peer.srtp. */
static void take(struct fp_port *port, struct fp_lane *lane, uint8_t *data, int size, int64_t now_ns) {
    struct fp_entry head = {.arrival_ns = now_ns, .lane = lane->id};
    uint64_t received = (uint64_t)size;
    if (!lane->opening || size < 12)
        return;
    if (lane->packets_left <= 0 || lane->bytes_left < size) {
        port->refused++;
        return;
    }
    if (port->count == ENTRIES) { /* before it is opened: it may come again */
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
        tell(port, &head, data, size, NULL);
        return;
    }
    lane->received_bytes += received;
    if (fp_header(data, size, &head) != 0)
        return;
    if (lane->arrivals.extension) {
        int number = transport_number(data, &head, lane->arrivals.extension);
        if (number >= 0)
            fp_arrived(&lane->arrivals, (uint16_t)number, now_ns);
    }
    head.kind = SLOW;
    struct fp_stream *stream = stream_of(lane, head.ssrc);
    if (stream && (head.marker_type & 0x7f) == stream->payload_type) {
        uint16_t ahead = (uint16_t)(head.seq - stream->highest);
        if (ahead != 0 && ahead <= AHEAD_MAX && forward(port, data, &head, stream)) {
            stream->highest = head.seq;
            head.kind = FORWARDED;
            if (ahead > 1)
                port->urgent = 1; /* what is missing is asked for in time */
        }
    }
    tell(port, &head, data, size, NULL);
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
    const struct fp_route *found = bsearch(name, port->route, port->routes, sizeof *found, by_name);
    return found ? found->lane : NULL;
}

/* Receive what is there, at most 64 datagrams; forward, and send. 0: nothing to tell, 1: it may wait, 2: tell it now. */
int fp_read(struct fp_port *port, int64_t now_ns) {
    unsigned room = ENTRIES - port->count < BATCH ? ENTRIES - port->count : BATCH;
    memset(port->in.name, 0, sizeof port->in.name);
    for (unsigned i = 0; i < room; i++)
        port->in.headers[i].msg_hdr.msg_namelen = NAME;
    int count = recvmmsg(port->fd, port->in.headers, room, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        uint8_t *data = port->in.data[i], *name = port->in.name[i];
        int size = (int)port->in.headers[i].msg_len;
        if (size == 0 || size > PACKET_MAX) {
            port->refused++;
            continue;
        }
        struct fp_lane *lane = data[0] >> 6 == 2 ? lane_at(port, name) : NULL; /* RFC 7983: 128 to 191 */
        if (lane) {
            take(port, lane, data, size, now_ns);
        } else {
            struct fp_entry head = {.arrival_ns = now_ns, .kind = DATAGRAM};
            tell(port, &head, data, size, name);
        }
    }
    fp_flush(port);
    return port->count == 0 ? 0 : port->urgent || port->count >= FULL ? 2 : 1;
}

/* All entries have been dealt with. */
void fp_settled(struct fp_port *port) { port->count = port->urgent = 0; }

/* --- who is known ------------------------------------------------------------------------------------------------- */

/* From now on SRTP from this address (NAME bytes, zeros behind) is this connection's; NULL: nobody's. -1: no room. */
int fp_route(struct fp_port *port, const uint8_t *name, struct fp_lane *lane) {
    uint32_t at = 0;
    int differs = 1;
    while (at < port->routes && (differs = memcmp(port->route[at].name, name, NAME)) < 0)
        at++;
    if (at == port->routes)
        differs = 1;
    struct fp_route *place = &port->route[at];
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
