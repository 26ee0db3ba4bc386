/* loadgen: a chat load generator. One thread, epoll, no dependencies, loopback only.
 *
 * Modes:
 *   fanout   closed loop: each room keeps --window messages in flight; one is done when every
 *            member (on an echoing protocol the sender too) has it
 *   paced    open loop: --rate messages a second on a fixed schedule; latency counts from the
 *            scheduled time, so a server that stalls cannot hide it
 *   idle     everybody joins and is silent: memory and CPU per connection
 *   connect  how fast everybody joins
 *   resume   everybody joins, all links are cut, all sessions resume with their tokens
 *
 * Every run ends by itself: --seconds, --setup and a guard against no progress bound it. The
 * result is one JSON line on stdout; the exit code is 1 when the run did not go through. */
#include <signal.h>
#include <sys/resource.h>

#include "join.h"
#include "json.h"
#include "options.h"
#include "session.h"
#include "talk.h"

static void report_options(void)
{
    json_begin("label", options.label);
    json_text("mode", options_mode_name());
    json_int("rooms", options.rooms);
    json_int("members", options.members);
    json_int("senders", options.senders);
    json_int("stalled", options.stalled);
    json_int("window", options.mode == MODE_FANOUT ? options.window : 0);
    json_real("rate", options.mode == MODE_PACED ? options.rate_per_second : 0);
    json_int("bytes", options.payload_bytes);
}

static void raise_file_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static bool run_talk(const struct setup *setup)
{
    turn_for(SETTLE_SECONDS);
    report_setup(setup);
    return talk_and_report();
}

int main(int argc, char **argv)
{
    options_parse(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    sessions_create();
    struct setup setup = join_everybody();
    bool joined = census.ready == census.all;
    bool talks = options.mode == MODE_FANOUT || options.mode == MODE_PACED;
    bool fine = joined;
    report_options();
    if (options.mode == MODE_RESUME && joined)
        resume_and_report(&setup);
    else if (talks && joined)
        fine = run_talk(&setup);
    else
        idle_and_report(&setup);
    if (!joined)
        json_text("error", "not everybody could join");
    json_end();
    return fine ? 0 : 1;
}
