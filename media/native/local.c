/* Which of this machine's addresses a datagram was written to, and the answer from there: a socket that binds them all
 * would answer from the one that the route prefers, and a browser takes no answer from elsewhere (RFC 8445 7.2.5.2.1).
 * A name is the other end's address, and behind it, from PEER on, ours as an IPv6 address; zeros where the socket has
 * but one. Linux tells it by IP_PKTINFO (ip(7)) and IPV6_PKTINFO (RFC 3542 6.2), if it was asked to. */
#define _GNU_SOURCE
#include "fastpath.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}; /* RFC 4291 2.5.5.2 */
static const uint8_t none[NAME - PEER];

/* Complete the name of a datagram that has come. */
void fp_note_local(struct msghdr *head, uint8_t *name) {
    for (struct cmsghdr *each = CMSG_FIRSTHDR(head); each; each = CMSG_NXTHDR(head, each)) {
        if (each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo found;
            memcpy(&found, CMSG_DATA(each), sizeof found);
            memcpy(name + PEER, mapped, sizeof mapped);
            memcpy(name + PEER + sizeof mapped, &found.ipi_spec_dst, 4);
        } else if (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo found;
            memcpy(&found, CMSG_DATA(each), sizeof found);
            memcpy(name + PEER, &found.ipi6_addr, 16);
        }
    }
}

/* Address a datagram that is to leave: `head` has this name for its address, and this room for what goes with it. */
void fp_send_from(struct msghdr *head, const uint8_t *name, uint64_t *room) {
    sa_family_t family;
    memcpy(&family, name, sizeof family);
    head->msg_namelen = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    head->msg_control = NULL;
    head->msg_controllen = 0;
    if (memcmp(name + PEER, none, sizeof none) == 0)
        return;
    head->msg_control = room;
    memset(room, 0, SAID);
    struct cmsghdr *said = (struct cmsghdr *)room;
    if (family == AF_INET) {
        struct in_pktinfo from = {0};
        memcpy(&from.ipi_spec_dst, name + PEER + sizeof mapped, 4);
        head->msg_controllen = CMSG_SPACE(sizeof from);
        *said = (struct cmsghdr){.cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO, .cmsg_len = CMSG_LEN(sizeof from)};
        memcpy(CMSG_DATA(said), &from, sizeof from);
    } else {
        struct in6_pktinfo from = {0};
        memcpy(&from.ipi6_addr, name + PEER, 16);
        head->msg_controllen = CMSG_SPACE(sizeof from);
        *said = (struct cmsghdr){.cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO, .cmsg_len = CMSG_LEN(sizeof from)};
        memcpy(CMSG_DATA(said), &from, sizeof from);
    }
}
