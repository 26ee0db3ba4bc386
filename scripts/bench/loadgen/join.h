/* Everybody joins: the set-up of every run, and all there is to the modes without talk. */
#ifndef JOIN_H
#define JOIN_H

#define SETTLE_SECONDS 0.3 /* for join notices still under way */

struct setup {
    double seconds;
    double cpu_seconds;
    long rss_before_kib;
};

/* Returns when all have joined or failed, or when it takes too long or fails too often. */
struct setup join_everybody(void);

/* Idle, connect: nobody says anything. Reports as JSON fields, as the others do. */
void idle_and_report(const struct setup *setup);

/* All links are cut, all sessions resume. */
void resume_and_report(const struct setup *first);

void report_setup(const struct setup *setup);

/* Lets the event loop turn. */
void turn_for(double seconds);

#endif
