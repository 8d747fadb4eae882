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
#define NAME 28          /* sockaddr_in6, the longest address */
#define STREAMS 8        /* of one connection; a further one goes the slow path */
#define LOGGED 1024      /* arrivals of one connection: two seconds and more */
#define SPAN_MAX 400     /* as congestion._SPAN_MAX: statuses in one feedback */
#define FEEDBACK_MAX 1208 /* bytes of a feedback body: 8 + 3 * SPAN_MAX */

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

/* One socket. */
struct fp_port {
    int32_t fd;
    uint32_t count, urgent;    /* entries; whether one of them does not wait */
    uint64_t refused;          /* received and not used */
    struct fp_entry entries[ENTRIES];
    uint8_t names[ENTRIES][NAME];
    uint8_t data[ENTRIES][ROOM];
    srtp_step open_rtp, open_rtcp, seal_rtp;
    uint32_t leaving, routes; /* packets to be sent; addresses known */
    struct fp_mail *mail;
};

/* fastpath.c */
struct fp_port *fp_new(int fd, void *open_rtp, void *open_rtcp, void *seal_rtp);
void fp_free(struct fp_port *port);
int fp_read(struct fp_port *port, int64_t now_ns);
void fp_settled(struct fp_port *port);
void fp_take(struct fp_port *port, struct fp_lane *lane, const uint8_t *data, int size, int64_t now_ns);
int fp_route(struct fp_port *port, const uint8_t *name, struct fp_lane *lane);
void fp_post(struct fp_port *port, const uint8_t *data, int size, const uint8_t *name, int name_size);
void fp_flush(struct fp_port *port);

/* packet.c */
int fp_header(const uint8_t *raw, int size, struct fp_entry *out);
int fp_transport_number(const uint8_t *raw, const struct fp_entry *head, uint8_t wanted);

/* feedback.c */
void fp_arrived(struct fp_arrivals *log, uint16_t number, int64_t now_ns);
int fp_feedback(struct fp_arrivals *log, uint8_t *out);

#endif
