#include "tools/play.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/cells.h"

#define SPEED_MAX 1e6

bool
play_speed_parse(const char *text, double *speed)
{
    char *end;

    if (strcmp(text, "max") == 0) {
        *speed = 0;
        return true;
    }
    *speed = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*speed) && *speed > 0 && *speed <= SPEED_MAX;
}

static uint64_t
monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* wait_for sleeps until what bears time_ns is due. */
static void
wait_for(struct play *play, uint64_t time_ns)
{
    const uint64_t now_ns = monotonic_ns();

    if (!play->begun) {
        play->begun = true;
        play->first_ns = time_ns;
        play->begin_ns = now_ns;
    }

    const double after_ns = (double)(time_ns - play->first_ns) / play->speed;
    const uint64_t due_ns = play->begin_ns + (uint64_t)(after_ns < 9e18 ? after_ns : 9e18);

    if (due_ns <= now_ns)
        return;

    const struct timespec due = {.tv_sec = (time_t)(due_ns / 1000000000u),
                                 .tv_nsec = (long)(due_ns % 1000000000u)};

    fflush(play->out);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
        continue;
}

bool
play_message(struct play *play, const union cell *cells)
{
    const uint64_t seq = cell_seq(cells);
    const uint64_t time_ns = cell_time(cells);

    if (point_past(&play->to, seq, time_ns))
        return false;
    if (!point_begun(&play->from, seq, time_ns))
        return true;
    if (play->speed > 0)
        wait_for(play, time_ns);
    if (play->json) {
        cells_json(play->out, cells);
        fputc('\n', play->out);
    } else {
        cells_text(play->out, cells);
    }
    play->messages = seq == play->seq ? play->messages + 1 : 1;
    play->seq = seq;
    return true;
}
