#include "session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "machine.h"
#include "options.h"
#include "tls.h"
#include "wire.h"

enum {
    READ_BYTES = 256 * 1024,
    /* In front of what is read: the partial line of the read before. A native line may have
     * 64 KiB; a member list with slack fits. */
    CARRY_BYTES = 256 * 1024,
    KEPT_TAIL_BYTES = 4096,
    MAX_OUT_BYTES = 64 << 20,
    MAX_STALLED_BYTES = 64 << 20,
    STALLED_RECEIVE_BYTES = 4096,
    EVENTS_PER_TURN = 1024,
    SHOWN_FAILURES = 3,
};
#define TIMER_MARK UINT32_MAX

struct session *sessions;
struct room *rooms;
int *touched_rooms;
int touched_count;
struct traffic traffic;
struct census census;
struct histogram latency;
struct histogram time_to_join;
bool measuring;

static int epoll_fd;
static int timer_fd;
static char read_buffer[CARRY_BYTES + READ_BYTES];

static void die(const char *what)
{
    fprintf(stderr, "loadgen: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void watch(int operation, int fd, uint32_t index, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u32 = index};
    if (epoll_ctl(epoll_fd, operation, fd, &event) && errno != ENOENT)
        die("epoll_ctl");
}

static void watch_session(struct session *s, int operation, uint32_t events)
{
    watch(operation, s->fd, (uint32_t)s->index, events);
}

/* --- setting up */

static void create_room(int index)
{
    struct room *room = &rooms[index];
    int stalled = index == 0 ? options.stalled : 0;
    room->first = index * options.members;
    room->expected = options.members - stalled - (options_echo() ? 0 : 1);
    for (int i = 0; i < options.members; i++) {
        struct session *s = &sessions[room->first + i];
        s->fd = -1;
        s->index = room->first + i;
        s->room = index;
        s->stalled = i >= options.members - stalled;
    }
}

void sessions_create(void)
{
    census.all = options.rooms * options.members;
    sessions = calloc((size_t)census.all, sizeof *sessions);
    rooms = calloc((size_t)options.rooms, sizeof *rooms);
    touched_rooms = calloc((size_t)options.rooms, sizeof *touched_rooms);
    if (!sessions || !rooms || !touched_rooms)
        die("calloc");
    for (int i = 0; i < options.rooms; i++)
        create_room(i);
    epoll_fd = epoll_create1(0);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    watch(EPOLL_CTL_ADD, timer_fd, TIMER_MARK, EPOLLIN);
}

void session_start(struct session *s)
{
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (s->fd < 0)
        die("socket");
    int on = 1, few = STALLED_RECEIVE_BYTES;
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (s->stalled)
        setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &few, sizeof few);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    inet_pton(AF_INET, options.host, &address.sin_addr);
    s->started_ns = now_ns();
    s->state = STATE_CONNECTING;
    census.connecting++;
    census.started++;
    if (connect(s->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) {
        perror("loadgen: connect");
        session_close(s);
        return;
    }
    watch_session(s, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT | EPOLLET);
}

void session_became_ready(struct session *s)
{
    s->state = STATE_READY;
    census.ready++;
    census.connecting--;
    histogram_add(&time_to_join, now_ns() - s->started_ns);
    if (s->stalled)
        watch_session(s, EPOLL_CTL_DEL, 0);
}

/* --- ending */

static void listener_lost(struct session *s)
{
    struct room *room = &rooms[s->room];
    census.lost_listeners++;
    census.ready--;
    if (room->expected > 0)
        room->expected--;
    room->sent = room->received = 0;
}

void session_close(struct session *s)
{
    if (s->state == STATE_CLOSED)
        return;
    if (s->state != STATE_READY) {
        census.failed++;
        census.connecting--;
    } else if (s->stalled) {
        census.dropped_stalled++;
    } else {
        listener_lost(s);
    }
    if (s->tls)
        tls_close(s->tls);
    s->tls = NULL;
    close(s->fd);
    s->fd = -1;
    s->state = STATE_CLOSED;
    census.closed++;
}

/* --- writing */

char *session_out(struct session *s, size_t size)
{
    if (s->out_size + size > s->out_capacity) {
        s->out_capacity = (s->out_size + size) * 2;
        if (s->out_capacity > MAX_OUT_BYTES) {
            fprintf(stderr, "loadgen: the server does not read what it is sent\n");
            exit(3);
        }
        s->out = realloc(s->out, s->out_capacity);
        if (!s->out)
            die("realloc");
    }
    return s->out + s->out_size;
}

void session_send(struct session *s, const char *format, ...)
{
    enum { LONGEST = 512 };
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(session_out(s, LONGEST), LONGEST, format, arguments);
    va_end(arguments);
    s->out_size += (size_t)size;
    session_flush(s);
}

static void want_out(struct session *s, bool wanted)
{
    if (s->wants_out == wanted)
        return;
    s->wants_out = wanted;
    watch_session(s, EPOLL_CTL_MOD, EPOLLIN | EPOLLET | (wanted ? EPOLLOUT : 0));
}

static ssize_t write_some(struct session *s, const char *data, size_t size)
{
    return s->tls ? tls_write(s->tls, data, size)
                  : send(s->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void session_flush(struct session *s)
{
    while (s->out_sent < s->out_size) {
        size_t left = s->out_size - s->out_sent;
        ssize_t sent = write_some(s, s->out + s->out_sent, left);
        if (sent >= 0) {
            s->out_sent += (size_t)sent;
        } else if (errno == EAGAIN) {
            want_out(s, true);
            return;
        } else if (errno != EINTR) {
            session_close(s);
            return;
        }
    }
    s->out_sent = s->out_size = 0;
    want_out(s, false);
}

/* --- reading */

static void touch(int index)
{
    if (rooms[index].touched)
        return;
    rooms[index].touched = true;
    touched_rooms[touched_count++] = index;
}

void rooms_forget_touched(void)
{
    for (int i = 0; i < touched_count; i++)
        rooms[touched_rooms[i]].touched = false;
    touched_count = 0;
}

static void record_latency(uint64_t stamp, uint64_t now)
{
    if (measuring)
        histogram_add(&latency, now > stamp ? now - stamp : 0);
}

static void keep_tail(struct session *s, const char *start, const char *end)
{
    uint32_t size = (uint32_t)(end - start);
    if (size > CARRY_BYTES) {
        fprintf(stderr, "loadgen: a line of more than %d bytes\n", CARRY_BYTES);
        exit(3);
    }
    if (size > s->tail_capacity || (s->tail_capacity > KEPT_TAIL_BYTES && !size)) {
        s->tail_capacity = size;
        s->tail = realloc(s->tail, size ? size : 1);
        if (!s->tail)
            die("realloc");
    }
    if (size)
        memcpy(s->tail, start, size);
    s->tail_size = size;
}

static void take_lines(struct session *s, char *start, char *end, uint64_t now)
{
    int64_t delivered = 0;
    char *newline;
    while ((newline = memchr(start, '\n', (size_t)(end - start)))) {
        char *line_end = newline > start && newline[-1] == '\r' ? newline - 1 : newline;
        uint64_t stamp;
        if (wire_delivery(start, line_end, &stamp)) {
            delivered++;
            record_latency(stamp, now);
        } else {
            delivered += wire_line(s, start, line_end);
            if (s->state == STATE_CLOSED)
                return;
        }
        start = newline + 1;
    }
    if (delivered) {
        rooms[s->room].received += delivered;
        traffic.deliveries += delivered;
        touch(s->room);
    }
    keep_tail(s, start, end);
}

static void take_bytes(struct session *s, char *fresh, ssize_t size)
{
    char *start = fresh - s->tail_size;
    if (s->tail_size)
        memcpy(start, s->tail, s->tail_size);
    traffic.bytes_in += size;
    take_lines(s, start, fresh + size, now_ns());
}

/* Reads until there is no more: epoll tells only of what comes after that. */
static void read_session(struct session *s)
{
    char *fresh = read_buffer + CARRY_BYTES;
    while (s->state != STATE_CLOSED) {
        ssize_t size = s->tls ? tls_read(s->tls, fresh, READ_BYTES)
                              : recv(s->fd, fresh, READ_BYTES, MSG_DONTWAIT);
        traffic.reads++;
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && errno == EAGAIN)
            return;
        if (size <= 0)
            session_close(s);
        else
            take_bytes(s, fresh, size);
        if (size < READ_BYTES && !s->tls) /* of TLS a read is one record */
            return;
    }
}

int64_t session_drain_stalled(struct session *s, bool *closed)
{
    int64_t drained = 0;
    int empty_reads = 0;
    while (empty_reads < 20 && drained < MAX_STALLED_BYTES) {
        ssize_t size = recv(s->fd, read_buffer, sizeof read_buffer, MSG_DONTWAIT);
        if (size > 0) {
            drained += size;
            empty_reads = 0;
        } else if (size == 0 || errno != EAGAIN) {
            *closed = true;
            break;
        } else {
            empty_reads++;
            usleep(5000);
        }
    }
    return drained;
}

/* --- the event loop */

static void connection_failed(struct session *s)
{
    static int shown;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (shown++ < SHOWN_FAILURES)
        fprintf(stderr, "loadgen: cannot connect: %s\n", strerror(error));
    session_close(s);
}

static void connected(struct session *s)
{
    watch_session(s, EPOLL_CTL_MOD, EPOLLIN | EPOLLET);
    if (options.tls)
        s->tls = tls_open(s->fd);
    wire_greet(s);
}

static void handle(struct session *s, uint32_t events)
{
    if (s->state == STATE_CONNECTING) {
        if (events & (EPOLLERR | EPOLLHUP))
            connection_failed(s);
        else if (events & EPOLLOUT)
            connected(s);
    } else if (events & EPOLLOUT && s->state != STATE_CLOSED) {
        session_flush(s);
    }
    bool readable = events & (EPOLLIN | EPOLLHUP | EPOLLERR);
    if (readable && s->state > STATE_CONNECTING && s->state != STATE_CLOSED)
        read_session(s);
    if (s->tls && s->out_sent < s->out_size) /* what was read may have been the handshake's end */
        session_flush(s);
}

static bool timer_fired(void)
{
    uint64_t times;
    return read(timer_fd, &times, sizeof times) == sizeof times;
}

bool sessions_turn(int timeout_ms)
{
    static struct epoll_event events[EVENTS_PER_TURN];
    bool fired = false;
    int count = epoll_wait(epoll_fd, events, EVENTS_PER_TURN, timeout_ms);
    for (int i = 0; i < count; i++) {
        if (events[i].data.u32 == TIMER_MARK)
            fired = timer_fired();
        else
            handle(&sessions[events[i].data.u32], events[i].events);
    }
    return fired;
}

void timer_set(uint64_t at_ns)
{
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(at_ns / 1000000000u),
                                           .tv_nsec = (long)(at_ns % 1000000000u)}};
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}
