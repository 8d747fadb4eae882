/* Pieces of random sizes, each in room of exactly its size, hashed together; what came is for the test to judge. */
#include <stdio.h>
#include <stdlib.h>

#include "digests.c"

enum { COUNT = 24, LONGEST = 3000 };

int main(int argc, char **argv)
{
    srand(argc > 1 ? (unsigned)atoi(argv[1]) : 1);
    for (int round = 0; round < 50; round++) {
        size_t count = (size_t)rand() % COUNT, sizes[COUNT];
        uint8_t *pieces[COUNT], *sha256 = malloc(32 * count), *sm3 = malloc(32 * count);
        for (size_t n = 0; n < count; n++) {
            sizes[n] = (size_t)rand() % (rand() % 2 ? LONGEST : 130);
            pieces[n] = malloc(sizes[n]);
            for (size_t at = 0; at < sizes[n]; at++)
                pieces[n][at] = (uint8_t)rand();
        }
        dg_digest((const uint8_t *const *)pieces, sizes, count, sha256, sm3);
        for (size_t n = 0; n < count; n++) {
            for (size_t at = 0; at < sizes[n]; at++)
                printf("%02x", pieces[n][at]);
            printf(" ");
            for (int at = 0; at < 32; at++)
                printf("%02x", sha256[32 * n + (size_t)at]);
            printf(" ");
            for (int at = 0; at < 32; at++)
                printf("%02x", sm3[32 * n + (size_t)at]);
            printf("\n");
            free(pieces[n]);
        }
        free(sha256);
        free(sm3);
    }
    return 0;
}
