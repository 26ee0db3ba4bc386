#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options options = {
    .mode = MODE_FANOUT,
    .protocol = PROTOCOL_NATIVE,
    .host = "127.0.0.1",
    .label = "",
    .port = 7373,
    .rooms = 1,
    .members = 101,
    .senders = 1,
    .window = 64,
    .payload_bytes = 64,
    .connecting = 64,
    .ids = true,
    .rate_per_second = 50,
    .seconds = 5,
    .warmup_seconds = 1,
    .hold_seconds = 2,
    .setup_seconds = 120,
};

static const char *const mode_names[] = {"fanout", "paced", "idle", "connect", "resume", NULL};
static const char *const protocol_names[] = {"irc", "native", "plain", "line", NULL};

static const char usage[] =
    "usage: loadgen [options]   (loopback only; one JSON line on stdout)\n"
    "  --mode fanout|paced|idle|connect|resume\n"
    "  --protocol irc|native|plain|line\n"
    "  --host 127.x.y.z  --port PORT  --pid PID (of the server; repeatable)\n"
    "  --rooms N  --members N (per room)  --senders N (per room; 0: all)\n"
    "  --window N (messages in flight per room)  --rate N (messages a second, paced)\n"
    "  --seconds S  --warmup S  --hold S (idle)  --setup S (limit)\n"
    "  --bytes N (of text)  --stalled N (members of room 0 that never read)\n"
    "  --restart (resume: when all have joined say so on stderr, and go on when\n"
    "             a line on stdin names the PID of the server's next run)\n"
    "  --first N (number of the first nick and room, beside another generator)\n"
    "  --tls (the certificate is not checked)\n"
    "  --no-ids (native: messages without an id)  --connecting N  --label TEXT\n";

static const struct option long_options[] = {
    {"mode", required_argument, NULL, 'm'},    {"protocol", required_argument, NULL, 'p'},
    {"host", required_argument, NULL, 'H'},    {"port", required_argument, NULL, 'P'},
    {"rooms", required_argument, NULL, 'r'},   {"members", required_argument, NULL, 'n'},
    {"senders", required_argument, NULL, 's'}, {"window", required_argument, NULL, 'w'},
    {"rate", required_argument, NULL, 'R'},    {"seconds", required_argument, NULL, 'd'},
    {"warmup", required_argument, NULL, 'W'},  {"hold", required_argument, NULL, 'h'},
    {"setup", required_argument, NULL, 'T'},   {"bytes", required_argument, NULL, 'b'},
    {"stalled", required_argument, NULL, 'S'}, {"connecting", required_argument, NULL, 'c'},
    {"pid", required_argument, NULL, 'i'},     {"label", required_argument, NULL, 'L'},
    {"no-ids", no_argument, NULL, 'N'},        {"restart", no_argument, NULL, 'G'},
    {"tls", no_argument, NULL, 'E'},           {"first", required_argument, NULL, 'F'},
    {"help", no_argument, NULL, '?'},          {NULL, 0, NULL, 0},
};

static void refuse(const char *why)
{
    fprintf(stderr, "loadgen: %s\n%s", why, usage);
    exit(2);
}

static int choice(const char *const names[], const char *name)
{
    for (int i = 0; names[i]; i++)
        if (!strcmp(names[i], name))
            return i;
    refuse(name);
    return -1;
}

static void add_server_pid(int pid)
{
    if (options.server_pid_count == MAX_SERVER_PIDS)
        refuse("too many --pid");
    options.server_pids[options.server_pid_count++] = pid;
}

static void take_option(int option)
{
    switch (option) {
    case 'm': options.mode = choice(mode_names, optarg); break;
    case 'p': options.protocol = choice(protocol_names, optarg); break;
    case 'H': options.host = optarg; break;
    case 'P': options.port = atoi(optarg); break;
    case 'r': options.rooms = atoi(optarg); break;
    case 'n': options.members = atoi(optarg); break;
    case 's': options.senders = atoi(optarg); break;
    case 'w': options.window = atoi(optarg); break;
    case 'R': options.rate_per_second = atof(optarg); break;
    case 'd': options.seconds = atof(optarg); break;
    case 'W': options.warmup_seconds = atof(optarg); break;
    case 'h': options.hold_seconds = atof(optarg); break;
    case 'T': options.setup_seconds = atof(optarg); break;
    case 'b': options.payload_bytes = atoi(optarg); break;
    case 'S': options.stalled = atoi(optarg); break;
    case 'c': options.connecting = atoi(optarg); break;
    case 'i': add_server_pid(atoi(optarg)); break;
    case 'L': options.label = optarg; break;
    case 'N': options.ids = false; break;
    case 'F': options.first = atoi(optarg); break;
    case 'E': options.tls = true; break;
    case 'G': options.restart = true; break;
    default: refuse("see the options");
    }
}

static void check(void)
{
    if (strncmp(options.host, "127.", 4))
        refuse("only loopback targets (127.0.0.0/8)");
    if (options.rooms < 1 || options.members < 1 || options.window < 1 || options.connecting < 1)
        refuse("--rooms, --members, --window and --connecting are at least 1");
    if ((long)options.rooms * options.members > MAX_SESSIONS)
        refuse("too many members");
    if (options.payload_bytes < MIN_PAYLOAD_BYTES || options.payload_bytes > MAX_PAYLOAD_BYTES)
        refuse("--bytes is 18 to 400");
    if (options.seconds > MAX_SECONDS || options.hold_seconds > MAX_SECONDS)
        refuse("a run lasts at most 300 seconds");
    if (options.rate_per_second <= 0)
        refuse("--rate is more than 0");
    if (options.mode == MODE_RESUME && options.protocol != PROTOCOL_NATIVE)
        refuse("only native sessions resume");
    if (options.senders <= 0 || options.senders > options.members)
        options.senders = options.members;
    if (options.senders + options.stalled > options.members)
        refuse("--senders and --stalled are more than --members");
}

void options_parse(int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        take_option(option);
    check();
}

bool options_echo(void)
{
    return options.protocol == PROTOCOL_NATIVE || options.protocol == PROTOCOL_PLAIN;
}

const char *options_mode_name(void)
{
    return mode_names[options.mode];
}
