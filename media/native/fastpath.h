/* What the compiled code keeps. Python reads this very file (media/compiled.py): plain declarations only.
 *
 * A port is one UDP socket. It has lanes, one for each connection; a lane has streams, if somebody publishes on it, and
 * is what the targets of other lanes' streams point to, if somebody views on it.
 */
#ifndef FASTPATH_H
#define FASTPATH_H
#include <stdint.h>

#define ENTRIES 256      /* told to Python at once, at most */
#define ROOM 1600        /* a datagram and what SRTP adds */
#define PACKET_MAX 1500  /* as rtp.PACKET_MAX */
#define NAME 44          /* an address, and behind it ours that it wrote to (local.c) */
#define PEER 28          /* sockaddr_in6, the longest address */
#define SAID 64          /* what the system says with a datagram, and is told */
#define BATCH 64         /* datagrams of one system call */
#define STREAMS 8        /* of one connection; a further one goes the slow path */
#define LOGGED 1024      /* arrivals of one connection: two seconds and more */
#define SPAN_MAX 400     /* as congestion._SPAN_MAX: statuses in one feedback */
#define FEEDBACK_MAX 1208 /* bytes of a feedback body: 8 + 3 * SPAN_MAX */
#define RUNS 128         /* connections that have a run at once; those of others are told packet by packet */
#define RUN_ROOM 40960   /* bytes of journal: between two ticks of 100 ms, of 3 Mbit/s */
#define BEGINNINGS 32    /* pictures and sounds of one run */
#define SYNC 0x20        /* of a VP8 descriptor (RFC 7741 4.2, Y) */
#define UPPER 14         /* bits of layers 1 to 3 */

typedef int (*srtp_step)(void *session, void *packet, int *size);

struct fp_lane;
struct fp_cache;

/* One stream to one viewer: the source's packets, their numbers and times with a shift (slot.py). */
struct fp_target {
    struct fp_lane *lane;
    int64_t sent_ns;
    uint32_t ssrc, time_shift, timestamp;
    uint16_t shift, number; /* number, timestamp, sent_ns: of the newest, if anything has begun */
    uint8_t begun, payload_type, extension_size, extension[18];
    uint64_t packets, octets;
};

enum { ALONE, SOUND, PICTURE }; /* how a stream's packets are told: one by one, or in runs, those of VP8 looked into */

/* One stream of a publisher. */
struct fp_stream {
    struct fp_target **targets;
    struct fp_cache *cache;
    uint32_t count, ssrc, timestamp; /* timestamp: of the newest packet */
    uint16_t highest;
    uint8_t payload_type, boarded, track, way, bare; /* bare: layers, as layers.synced */
};

/* What a run holds of one stream: so many packets, from this number on without a gap. */
struct fp_share {
    int64_t first_ns, last_ns;
    uint32_t ssrc;
    uint16_t first, count;
};

/* A packet with another time stamp than the one before. */
struct fp_beginning {
    int64_t arrival_ns;
    uint32_t ssrc, timestamp;
    uint16_t seq;
    uint8_t keyframe, spare[5];
};

/* What was forwarded of one connection and not yet told. */
struct fp_run {
    int64_t first_ns, last_ns;
    uint32_t size, shares, begun, ended, place; /* ended: it waits to be told; place: in fp_port.running */
    struct fp_share share[STREAMS];
    struct fp_beginning beginning[BEGINNINGS];
    uint8_t records[RUN_ROOM];
};

/* When the packets of one connection came, by their transport-wide numbers without wraps. */
struct fp_arrivals {
    int64_t newest, unreported; /* unreported: the first that the next feedback tells of */
    uint32_t newest_tick;       /* of 250 us */
    uint32_t ticks[LOGGED];
    uint8_t came[LOGGED];
    uint8_t extension, begun, pending, count; /* the header extension that carries the number; 0: none */
};

/* One connection. */
struct fp_lane {
    void *opening, *sealing; /* SRTP sessions; NULL: no keys */
    int64_t packets_left, bytes_left, packets_per_s, bytes_per_s, filled_ns; /* as limits.Allowance, of two seconds */
    uint64_t received_bytes, sent_packets, sent_bytes;
    uint32_t id, name_size; /* of the address that packets go to; 0: none, or TCP */
    uint8_t name[NAME];
    struct fp_stream streams[STREAMS];
    struct fp_run *run; /* NULL: what is forwarded is told packet by packet */
    struct fp_arrivals arrivals;
};

enum { URGENT = 1, BUSY = 2, MORE = 4 }; /* what fp_read says */
enum { DATAGRAM, FORWARDED, SLOW, CONTROL, RUN };

/* What is told to Python; the header's fields as rtp.Packet has them. */
struct fp_entry {
    int64_t arrival_ns;
    uint32_t lane, timestamp, ssrc;
    uint16_t size, seq, body_at, payload_bytes, profile, extension_at, extension_end;
    uint8_t first, marker_type, kind, spare[3];
};

/* One socket. */
struct fp_port {
    int32_t fd;
    uint32_t count, urgent;    /* entries; whether one of them does not wait */
    uint64_t refused;          /* received and not used */
    struct fp_entry entries[ENTRIES];
    uint8_t names[ENTRIES][NAME];
    uint8_t data[ENTRIES][ROOM];
    srtp_step open_rtp, open_rtcp, seal_rtp;
    uint32_t routes; /* addresses known */
    int64_t counted_ns; /* since when `counted` datagrams came */
    uint32_t counted, busy;
    uint32_t runs;
    struct fp_lane *running[RUNS]; /* whose runs have begun */
    struct fp_mail *mail;
    struct fp_out *out;
};

/* fastpath.c */
struct fp_port *fp_new(int fd, void *open_rtp, void *open_rtcp, void *seal_rtp);
void fp_free(struct fp_port *port);
int fp_read(struct fp_port *port, int64_t now_ns);
void fp_settled(struct fp_port *port);
void fp_take(struct fp_port *port, struct fp_lane *lane, const uint8_t *data, int size, int64_t now_ns);
int fp_route(struct fp_port *port, const uint8_t *name, struct fp_lane *lane);

/* departure.c */
struct fp_out *fp_out_new(int fd);
uint8_t *fp_vacant(struct fp_port *port);
void fp_queue(struct fp_port *port, int size, const uint8_t *name, uint32_t name_size);
void fp_post(struct fp_port *port, const uint8_t *data, int size, const uint8_t *name, int name_size);
void fp_flush(struct fp_port *port);

/* local.c */
struct msghdr;
void fp_note_local(struct msghdr *head, uint8_t *name);
void fp_send_from(struct msghdr *head, const uint8_t *name, uint64_t *room);

/* packet.c */
int fp_header(const uint8_t *raw, int size, struct fp_entry *out);
int fp_transport_number(const uint8_t *raw, const struct fp_entry *head, uint8_t wanted);

int fp_starts_keyframe(const uint8_t *body, int size);
int fp_sync(uint8_t *body, int size, uint8_t *bare);

/* account.c */
void fp_sums(void);
int fp_note(struct fp_port *port, struct fp_lane *lane, struct fp_stream *stream, const uint8_t *raw,
            const struct fp_entry *head);
void fp_end_run(struct fp_port *port, struct fp_lane *lane);
void fp_end_runs(struct fp_port *port);
void fp_run_told(struct fp_run *run);
void fp_forget_run(struct fp_port *port, struct fp_lane *lane);

/* cache.c */
struct fp_cache *fp_cache_new(void);
void fp_cache_free(struct fp_cache *cache);
void fp_keep_for(struct fp_cache *cache, int64_t enough_ns);
void fp_keep(struct fp_cache *cache, const uint8_t *raw, int size, int64_t now_ns);
const uint8_t *fp_kept(const struct fp_cache *cache, uint16_t seq, int *size);

/* feedback.c */
void fp_arrived(struct fp_arrivals *log, uint16_t number, int64_t now_ns);
int fp_feedback(struct fp_arrivals *log, uint8_t *out);

#endif
