/* What one run of the load generator does, from the command line. Knows no sockets. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

enum protocol { PROTOCOL_IRC, PROTOCOL_NATIVE, PROTOCOL_PLAIN, PROTOCOL_LINE };
enum mode { MODE_FANOUT, MODE_PACED, MODE_IDLE, MODE_CONNECT, MODE_RESUME };

enum {
    MAX_SERVER_PIDS = 16,
    MAX_SESSIONS = 20000,
    MAX_SECONDS = 300,
    MIN_PAYLOAD_BYTES = 18,
    MAX_PAYLOAD_BYTES = 400,
};

struct options {
    enum mode mode;
    enum protocol protocol;
    const char *host;
    const char *label;
    int port;
    int rooms;
    int members; /* per room, senders included */
    int senders; /* per room */
    int stalled; /* members of room 0 that never read */
    int first;   /* number of the first nick and room */
    int window;  /* messages in flight per room, in fanout mode */
    int payload_bytes;
    int connecting; /* connection attempts in flight */
    bool ids;       /* native: every message has an id and is answered */
    bool tls;
    bool restart;   /* resume: wait for another server before resuming */
    double rate_per_second;
    double seconds;
    double warmup_seconds;
    double hold_seconds;
    double setup_seconds;
    int server_pids[MAX_SERVER_PIDS];
    int server_pid_count;
};

extern struct options options;

/* Fills `options`; prints what is wrong and exits with 2 when something is. */
void options_parse(int argc, char **argv);

/* Whether the server sends a message to its sender too. */
bool options_echo(void);

const char *options_mode_name(void);

#endif
