/* The fast path under the sanitizers: random packets, routes, streams and viewers; SRTP is a stub that adds or takes off
 * sixteen bytes and refuses one packet in thirty. What must hold is asserted, and the sanitizers see the rest.
 * Arguments: seed, rounds. */
#include "../../../media/native/fastpath.c"
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

static uint64_t state;

static uint32_t dice(uint32_t sides) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 20) % sides;
}

static int take_off(void *session, void *packet, int *size) {
    (void)session, (void)packet;
    if (*size < 28 || dice(30) == 0)
        return 1;
    *size -= 16;
    return 0;
}

static int add(void *session, void *packet, int *size) {
    (void)session;
    if (*size > 1500)
        return 1;
    memset((uint8_t *)packet + *size, 0xee, 16);
    *size += 16;
    return 0;
}

static int random_packet(uint8_t *data) {
    int size = (int)dice(dice(4) ? 200 : PACKET_MAX + 1);
    for (int i = 0; i < size; i++)
        data[i] = (uint8_t)dice(256);
    if (size > 11 && dice(20)) { /* mostly something like RTP, of few streams and near numbers */
        data[0] = (uint8_t)(0x80 | (dice(4) ? 0 : dice(64)));
        data[1] = (uint8_t)(dice(8) ? 96 : dice(256));
        data[2] = 0;
        data[3] = (uint8_t)dice(256);
        memset(data + 8, 0, 3);
        data[11] = (uint8_t)dice(4);
    }
    return size;
}

/* As Python reads it: every record whole, every share and beginning within. How many packets it told of. */
static uint32_t read_run(struct fp_run *run) {
    uint32_t packets = 0, records = 0;
    assert(run->size && run->size <= RUN_ROOM && run->shares && run->shares <= STREAMS && run->begun <= BEGINNINGS);
    for (uint32_t i = 0; i < run->shares; i++)
        packets += run->share[i].count;
    for (uint32_t at = 0; at < run->size; records++) {
        uint32_t length = (uint32_t)(run->records[at + 2] << 8 | run->records[at + 3]);
        assert(length >= 22 && at + 8 + length <= run->size);
        at += 8 + length;
    }
    assert(records == packets);
    fp_run_told(run);
    return packets;
}

int main(int count, char **arguments) {
    assert(count == 3);
    state = strtoull(arguments[1], NULL, 10) * 2654435761u + 88172645463325252u;
    int fd = socket(AF_INET, SOCK_DGRAM, 0), other = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, there = here;
    socklen_t length = sizeof here;
    assert(fd >= 0 && other >= 0);
    assert(!bind(fd, (struct sockaddr *)&here, sizeof here) && !getsockname(fd, (struct sockaddr *)&here, &length));
    assert(!bind(other, (struct sockaddr *)&there, sizeof there) && !getsockname(other, (struct sockaddr *)&there, &length));
    int all = (int)dice(2); /* as if the socket bound all addresses, or but one */
    assert(!setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &all, sizeof all));
    struct fp_port *port = fp_new(fd, (void *)take_off, (void *)take_off, (void *)add);
    static struct fp_run runs[8];
    struct fp_lane lanes[8];
    struct fp_target targets[16], *lists[16][16];
    uint8_t name[NAME] = {0}, data[ROOM];
    uint64_t forwarded = 0, told = 0;
    memset(lanes, 0, sizeof lanes);
    memset(targets, 0, sizeof targets);
    for (int i = 0; i < 8; i++) {
        lanes[i].packets_per_s = 3000;
        lanes[i].bytes_per_s = 1000000;
        for (int place = 0; place < STREAMS; place++)
            assert((lanes[i].streams[place].cache = fp_cache_new()));
    }
    memcpy(name, &there, sizeof there);
    if (all)
        memcpy(name + PEER, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16); /* ::ffff:127.0.0.1 */
    for (long round = strtol(arguments[2], NULL, 10); round > 0; round--) {
        struct fp_lane *lane = &lanes[dice(8)];
        uint32_t list = dice(16);
        switch (dice(24)) {
        case 0: /* a connection comes or goes */
            lane->id = dice(100);
            lane->opening = dice(4) ? lane : NULL;
            lane->sealing = dice(4) ? lane : NULL;
            lane->name_size = dice(6) ? sizeof there : 0;
            memcpy(lane->name, name, sizeof name);
            lane->arrivals.extension = (uint8_t)dice(16);
            fp_forget_run(port, lane);
            if (dice(4)) {
                fp_run_told(&runs[lane - lanes]);
                lane->run = &runs[lane - lanes];
            }
            break;
        case 1: /* a stream gets other viewers */
            for (uint32_t i = 0; i < 16; i++) {
                targets[i].lane = targets[i].lane && dice(2) ? targets[i].lane : &lanes[dice(8)];
                targets[i].extension_size = (uint8_t)dice(19);
                targets[i].shift = (uint16_t)dice(65536);
                targets[i].time_shift = dice(1u << 31);
                lists[list][i] = &targets[dice(16)];
            }
            struct fp_stream *stream = &lane->streams[dice(STREAMS)];
            *stream = (struct fp_stream){.targets = lists[list], .cache = stream->cache, .count = dice(17), .ssrc = dice(4)};
            stream->highest = (uint16_t)dice(256);
            stream->payload_type = 96;
            stream->boarded = dice(5) > 0;
            stream->way = (uint8_t)dice(3);
            stream->bare = (uint8_t)dice(16);
            break;
        case 2: { /* an address becomes known, or is forgotten */
            uint8_t strange[NAME] = {0};
            for (int i = 0; i < NAME; i++)
                strange[i] = (uint8_t)dice(3);
            fp_route(port, dice(2) ? name : strange, dice(3) ? lane : NULL);
            assert(port->routes <= ROUTES);
            break;
        }
        case 3:
            fp_post(port, data, (int)dice(ROOM + 1), name, (int)dice(NAME + 2));
            assert(fp_vacant(port));
            break;
        case 4:
            lane->packets_left = dice(100);
            lane->bytes_left = dice(100000);
            break;
        case 5:
        case 6: /* over the network */
            for (uint32_t i = dice(80); i > 0; i--)
                sendto(other, data, (size_t)random_packet(data), MSG_DONTWAIT, (struct sockaddr *)&here, sizeof here);
            if (fp_read(port, round * dice(3) * 1000000) & URGENT || dice(3) == 0) {
                fp_end_runs(port);
                for (uint32_t i = 0; i < port->count; i++) {
                    const struct fp_entry *entry = &port->entries[i];
                    assert(entry->size <= PACKET_MAX);
                    if (entry->kind == RUN) {
                        for (int l = 0; l < 8; l++)
                            if (lanes[l].run && lanes[l].run->ended)
                                forwarded += read_run(lanes[l].run);
                        continue;
                    }
                    assert(entry->kind == DATAGRAM || entry->kind == CONTROL || entry->body_at <= entry->size);
                    assert(entry->kind == DATAGRAM || entry->kind == CONTROL || entry->body_at + entry->payload_bytes <= entry->size);
                    assert(entry->extension_end <= entry->size);
                    forwarded += entry->kind == FORWARDED;
                }
                told += port->count;
                fp_settled(port);
            }
            while (recv(other, data, sizeof data, MSG_DONTWAIT) >= 0) {
            }
            break;
        case 8: /* packets that went the slow way are kept; somebody asks for one */
            fp_keep_for(lane->streams[dice(STREAMS)].cache, (int64_t)dice(9) * 200000000);
            fp_keep(lane->streams[dice(STREAMS)].cache, data, random_packet(data), (int64_t)dice(9) * 500000000);
            break;
        case 9: {
            uint16_t seq = (uint16_t)dice(256);
            int size = 0;
            const uint8_t *kept = fp_kept(lane->streams[dice(STREAMS)].cache, seq, &size);
            assert(!kept || (size >= 12 && size <= PACKET_MAX && kept[3] == seq && kept[size - 1] <= 255));
            break;
        }
        case 7: {
            uint8_t body[FEEDBACK_MAX];
            fp_arrived(&lane->arrivals, (uint16_t)dice(dice(9) ? 2000 : 0x10000), (int64_t)round * dice(1000000));
            while (fp_feedback(&lane->arrivals, body)) {
            }
            break;
        }
        default: { /* over TCP */
            fp_take(port, lane, data, random_packet(data), round);
            assert(port->count <= ENTRIES);
            if (dice(50) == 0) {
                for (int l = 0; l < 8; l++)
                    if (lanes[l].run && lanes[l].run->ended)
                        fp_run_told(lanes[l].run);
                fp_settled(port);
            }
        }
        }
    }
    fp_flush(port);
    fp_free(port);
    for (int i = 0; i < 8 * STREAMS; i++)
        fp_cache_free(lanes[i / STREAMS].streams[i % STREAMS].cache);
    printf("%llu told, %llu forwarded\n", (unsigned long long)told, (unsigned long long)forwarded);
    return told > 1000 && forwarded > 100 ? 0 : 2;
}
