#include "wire.h"

#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_ERRORS = 3 };

#define DIGIT(c) [c] = c - '0'
#define LETTER(c) [c] = c - 'a' + 10
const int8_t hex_value[256] = {
    DIGIT('0'),  DIGIT('1'),  DIGIT('2'),  DIGIT('3'),  DIGIT('4'),  DIGIT('5'),
    DIGIT('6'),  DIGIT('7'),  DIGIT('8'),  DIGIT('9'),  LETTER('a'), LETTER('b'),
    LETTER('c'), LETTER('d'), LETTER('e'), LETTER('f'),
};

static bool starts_with(const char *line, const char *end, const char *prefix)
{
    size_t size = strlen(prefix);
    return (size_t)(end - line) >= size && !memcmp(line, prefix, size);
}

static const char *find(const char *line, const char *end, const char *part)
{
    return memmem(line, (size_t)(end - line), part, strlen(part));
}

static void show(const char *what, const char *line, const char *end)
{
    static int shown;
    int size = end - line > 200 ? 200 : (int)(end - line);
    if (shown++ < SHOWN_ERRORS)
        fprintf(stderr, "loadgen: %s: %.*s\n", what, size, line);
}

/* --- IRC */

static void irc_greet(struct session *s)
{
    s->state = STATE_GREETING;
    session_send(s, "NICK n%05d\r\nUSER n%05d 0 * :bench\r\n", s->index + options.first, s->index + options.first);
}

static void irc_numeric(struct session *s, const char *line, const char *end)
{
    const char *numeric = memchr(line, ' ', (size_t)(end - line));
    if (!numeric)
        return;
    bool greeted = starts_with(numeric, end, " 376 ") || starts_with(numeric, end, " 422 ");
    if (s->state == STATE_GREETING && greeted) {
        s->state = STATE_JOINING;
        session_send(s, "JOIN #b%d\r\n", s->room + options.first);
    } else if (s->state == STATE_JOINING && starts_with(numeric, end, " 366 ")) {
        session_became_ready(s);
    } else if (starts_with(numeric, end, " 43")) {
        show("nick refused", line, end);
        session_close(s);
    }
}

static void irc_line(struct session *s, const char *line, const char *end)
{
    if (starts_with(line, end, "PING ")) {
        int size = end - line > 250 ? 250 : (int)(end - line);
        session_send(s, "PONG %.*s\r\n", size - 5, line + 5);
    } else if (starts_with(line, end, "ERROR ")) {
        show("the server said", line, end);
    } else if (s->state != STATE_READY && starts_with(line, end, ":")) {
        irc_numeric(s, line, end);
    }
}

/* --- native: JSON lines */

static void native_greet(struct session *s)
{
    char resume[256] = "";
    if (s->token[0])
        snprintf(resume, sizeof resume, ",\"resume\":{\"session\":\"%s\",\"rooms\":{\"b%d\":0}}",
                 s->token, s->room + options.first);
    s->state = STATE_GREETING;
    session_send(s, "{\"type\":\"hello\",\"id\":\"h\",\"protocol\":1,\"nick\":\"n%05d\"%s}\n", s->index + options.first,
                 resume);
}

static void native_welcome(struct session *s, const char *line, const char *end)
{
    s->resumed = find(line, end, "\"resumed\":true");
    traffic.resumed += s->resumed;
    const char *token = find(line, end, "\"session\":\"");
    if (!token)
        return;
    token += strlen("\"session\":\"");
    const char *quote = memchr(token, '"', (size_t)(end - token));
    size_t size = quote ? (size_t)(quote - token) : 0;
    if (size >= sizeof s->token)
        size = 0;
    memcpy(s->token, token, size);
    s->token[size] = 0;
}

static void native_done(struct session *s, const char *line, const char *end)
{
    if (s->state == STATE_READY) {
        traffic.acknowledged++;
    } else if (s->state == STATE_GREETING && find(line, end, "\"id\":\"h\"") && s->resumed) {
        session_became_ready(s);
    } else if (s->state == STATE_GREETING && find(line, end, "\"id\":\"h\"")) {
        s->state = STATE_JOINING;
        session_send(s, "{\"type\":\"input\",\"id\":\"j\",\"text\":\"/join b%d\"}\n", s->room + options.first);
    } else if (s->state == STATE_JOINING && find(line, end, "\"id\":\"j\"")) {
        session_became_ready(s);
    }
}

static void native_error(struct session *s, const char *line, const char *end)
{
    traffic.errors++;
    show("error", line, end);
    if (s->state != STATE_READY)
        session_close(s);
}

/* A session that lagged gets what it missed as one line. */
static int64_t native_backlog(const char *line, const char *end)
{
    int64_t found = 0;
    const char *mark = line;
    while ((mark = memchr(mark, '~', (size_t)(end - mark)))) {
        found += end - mark > STAMP_BYTES && mark[STAMP_BYTES] == '"';
        mark++;
    }
    traffic.caught_up += found;
    return found;
}

static int64_t native_line(struct session *s, const char *line, const char *end)
{
    if (starts_with(line, end, "{\"type\":\"done\""))
        native_done(s, line, end);
    else if (starts_with(line, end, "{\"type\":\"welcome\""))
        native_welcome(s, line, end);
    else if (starts_with(line, end, "{\"type\":\"error\""))
        native_error(s, line, end);
    else if (starts_with(line, end, "{\"type\":\"bye\""))
        show("the server said", line, end);
    else if (s->state == STATE_READY && starts_with(line, end, "{\"type\":\"backlog\""))
        return native_backlog(line, end);
    return 0;
}

/* --- plain: the first line is the nick */

static void plain_greet(struct session *s)
{
    s->state = STATE_JOINING;
    session_send(s, "n%05d\n/join b%d\n", s->index + options.first, s->room + options.first);
}

static void plain_line(struct session *s, const char *line, const char *end)
{
    char name[16];
    snprintf(name, sizeof name, "#b%d", s->room + options.first);
    if (s->state == STATE_JOINING && starts_with(line, end, "* ") && find(line, end, name))
        session_became_ready(s);
}

/* --- line: what the two textbook servers speak */

static void line_greet(struct session *s)
{
    s->state = STATE_JOINING;
    session_send(s, "JOIN b%d n%05d\n", s->room + options.first, s->index + options.first);
}

static void line_line(struct session *s, const char *line, const char *end)
{
    if (s->state == STATE_JOINING && starts_with(line, end, "OK"))
        session_became_ready(s);
}

/* --- any of them */

void wire_greet(struct session *s)
{
    switch (options.protocol) {
    case PROTOCOL_IRC: irc_greet(s); break;
    case PROTOCOL_NATIVE: native_greet(s); break;
    case PROTOCOL_PLAIN: plain_greet(s); break;
    case PROTOCOL_LINE: line_greet(s); break;
    }
}

int64_t wire_line(struct session *s, const char *line, const char *end)
{
    switch (options.protocol) {
    case PROTOCOL_IRC: irc_line(s, line, end); break;
    case PROTOCOL_NATIVE: return native_line(s, line, end);
    case PROTOCOL_PLAIN: plain_line(s, line, end); break;
    case PROTOCOL_LINE: line_line(s, line, end); break;
    }
    return 0;
}

static size_t put_head(const struct session *s, char *out, size_t size)
{
    switch (options.protocol) {
    case PROTOCOL_IRC: return (size_t)snprintf(out, size, "PRIVMSG #b%d :", s->room + options.first);
    case PROTOCOL_NATIVE:
        if (options.ids)
            return (size_t)snprintf(
                out, size, "{\"type\":\"input\",\"id\":\"%llu\",\"room\":\"b%d\",\"text\":\"",
                (unsigned long long)s->last_id, s->room + options.first);
        return (size_t)snprintf(out, size, "{\"type\":\"input\",\"room\":\"b%d\",\"text\":\"",
                                s->room + options.first);
    default: return 0;
    }
}

static const char *line_end(void)
{
    switch (options.protocol) {
    case PROTOCOL_IRC: return "\r\n";
    case PROTOCOL_NATIVE: return "\"}\n";
    default: return "\n";
    }
}

static void put_text(char *out, uint64_t stamp)
{
    int filler = options.payload_bytes - STAMP_BYTES;
    for (int i = 0; i < filler; i++)
        *out++ = (char)('a' + i % 26);
    *out++ = '~';
    for (int shift = 60; shift >= 0; shift -= 4)
        *out++ = "0123456789abcdef"[stamp >> shift & 15];
}

void wire_put_message(struct session *s, uint64_t stamp)
{
    enum { LONGEST_HEAD = 96 };
    size_t payload = (size_t)options.payload_bytes;
    const char *tail = line_end();
    s->last_id++;
    char *out = session_out(s, LONGEST_HEAD + payload + 4);
    char *next = out + put_head(s, out, LONGEST_HEAD);
    put_text(next, stamp);
    next += payload;
    memcpy(next, tail, strlen(tail));
    next += strlen(tail);
    s->out_size += (size_t)(next - out);
}
