/*
 * Goal: the engine does what docs/matching.md and docs/risk.md say, whatever it is asked.
 * Method: streams of hostile commands of many seeds go to the engine and to
 * a naive model; after each command all events must be equal, and at random
 * points all that can be seen. A stream in which they differ is made as small as
 * it gets and kept as a scenario, which is named. The seed picks the profile.
 *
 * OUTCRY_SEED is the first seed; there are twice OUTCRY_SEEDS streams.
 * OUTCRY_SOAK_MINUTES goes on with fresh seeds until the time is up: in each
 * profile for its share of it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/model/stream.h"
#include "tests/scenario/scenario.h"

#define COMMANDS_PER_STREAM 5000u

/* From so many streams on every reason is expected. */
#define STRICT_STREAMS 8u

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

/* What the streams of a profile came to. */
struct sums {
    uint64_t streams, refused, dropped, trades;
    uint64_t orders, orders_refused;
    uint64_t reasons[STREAM_REASONS];
    uint32_t live_max, sweep_max;
};

static void
add(struct sums *sums, const struct stream *stream)
{
    sums->streams++;
    sums->refused += stream->refused_cnt;
    sums->dropped += stream->dropped_cnt;
    sums->trades += stream->trades_cnt;
    sums->orders += stream->orders_cnt;
    sums->orders_refused += stream->orders_refused_cnt;
    for (unsigned i = 0; i < STREAM_REASONS; i++)
        sums->reasons[i] += stream->reasons[i];
    if (stream->live_max > sums->live_max)
        sums->live_max = stream->live_max;
    if (stream->sweep_max > sums->sweep_max)
        sums->sweep_max = stream->sweep_max;
}

/* assert_strict: limits of every kind refuse about a third of the orders, each for
 * every reason that there is. */
static void
assert_strict(const struct sums *sums)
{
    static const uint16_t others[] = {
        OE_REJECT_REASON_UNKNOWN_INSTRUMENT,
        OE_REJECT_REASON_INSTRUMENT_HALTED,
        OE_REJECT_REASON_INSTRUMENT_CLOSED,
        OE_REJECT_REASON_UNKNOWN_ACCOUNT,
        OE_REJECT_REASON_ACCOUNT_NOT_OF_FIRM,
        OE_REJECT_REASON_ORDER_TYPE_NOT_ALLOWED,
        OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED,
        OE_REJECT_REASON_INVALID_PRICE,
        OE_REJECT_REASON_INVALID_TICK,
        OE_REJECT_REASON_INVALID_QUANTITY,
        OE_REJECT_REASON_INVALID_LOT,
        OE_REJECT_REASON_POSITION_POOL_FULL,
        OE_REJECT_REASON_CONFIGURATION_RANGE,
        OE_REJECT_REASON_CONFIGURATION_CONFLICT,
    };

    cr_expect_geq(sums->orders_refused * 100, sums->orders * 25);
    cr_expect_leq(sums->orders_refused * 100, sums->orders * 35);
    for (uint16_t i = OE_REJECT_REASON_ACCOUNT_SUSPENDED; i <= OE_REJECT_REASON_BLACKLISTED; i++)
        cr_expect_gt(sums->reasons[i], 0, "never %s", oe_reject_reason_name(i));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        cr_expect_gt(sums->reasons[others[i]], 0, "never %s", oe_reject_reason_name(others[i]));
}

/* run_profile runs the streams of one profile. Tight limits must refuse much
 * and nothing may be so refused that no trade is left. */
static void
run_profile(const char *name)
{
    const uint64_t first = number_of("OUTCRY_SEED", 1);
    const uint64_t streams = 2 * number_of("OUTCRY_SEEDS", 100);
    const time_t end = time(NULL) + (time_t)(number_of("OUTCRY_SOAK_MINUTES", 0) * 60 / PROFILES);
    struct stream *stream = stream_new(SETUP_STEPS_MAX + COMMANDS_PER_STREAM);
    struct sums sums = {.streams = 0};

    for (uint64_t seed = first; seed < first + streams || time(NULL) < end; seed++) {
        const struct profile *profile = &profiles[profile_of(seed)];

        if (strcmp(profile->name, name) != 0)
            continue;
        if (!stream_generate(stream, profile, seed, COMMANDS_PER_STREAM))
            complain(stream);
        add(&sums, stream);
    }

    const uint64_t all = sums.streams * COMMANDS_PER_STREAM;
    const bool is_tight =
        sums.streams > 0 && stream->profile->is_tight && !stream->profile->is_strict;
    const bool is_strict = sums.streams >= STRICT_STREAMS && stream->profile->is_strict;

    stream_free(stream);
    printf("# %s: %" PRIu64 " streams from seed %" PRIu64 ", %" PRIu64 " commands, %" PRIu64
           "%% refused, %" PRIu64 " dropped, %" PRIu64
           " trades, at most %u by one command, at most %u orders live\n",
           name, sums.streams, first, all, all == 0 ? 0 : sums.refused * 100 / all, sums.dropped,
           sums.trades, sums.sweep_max, sums.live_max);
    cr_assert_geq(sums.trades, all / 100);
    cr_assert_leq(sums.dropped, all / 2);
    if (is_tight)
        cr_assert_gt(sums.refused, all / 5);
    if (is_strict)
        assert_strict(&sums);
    if (strcmp(name, "states") == 0 && sums.streams > 1)
        cr_assert_gt(sums.reasons[OE_REJECT_REASON_JOURNAL_SPACE], 0);
}

Test(model, agrees_on_streams_of_everything)
{
    run_profile("mixed");
}

Test(model, agrees_on_deep_queues)
{
    run_profile("deep");
}

Test(model, agrees_on_a_book_of_one_tick)
{
    run_profile("one_tick");
}

Test(model, agrees_on_huge_sweeps)
{
    run_profile("sweeps");
}

Test(model, agrees_on_ids_and_slots_that_are_used_again_and_again)
{
    run_profile("reuse");
}

Test(model, agrees_on_replaces_of_partly_filled_orders)
{
    run_profile("replaces");
}

Test(model, agrees_on_limits_that_refuse_much)
{
    run_profile("limits");
}

Test(model, agrees_on_mass_cancels)
{
    run_profile("mass");
}

Test(model, agrees_on_stops_in_chains)
{
    run_profile("stops");
}

Test(model, agrees_on_pegs_on_the_move)
{
    run_profile("pegs");
}

Test(model, agrees_on_links_everywhere)
{
    run_profile("links");
}

Test(model, agrees_on_icebergs)
{
    run_profile("icebergs");
}

Test(model, agrees_on_orders_of_one_group)
{
    run_profile("prevention");
}

Test(model, agrees_on_levels_that_are_shared_out)
{
    run_profile("allotment");
}

Test(model, agrees_on_orders_that_better_the_price)
{
    run_profile("top_orders");
}

Test(model, agrees_on_mass_quotes)
{
    run_profile("quotes");
}

Test(model, agrees_on_halts_closes_and_expiry)
{
    run_profile("states");
}

Test(model, agrees_on_pools_of_next_to_nothing)
{
    run_profile("pools");
}

Test(model, agrees_on_prices_far_apart)
{
    run_profile("far_apart");
}

Test(model, agrees_on_books_without_risk)
{
    run_profile("embedded");
}

Test(model, agrees_on_limits_of_every_kind)
{
    run_profile("tight");
}

Test(model, agrees_on_numbers_at_the_ends_of_their_ranges)
{
    run_profile("vast");
}

/* What a difference is kept in must mean the same when it is read. */
Test(model, stream_that_is_written_is_a_scenario_that_passes)
{
    char path[] = "/tmp/outcry-stream-XXXXXX";
    char complaint[2048] = "";
    const int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    close(fd);
    for (unsigned i = 0; i < PROFILES; i++) {
        struct stream *stream = stream_new(SETUP_STEPS_MAX + 1000);
        struct profile profile = profiles[i];

        profile.is_polite = true;
        cr_assert(stream_generate(stream, &profile, 1, 500), "%s", stream->complaint);
        cr_assert(stream_write(stream, path));
        cr_assert(scenario_run(path, complaint, sizeof complaint), "%s: %s", profiles[i].name,
                  complaint);
        stream_free(stream);
    }
    unlink(path);
}
