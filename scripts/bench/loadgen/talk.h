/* Talk: the closed loop and the schedule, and what came of them. */
#ifndef TALK_H
#define TALK_H

#include <stdbool.h>

/* Runs fanout or paced and reports it as JSON fields. Returns whether it went through. */
bool talk_and_report(void);

#endif
