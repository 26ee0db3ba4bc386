/* climit: the least work a one-thread epoll chat server can do, as a limit to compare with.
 *
 *   climit PORT joined|single
 *
 * joined: all that was read in one turn of the event loop goes to a member with one send.
 * single: one send per member and message. No store, no checks, no echo to the sender. Speaks
 * the line protocol and as much IRC as the load generator needs. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MAX_CONNECTIONS = 1 << 16,
    MAX_ROOMS = 4096,
    MAX_OUT_BYTES = 8 << 20,
    BATCH_BYTES = 1 << 20,
    LINE_BYTES = 4096,
    READ_BYTES = 65536,
    NAME_BYTES = 24,
    EVENTS_PER_TURN = 512,
};

struct room;

struct connection {
    int fd;
    struct room *room;
    int place; /* in room->members */
    char nick[NAME_BYTES];
    bool irc;
    bool spoke; /* in the batch that is being sent */
    bool wants_out;
    char *partial; /* line */
    int partial_size;
    char *out; /* what the socket did not take: out[out_sent .. out_size] */
    size_t out_size, out_sent, out_capacity;
};

/* A part of a room's batch, and who said it. */
struct segment {
    struct connection *sender;
    size_t offset, size;
};

struct room {
    char name[NAME_BYTES];
    struct connection **members;
    int member_count, member_capacity;
    char batch[BATCH_BYTES];
    size_t batch_size;
    struct segment *segments;
    int segment_count, segment_capacity;
    bool dirty;
};

static struct connection *connections[MAX_CONNECTIONS]; /* by fd */
static struct room *rooms[MAX_ROOMS];
static int room_count;
static struct room *dirty_rooms[MAX_ROOMS];
static int dirty_count;
static int epoll_fd;
static bool single;

static void *grown(void *array, int count, int *capacity, size_t item_bytes)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity ? *capacity * 2 : 16;
    return realloc(array, (size_t)*capacity * item_bytes);
}

/* --- writing */

static void watch(struct connection *c, bool out)
{
    if (c->wants_out == out)
        return;
    c->wants_out = out;
    struct epoll_event event = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.fd = c->fd};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

static void send_later(struct connection *c, const char *bytes, size_t size)
{
    if (c->out_size + size > MAX_OUT_BYTES)
        return;
    if (c->out_size + size > c->out_capacity) {
        c->out_capacity = (c->out_size + size) * 2;
        c->out = realloc(c->out, c->out_capacity);
    }
    memcpy(c->out + c->out_size, bytes, size);
    c->out_size += size;
    watch(c, true);
}

static void send_bytes(struct connection *c, const char *bytes, size_t size)
{
    ssize_t sent = 0;
    if (!c->out_size)
        sent = send(c->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0)
        sent = 0;
    if ((size_t)sent < size)
        send_later(c, bytes + sent, size - (size_t)sent);
}

static void send_rest(struct connection *c)
{
    if (!c->out_size)
        return;
    size_t left = c->out_size - c->out_sent;
    ssize_t sent = send(c->fd, c->out + c->out_sent, left, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0)
        c->out_sent += (size_t)sent;
    if (c->out_sent == c->out_size) {
        c->out_sent = c->out_size = 0;
        watch(c, false);
    }
}

/* --- rooms */

static struct room *find_room(const char *name)
{
    for (int i = 0; i < room_count; i++)
        if (!strcmp(rooms[i]->name, name))
            return rooms[i];
    struct room *room = calloc(1, sizeof *room);
    snprintf(room->name, sizeof room->name, "%s", name);
    rooms[room_count++] = room;
    return room;
}

static void join(struct connection *c, const char *name)
{
    struct room *room = find_room(name);
    room->members = grown(room->members, room->member_count, &room->member_capacity,
                          sizeof *room->members);
    c->room = room;
    c->place = room->member_count;
    room->members[room->member_count++] = c;
}

/* Somebody who spoke gets the batch without the own lines. */
static void send_others(struct connection *c, struct room *room)
{
    static char others[BATCH_BYTES];
    size_t size = 0;
    for (int i = 0; i < room->segment_count; i++) {
        struct segment *segment = &room->segments[i];
        if (segment->sender == c)
            continue;
        memcpy(others + size, room->batch + segment->offset, segment->size);
        size += segment->size;
    }
    if (size)
        send_bytes(c, others, size);
}

static void flush_room(struct room *room)
{
    for (int i = 0; i < room->segment_count; i++)
        room->segments[i].sender->spoke = true;
    for (int i = 0; i < room->member_count; i++) {
        struct connection *c = room->members[i];
        if (c->spoke)
            send_others(c, room);
        else if (room->batch_size)
            send_bytes(c, room->batch, room->batch_size);
        c->spoke = false;
    }
    room->batch_size = 0;
    room->segment_count = 0;
}

static void flush_dirty_rooms(void)
{
    for (int i = 0; i < dirty_count; i++) {
        dirty_rooms[i]->dirty = false;
        flush_room(dirty_rooms[i]);
    }
    dirty_count = 0;
}

static void note_segment(struct room *room, struct connection *sender, size_t offset)
{
    size_t size = room->batch_size - offset;
    if (room->segment_count && room->segments[room->segment_count - 1].sender == sender) {
        room->segments[room->segment_count - 1].size += size;
        return;
    }
    room->segments = grown(room->segments, room->segment_count, &room->segment_capacity,
                           sizeof *room->segments);
    room->segments[room->segment_count++] = (struct segment){sender, offset, size};
}

static void say(struct connection *c, const char *text, int size)
{
    struct room *room = c->room;
    if (!room)
        return;
    if (room->batch_size + (size_t)size + 200 > BATCH_BYTES)
        flush_room(room);
    size_t offset = room->batch_size;
    char *out = room->batch + offset;
    if (c->irc)
        out += sprintf(out, ":%s!%s@h PRIVMSG #%s :%.*s\r\n", c->nick, c->nick, room->name, size, text);
    else
        out += sprintf(out, "%s: %.*s\n", c->nick, size, text);
    room->batch_size = (size_t)(out - room->batch);
    note_segment(room, c, offset);
    if (single) {
        flush_room(room);
    } else if (!room->dirty) {
        room->dirty = true;
        dirty_rooms[dirty_count++] = room;
    }
}

/* --- reading */

static void answer(struct connection *c, const char *format, const char *name)
{
    char text[128];
    int size = snprintf(text, sizeof text, format, c->nick, name);
    send_bytes(c, text, (size_t)size);
}

static void take_irc(struct connection *c, char *line, int size)
{
    char name[NAME_BYTES];
    char *text;
    if (!strncmp(line, "USER ", 5)) {
        answer(c, ":s 422 %s :%s\r\n", "no motd");
    } else if (sscanf(line, "JOIN #%23s", name) == 1) {
        join(c, name);
        answer(c, ":s 366 %s #%s :end\r\n", name);
    } else if (!strncmp(line, "PRIVMSG ", 8) && (text = strchr(line, ':'))) {
        say(c, text + 1, size - (int)(text + 1 - line));
    }
}

static void take_line(struct connection *c, char *line, int size)
{
    char name[NAME_BYTES];
    if (size && line[size - 1] == '\r')
        size--;
    line[size] = 0;
    if (c->irc) {
        take_irc(c, line, size);
    } else if (c->room) {
        say(c, line, size);
    } else if (sscanf(line, "JOIN %23s %23s", name, c->nick) == 2) {
        join(c, name);
        answer(c, "OK%.0s%.0s\n", "");
    } else if (sscanf(line, "NICK %23s", c->nick) == 1) {
        c->irc = true;
    }
}

static void take_bytes(struct connection *c, char *start, char *end)
{
    char *newline;
    while ((newline = memchr(start, '\n', (size_t)(end - start)))) {
        take_line(c, start, (int)(newline - start));
        start = newline + 1;
    }
    c->partial_size = end - start < LINE_BYTES ? (int)(end - start) : 0;
    if (c->partial_size && !c->partial)
        c->partial = malloc(LINE_BYTES);
    if (c->partial_size)
        memcpy(c->partial, start, (size_t)c->partial_size);
}

static void drop(struct connection *c)
{
    struct room *room = c->room;
    if (room) {
        flush_room(room);
        struct connection *last = room->members[--room->member_count];
        room->members[c->place] = last;
        last->place = c->place;
    }
    connections[c->fd] = NULL;
    close(c->fd);
    free(c->partial);
    free(c->out);
    free(c);
}

static void read_connection(struct connection *c)
{
    static char buffer[LINE_BYTES + READ_BYTES];
    char *fresh = buffer + LINE_BYTES;
    ssize_t size = recv(c->fd, fresh, READ_BYTES, MSG_DONTWAIT);
    if (size == 0 || (size < 0 && errno != EAGAIN)) {
        drop(c);
        return;
    }
    if (size < 0)
        return;
    char *start = fresh - c->partial_size;
    if (c->partial_size)
        memcpy(start, c->partial, (size_t)c->partial_size);
    take_bytes(c, start, fresh + size);
}

/* --- */

static void accept_all(int listener)
{
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MAX_CONNECTIONS) {
            close(fd);
            continue;
        }
        connections[fd] = calloc(1, sizeof *connections[fd]);
        connections[fd]->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static int open_listener(int port)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("climit");
        exit(1);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    return listener;
}

static void handle(int fd, uint32_t events)
{
    struct connection *c = connections[fd];
    if (c && events & EPOLLOUT)
        send_rest(c);
    if (c && events & ~(uint32_t)EPOLLOUT)
        read_connection(c);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: climit PORT joined|single\n");
        return 2;
    }
    single = !strcmp(argv[2], "single");
    signal(SIGPIPE, SIG_IGN);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    epoll_fd = epoll_create1(0);
    int listener = open_listener(atoi(argv[1]));
    for (;;) {
        struct epoll_event events[EVENTS_PER_TURN];
        int count = epoll_wait(epoll_fd, events, EVENTS_PER_TURN, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                accept_all(listener);
            else
                handle(events[i].data.fd, events[i].events);
        }
        flush_dirty_rooms();
    }
}
