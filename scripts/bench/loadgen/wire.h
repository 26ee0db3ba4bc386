/* What the bytes mean on each protocol: who we are, joining, messages, deliveries.
 *
 * Every message ends in a stamp: '~' and 16 hex digits, the CLOCK_MONOTONIC nanosecond at which
 * it was (or, when paced, should have been) sent. So a delivery is known by its stamp, whatever
 * the server puts round it, and its latency is now - stamp. */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "options.h"
#include "session.h"

enum { STAMP_DIGITS = 16, STAMP_BYTES = 1 + STAMP_DIGITS };

extern const int8_t hex_value[256];

static inline uint64_t stamp_value(const char *digits)
{
    uint64_t value = 0;
    for (int i = 0; i < STAMP_DIGITS; i++)
        value = value << 4 | (uint64_t)hex_value[(uint8_t)digits[i]];
    return value;
}

/* IRC, plain and line: the text ends the line. */
static inline bool stamp_at_end(const char *line, const char *end, uint64_t *stamp)
{
    if (end - line < STAMP_BYTES || end[-STAMP_BYTES] != '~')
        return false;
    *stamp = stamp_value(end - STAMP_DIGITS);
    return true;
}

/* Native: a `said` whose text is followed by `","kind":"message"}`. */
static inline bool stamp_in_said(const char *line, const char *end, uint64_t *stamp)
{
    static const char said[] = "{\"type\":\"said\"";
    size_t size = (size_t)(end - line);
    if (size < sizeof said + STAMP_BYTES || memcmp(line, said, sizeof said - 1))
        return false;
    const char *mark = memrchr(line, '~', size);
    if (!mark || end - mark <= STAMP_BYTES || mark[STAMP_BYTES] != '"')
        return false;
    *stamp = stamp_value(mark + 1);
    return true;
}

/* Whether the line is a delivery of one message; then its stamp. */
static inline bool wire_delivery(const char *line, const char *end, uint64_t *stamp)
{
    if (options.protocol == PROTOCOL_NATIVE)
        return stamp_in_said(line, end, stamp);
    return stamp_at_end(line, end, stamp);
}

/* Says who we are; the first thing after connecting. */
void wire_greet(struct session *s);

/* Takes any line that is no single delivery. Returns how many deliveries it held: more than none
 * only for the backlog of a session that lagged. */
int64_t wire_line(struct session *s, const char *line, const char *end);

/* Queues one message to the session's room. */
void wire_put_message(struct session *s, uint64_t stamp);

#endif
