/* The sessions of the load generator: non-blocking sockets in one edge-triggered epoll set.
 * What their bytes mean is the business of wire.h. */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"

enum state { STATE_NEW, STATE_CONNECTING, STATE_GREETING, STATE_JOINING, STATE_READY, STATE_CLOSED };

struct session {
    int fd;
    void *tls; /* see tls.h; NULL in plain text */
    int index; /* in `sessions`; the nick is made of it */
    int room;  /* in `rooms` */
    enum state state;
    bool stalled;   /* joins, then never reads */
    bool wants_out; /* epoll watches for room in the socket */
    char *tail;     /* the partial line carried from one read to the next */
    uint32_t tail_size;
    uint32_t tail_capacity;
    char *out; /* what the socket did not take yet: out[out_sent .. out_size] */
    size_t out_size;
    size_t out_sent;
    size_t out_capacity;
    uint64_t started_ns;
    uint64_t last_id;
    char token[128]; /* native: to resume with */
    bool resumed;    /* native: the server knew the token */
};

struct room {
    int first; /* its members are sessions[first .. first + members - 1], senders first */
    int next_sender;
    int64_t expected; /* deliveries per message */
    int64_t sent;
    int64_t received;
    bool touched; /* got something since the last turn */
};

struct traffic {
    int64_t messages;
    int64_t deliveries;
    int64_t caught_up; /* of these: in a backlog, after lagging */
    int64_t acknowledged;
    int64_t resumed;
    int64_t errors;
    int64_t bytes_in;
    int64_t reads;
};

struct census {
    int all;
    int started;
    int connecting; /* between connect() and joined */
    int ready;
    int closed;
    int failed;          /* closed before they were ready */
    int lost_listeners;  /* closed by the server although they read */
    int dropped_stalled; /* closed by the server because they did not */
};

extern struct session *sessions;
extern struct room *rooms;
extern int *touched_rooms;
extern int touched_count;
extern struct traffic traffic;
extern struct census census;
extern struct histogram latency;      /* of deliveries, while `measuring` */
extern struct histogram time_to_join; /* connect() to joined */
extern bool measuring;

void sessions_create(void);
void session_start(struct session *s);

/* Room for *size* bytes of output; the caller fills them and adds to out_size. */
char *session_out(struct session *s, size_t size);
void session_flush(struct session *s);
void session_send(struct session *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void session_became_ready(struct session *s);
void session_close(struct session *s);

/* Reads what a stalled session is given now, in bytes; sets *closed when the server hung up. */
int64_t session_drain_stalled(struct session *s, bool *closed);

/* One turn of the event loop. Returns whether the timer fired. */
bool sessions_turn(int timeout_ms);

/* Wakes `sessions_turn` at that time. */
void timer_set(uint64_t at_ns);

void rooms_forget_touched(void);

#endif
