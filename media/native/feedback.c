/* Transport-wide congestion feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01) as in media/congestion.py. */
#include "fastpath.h"

#include <string.h>

#define SILENCE 2000 /* ticks, as congestion._SILENCE_TICKS */

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
    uint32_t tick = (uint32_t)(now_ns / 250000);
    if (index > log->newest) {
        if (!log->pending && tick - log->newest_tick > SILENCE)
            log->unreported = index; /* what was swallowed by a line without signal is not told as lost */
        log->newest_tick = tick;
    }
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
    log->ticks[index % LOGGED] = tick;
    log->pending = 1;
    if (index < log->unreported)
        log->unreported = index;
}

static uint8_t *put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

/* The next feedback body, at most FEEDBACK_MAX bytes; its size, 0 when all has been told. */
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
