/* Packets on their way out: gathered, and handed to the system together.
 *
 * Those of one picture to one viewer mostly have one size. They leave as one message, which the kernel cuts at its last
 * step, or the network card does (UDP_SEGMENT, udp(7), Linux 4.18): most of what sending costs is the way there. Packets
 * to one address never overtake each other.
 */
#define _GNU_SOURCE
#include "fastpath.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MESSAGE_MAX 65000 /* bytes cut into packets: an IP datagram's 65,535 less its headers */

struct fp_out {
    uint32_t count;
    int cuts; /* whether the system can */
    uint16_t size[BATCH];
    uint8_t name[BATCH][NAME], data[BATCH][ROOM];
    struct mmsghdr messages[BATCH];
    struct iovec pieces[BATCH];
    uint64_t said[BATCH][SAID / 8];
};

struct fp_out *fp_out_new(int fd) {
    struct fp_out *out = calloc(1, sizeof *out);
    int size;
    socklen_t room = sizeof size;
    if (out)
        out->cuts = getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, &room) == 0;
    return out;
}

/* Room for one more packet. */
uint8_t *fp_vacant(struct fp_port *port) {
    if (port->out->count == BATCH)
        fp_flush(port);
    return port->out->data[port->out->count];
}

/* What was written there is a packet to this address. */
void fp_queue(struct fp_port *port, int size, const uint8_t *name, uint32_t name_size) {
    struct fp_out *out = port->out;
    memset(out->name[out->count], 0, NAME);
    memcpy(out->name[out->count], name, name_size);
    out->size[out->count++] = (uint16_t)size;
}

/* Queue one datagram as it is. */
void fp_post(struct fp_port *port, const uint8_t *data, int size, const uint8_t *name, int name_size) {
    if (size <= 0 || size > ROOM || name_size <= 0 || name_size > NAME)
        return;
    memcpy(fp_vacant(port), data, (size_t)size);
    fp_queue(port, size, name, (uint32_t)name_size);
}

/* Have the system cut what leaves into packets of this size; said behind where it leaves from. */
static void cut(struct msghdr *head, uint16_t size, uint64_t *room) {
    struct cmsghdr *said = (struct cmsghdr *)((uint8_t *)room + head->msg_controllen);
    *said = (struct cmsghdr){.cmsg_level = IPPROTO_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(sizeof size)};
    memcpy(CMSG_DATA(said), &size, sizeof size);
    head->msg_control = room;
    head->msg_controllen += CMSG_SPACE(sizeof size);
}

/* Take that back; 0 where it was not said. */
static int uncut(struct msghdr *head) {
    if (head->msg_iovlen < 2)
        return 0;
    head->msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
    if (!head->msg_controllen)
        head->msg_control = NULL;
    return 1;
}

/* Make messages of the packets: of those to one address as many as have the size of the first, and a shorter last one.
 * How many messages. */
static uint32_t arrange(struct fp_out *out) {
    uint8_t taken[BATCH] = {0};
    uint32_t messages = 0, used = 0;
    for (uint32_t i = 0; i < out->count; i++) {
        if (taken[i])
            continue;
        struct msghdr *head = &out->messages[messages].msg_hdr;
        uint32_t first = used;
        out->pieces[used++] = (struct iovec){out->data[i], out->size[i]};
        for (uint32_t j = i + 1; out->cuts && j < out->count; j++) {
            if (taken[j] || memcmp(out->name[i], out->name[j], NAME) != 0)
                continue;
            if (out->size[j] > out->size[i] || (used - first + 1) * out->size[i] > MESSAGE_MAX)
                break;
            taken[j] = 1;
            out->pieces[used++] = (struct iovec){out->data[j], out->size[j]};
            if (out->size[j] < out->size[i])
                break;
        }
        head->msg_name = out->name[i];
        head->msg_iov = &out->pieces[first];
        head->msg_iovlen = used - first;
        fp_send_from(head, out->name[i], out->said[messages]);
        if (used - first > 1)
            cut(head, out->size[i], out->said[messages]);
        messages++;
    }
    return messages;
}

/* A message that the system does not cut for this address: its way is too narrow, or the card cannot sum. */
static void send_uncut(int fd, struct msghdr *head) {
    struct iovec *piece = head->msg_iov;
    size_t count = head->msg_iovlen;
    head->msg_iovlen = 1;
    for (size_t i = 0; i < count; i++) {
        head->msg_iov = piece + i;
        sendmsg(fd, head, MSG_DONTWAIT);
    }
}

/* Send what is queued. What the system refuses is dropped, as by a network: whoever misses it asks again. */
void fp_flush(struct fp_port *port) {
    struct fp_out *out = port->out;
    uint32_t sent = 0, messages = arrange(out);
    while (sent < messages) {
        int done = sendmmsg(port->fd, out->messages + sent, messages - sent, MSG_DONTWAIT);
        if (done > 0) {
            sent += (uint32_t)done;
        } else if (errno != EINTR) {
            if (errno != EAGAIN && uncut(&out->messages[sent].msg_hdr))
                send_uncut(port->fd, &out->messages[sent].msg_hdr);
            sent++;
        }
    }
    out->count = 0;
}
