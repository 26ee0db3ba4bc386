#include "join.h"

#include <stdio.h>
#include <stdlib.h>

#include "json.h"
#include "machine.h"
#include "options.h"
#include "session.h"
#include "snapshot.h"

enum { MAX_SETUP_FAILURES = 50 };

void turn_for(double seconds)
{
    uint64_t until = now_ns() + seconds_ns(seconds);
    while (now_ns() < until)
        sessions_turn(20);
}

static bool setup_failed(uint64_t deadline_ns)
{
    if (now_ns() <= deadline_ns && census.failed <= MAX_SETUP_FAILURES)
        return false;
    fprintf(stderr, "loadgen: set-up given up: %d ready, %d failed of %d\n", census.ready,
            census.failed, census.all);
    return true;
}

struct setup join_everybody(void)
{
    struct snapshot before = take_snapshot();
    uint64_t deadline_ns = before.at_ns + seconds_ns(options.setup_seconds);
    while (census.ready + census.closed < census.all && !setup_failed(deadline_ns)) {
        while (census.started < census.all && census.connecting < options.connecting)
            session_start(&sessions[census.started]);
        sessions_turn(100);
    }
    rooms_forget_touched();
    struct snapshot after = take_snapshot();
    double cpu_seconds = server_cpu_between(&before, &after);
    return (struct setup){seconds_between(&before, &after), cpu_seconds, before.rss_kib};
}

void report_setup(const struct setup *setup)
{
    double joined = census.ready ? census.ready : 1;
    json_int("conns", census.all);
    json_int("ready", census.ready);
    json_int("failed", census.failed);
    json_real("setup_s", setup->seconds);
    json_real("join_rate", census.ready / setup->seconds);
    json_real("setup_cpu_us", 1e6 * setup->cpu_seconds / joined);
    json_real("join_p50_us", histogram_percentile_us(&time_to_join, 0.5));
    json_real("join_p99_us", histogram_percentile_us(&time_to_join, 0.99));
}

/* --- idle, connect */

void idle_and_report(const struct setup *setup)
{
    double hold = options.mode == MODE_IDLE ? options.hold_seconds : SETTLE_SECONDS;
    turn_for(hold);
    struct snapshot before = take_snapshot();
    turn_for(hold);
    struct snapshot after = take_snapshot();
    double joined = census.ready ? census.ready : 1;
    report_setup(setup);
    json_int("disc", census.lost_listeners);
    json_int("rss0_kib", setup->rss_before_kib);
    json_int("rss1_kib", after.rss_kib);
    json_real("kib_per_conn", (double)(after.rss_kib - setup->rss_before_kib) / joined);
    json_real("idle_cpu", server_cpu_between(&before, &after) / seconds_between(&before, &after));
}

/* --- resume */

static void cut_links(void)
{
    for (int i = 0; i < census.all; i++) {
        session_close(&sessions[i]);
        sessions[i].tail_size = 0;
        sessions[i].out_size = sessions[i].out_sent = 0;
        sessions[i].wants_out = false;
    }
    census = (struct census){.all = census.all};
    histogram_clear(&time_to_join);
}

static void wait_for_restart(void)
{
    int pid;
    fprintf(stderr, "loadgen: joined\n");
    if (scanf("%d", &pid) != 1) {
        fprintf(stderr, "loadgen: nobody told the PID of the server's next run\n");
        exit(2);
    }
    options.server_pids[0] = pid;
    options.server_pid_count = 1;
}

void resume_and_report(const struct setup *first)
{
    turn_for(SETTLE_SECONDS);
    if (options.restart)
        wait_for_restart();
    cut_links();
    struct setup again = join_everybody();
    json_int("resumed", traffic.resumed);
    json_real("first_setup_s", first->seconds);
    report_setup(&again);
}
