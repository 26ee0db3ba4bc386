#include "talk.h"

#include "histogram.h"
#include "json.h"
#include "machine.h"
#include "options.h"
#include "session.h"
#include "snapshot.h"
#include "wire.h"

enum {
    MAX_BATCH = 1024,          /* messages a room is given in one turn */
    MAX_WAITING_BYTES = 65536, /* a sender with more unsent is passed over */
};
#define SAMPLE_SECONDS 0.25
#define STUCK_SECONDS 3.0
#define LATE_SECONDS 1.5 /* paced: what comes later than this after the end is lost */

static bool can_talk(const struct session *s)
{
    return s->state == STATE_READY && s->out_size <= MAX_WAITING_BYTES;
}

static struct session *next_sender(struct room *room)
{
    struct session *s = &sessions[room->first + room->next_sender];
    room->next_sender = (room->next_sender + 1) % options.senders;
    return s;
}

static void talk(struct room *room, struct session *s, uint64_t stamp)
{
    wire_put_message(s, stamp);
    room->sent++;
    traffic.messages++;
}

/* Fills the room's window again. A lone sender's messages go out as one write. */
static void fill_window(struct room *room)
{
    if (room->expected <= 0)
        return;
    int64_t missing = room->sent * room->expected - room->received;
    int64_t wanted = (options.window * room->expected - missing) / room->expected;
    if (wanted > MAX_BATCH)
        wanted = MAX_BATCH;
    uint64_t stamp = now_ns();
    for (int64_t i = 0; i < wanted; i++) {
        struct session *s = next_sender(room);
        if (!can_talk(s))
            continue;
        talk(room, s, stamp);
        if (options.senders > 1)
            session_flush(s);
    }
    struct session *first = &sessions[room->first];
    if (options.senders == 1 && first->state == STATE_READY && first->out_size)
        session_flush(first);
}

static void fill_touched_windows(void)
{
    for (int i = 0; i < touched_count; i++)
        fill_window(&rooms[touched_rooms[i]]);
}

static void fill_silent_windows(void)
{
    for (int i = 0; i < options.rooms; i++)
        if (rooms[i].sent == 0)
            fill_window(&rooms[i]);
}

/* Sends what is due by now; returns when the next message is. */
static uint64_t talk_on_schedule(uint64_t due_ns, uint64_t now)
{
    static int next_room;
    uint64_t interval_ns = (uint64_t)(1e9 / options.rate_per_second);
    for (; due_ns <= now; due_ns += interval_ns) {
        struct room *room = &rooms[next_room];
        next_room = (next_room + 1) % options.rooms;
        struct session *s = next_sender(room);
        if (s->state != STATE_READY)
            continue;
        talk(room, s, due_ns);
        if (!s->wants_out)
            session_flush(s);
    }
    timer_set(due_ns);
    return due_ns;
}

struct run {
    struct snapshot begin;
    struct snapshot end;
    long rss_peak_kib;
    uint64_t due_ns;      /* paced: the next message */
    uint64_t sample_ns;   /* the next look at the server's memory */
    uint64_t progress_ns; /* the last delivery */
    int64_t delivered;
    bool stuck;
};

static void begin_measuring(struct run *run)
{
    measuring = true;
    histogram_clear(&latency);
    run->begin = take_snapshot();
}

static void sample(struct run *run, uint64_t now)
{
    long rss_kib = server_rss_kib();
    if (rss_kib > run->rss_peak_kib)
        run->rss_peak_kib = rss_kib;
    run->sample_ns = now + seconds_ns(SAMPLE_SECONDS);
}

static void watch_progress(struct run *run, uint64_t now)
{
    if (traffic.deliveries != run->delivered) {
        run->delivered = traffic.deliveries;
        run->progress_ns = now;
    }
    run->stuck = now - run->progress_ns > seconds_ns(STUCK_SECONDS);
}

static void turn_closed_loop(void)
{
    sessions_turn(50);
    fill_touched_windows();
}

static void turn_on_schedule(struct run *run, uint64_t now)
{
    run->due_ns = talk_on_schedule(run->due_ns, now);
    sessions_turn(50);
}

static void turn(struct run *run, uint64_t now)
{
    if (options.mode == MODE_PACED)
        turn_on_schedule(run, now);
    else
        turn_closed_loop();
    rooms_forget_touched();
    watch_progress(run, now);
    if (now < run->sample_ns)
        return;
    sample(run, now);
    if (options.mode == MODE_FANOUT)
        fill_silent_windows();
}

static struct run talk_for_a_while(void)
{
    uint64_t start = now_ns();
    struct run run = {.due_ns = start, .progress_ns = start, .delivered = -1};
    uint64_t measure_at = start + seconds_ns(options.warmup_seconds);
    uint64_t end_at = measure_at + seconds_ns(options.seconds);
    if (options.mode == MODE_FANOUT)
        fill_silent_windows();
    for (uint64_t now = start; now < end_at && !run.stuck; now = now_ns()) {
        if (!measuring && now >= measure_at)
            begin_measuring(&run);
        turn(&run, now);
    }
    if (!measuring)
        begin_measuring(&run);
    run.end = take_snapshot();
    sample(&run, run.end.at_ns);
    return run;
}

static int64_t still_missing(void)
{
    int64_t missing = 0;
    for (int i = 0; i < options.rooms; i++)
        missing += rooms[i].sent * rooms[i].expected - rooms[i].received;
    return missing;
}

/* Paced: the last messages are still under way, and count. Returns how many never came. */
static int64_t wait_for_the_rest(void)
{
    uint64_t until = now_ns() + seconds_ns(LATE_SECONDS);
    while (still_missing() > 0 && now_ns() < until)
        sessions_turn(20);
    return still_missing();
}

/* --- the report of fanout and paced */

static void report_stalled(void)
{
    int dropped = census.dropped_stalled;
    int64_t waiting_bytes = 0;
    for (int i = 0; i < census.all; i++) {
        struct session *s = &sessions[i];
        bool closed = false;
        if (s->stalled && s->state == STATE_READY)
            waiting_bytes += session_drain_stalled(s, &closed);
        dropped += closed;
    }
    json_int("stalled_dropped", dropped);
    json_int("stalled_buf", waiting_bytes);
}

static void report_latency(void)
{
    json_real("p50_us", histogram_percentile_us(&latency, 0.5));
    json_real("p90_us", histogram_percentile_us(&latency, 0.9));
    json_real("p99_us", histogram_percentile_us(&latency, 0.99));
    json_real("p999_us", histogram_percentile_us(&latency, 0.999));
    json_real("max_us", (double)latency.max_ns / 1000);
    json_real("mean_us", histogram_mean_us(&latency));
}

static void report_traffic(const struct run *run, double seconds)
{
    const struct traffic *a = &run->begin.traffic, *b = &run->end.traffic;
    int64_t deliveries = b->deliveries - a->deliveries;
    int64_t reads = b->reads - a->reads;
    double each = deliveries ? (double)deliveries : 1;
    json_int("msgs", b->messages - a->messages);
    json_int("deliv", deliveries);
    json_real("dps", (double)deliveries / seconds);
    json_real("mps", (double)(b->messages - a->messages) / seconds);
    json_int("acks", b->acknowledged - a->acknowledged);
    json_int("errors", b->errors);
    json_int("caught_up", b->caught_up - a->caught_up);
    json_real("bytes_per_deliv", (double)(b->bytes_in - a->bytes_in) / each);
    json_real("lines_per_recv", reads ? (double)deliveries / (double)reads : 0);
}

static void report_cpu(const struct run *run, double seconds)
{
    const struct snapshot *a = &run->begin, *b = &run->end;
    double user = b->server.user - a->server.user;
    double system = b->server.system - a->server.system;
    double own = b->own - a->own;
    double other = b->machine - a->machine - user - system - own;
    int64_t deliveries = b->traffic.deliveries - a->traffic.deliveries;
    int64_t messages = b->traffic.messages - a->traffic.messages;
    json_real("srv_cpu", (user + system) / seconds);
    json_real("srv_u", user / seconds);
    json_real("srv_s", system / seconds);
    json_real("cpu_us_per_deliv", deliveries ? 1e6 * (user + system) / (double)deliveries : 0);
    json_real("cpu_us_per_msg", messages ? 1e6 * (user + system) / (double)messages : 0);
    json_real("lg_cpu", own / seconds);
    json_real("other_cpu", other / seconds);
    json_int("rss0_kib", a->rss_kib);
    json_int("rss1_kib", b->rss_kib);
    json_int("rsspeak_kib", run->rss_peak_kib);
}

bool talk_and_report(void)
{
    rooms_forget_touched();
    for (int i = 0; i < options.rooms; i++)
        rooms[i].sent = rooms[i].received = 0;
    traffic = (struct traffic){.errors = traffic.errors};
    struct run run = talk_for_a_while();
    int64_t lost = options.mode == MODE_PACED ? wait_for_the_rest() : 0;
    double seconds = seconds_between(&run.begin, &run.end);
    json_real("secs", seconds);
    report_traffic(&run, seconds);
    report_latency();
    report_cpu(&run, seconds);
    json_int("disc", census.lost_listeners);
    report_stalled();
    json_int("lost", lost);
    json_int("stuck", run.stuck);
    return !run.stuck;
}
