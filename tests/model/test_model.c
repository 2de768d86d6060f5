/*
 * Goal: the engine does what the rules say, whatever it is asked.
 * Method: streams of hostile commands of many seeds in eight profiles go to the
 * engine and to a naive model; after each command all events must be equal, and
 * at random points all levels, queues and positions. A stream in which they
 * differ is made as small as it gets and kept as a scenario, which is named.
 *
 * OUTCRY_SEED is the first seed, OUTCRY_SEEDS asks for that many streams, a
 * quarter of them in each profile. OUTCRY_SOAK_MINUTES goes on with fresh seeds
 * until the time is up: in each profile for an eighth of it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/model/stream.h"
#include "tests/scenario/scenario.h"

#define COMMANDS_PER_STREAM 5000u

static uint64_t
number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

/* complain makes the stream small, keeps it as a scenario and fails the test. */
static void
complain(struct stream *stream)
{
    char path[256];
    const char *where = getenv("TMPDIR");

    snprintf(path, sizeof path, "%s/outcry-%s-%" PRIu64 ".txt", where != NULL ? where : "/tmp",
             stream->profile->name, stream->seed);
    stream_minimise(stream);

    const bool is_written = stream_write(stream, path);

    cr_assert_fail("OUTCRY_SEED=%" PRIu64 " profile %s: %s; %u steps in %s", stream->seed,
                   stream->profile->name, stream->complaint, stream->steps_cnt,
                   is_written ? path : "no file: it cannot be written");
}

/* run_profile runs the streams of one profile. Tight limits must refuse much
 * and nothing may be so refused that no trade is left. */
static void
run_profile(unsigned number)
{
    const struct profile *profile = &profiles[number];
    const uint64_t first = number_of("OUTCRY_SEED", 1);
    const uint64_t streams = (number_of("OUTCRY_SEEDS", 100) + 3) / 4;
    const time_t end = time(NULL) + (time_t)(number_of("OUTCRY_SOAK_MINUTES", 0) * 60 / PROFILES);
    struct stream *stream = stream_new(SETUP_STEPS_MAX + COMMANDS_PER_STREAM);
    uint64_t refused = 0, dropped = 0, trades = 0, all = 0;
    uint32_t live_max = 0, sweep_max = 0;
    uint64_t seed = first;

    for (; seed < first + streams || time(NULL) < end; seed++) {
        if (!stream_generate(stream, profile, seed, COMMANDS_PER_STREAM))
            complain(stream);
        all += COMMANDS_PER_STREAM;
        refused += stream->refused_cnt;
        dropped += stream->dropped_cnt;
        trades += stream->trades_cnt;
        live_max = stream->live_max > live_max ? stream->live_max : live_max;
        sweep_max = stream->sweep_max > sweep_max ? stream->sweep_max : sweep_max;
    }
    stream_free(stream);
    printf("# %s, seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " commands, %" PRIu64
           "%% refused, %" PRIu64 " dropped, %" PRIu64
           " trades, at most %u by one command, at most %u orders in the books\n",
           profile->name, first, seed - 1, all, refused * 100 / all, dropped, trades, sweep_max,
           live_max);
    cr_assert_gt(trades, all / 100);
    cr_assert_lt(dropped, all / 2);
    if (profile->is_tight)
        cr_assert_gt(refused, all / 5);
}

Test(model, agrees_on_streams_of_everything)
{
    run_profile(0);
}

Test(model, agrees_on_deep_queues)
{
    run_profile(1);
}

Test(model, agrees_on_a_book_of_one_tick)
{
    run_profile(2);
}

Test(model, agrees_on_huge_sweeps)
{
    run_profile(3);
}

Test(model, agrees_when_ids_and_slots_are_used_again_and_again)
{
    run_profile(4);
}

Test(model, agrees_on_replaces_of_partly_filled_orders)
{
    run_profile(5);
}

Test(model, agrees_when_limits_refuse_much)
{
    run_profile(6);
}

Test(model, agrees_on_mass_cancels)
{
    run_profile(7);
}

/* What a difference is kept in must mean the same when it is read. */
Test(model, stream_that_is_written_is_a_scenario_that_passes)
{
    static const unsigned numbers[] = {0, 1, 3, 7};
    char path[] = "/tmp/outcry-stream-XXXXXX";
    char complaint[2048] = "";
    const int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    close(fd);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct stream *stream = stream_new(SETUP_STEPS_MAX + 1000);

        cr_assert(stream_generate(stream, &profiles[numbers[i]], 1, 500));
        cr_assert(stream_write(stream, path));
        cr_assert(scenario_run(path, complaint, sizeof complaint), "%s: %s",
                  profiles[numbers[i]].name, complaint);
        stream_free(stream);
    }
    unlink(path);
}
