#include "tests/model/stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/scenario/text.h"

static size_t
stream_bytes(uint32_t steps_max)
{
    return sizeof(struct stream) + steps_max * sizeof(struct step);
}

struct stream *
stream_new(uint32_t steps_max)
{
    struct stream *stream = mmap(NULL, stream_bytes(steps_max), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ASSERT(stream != MAP_FAILED);
    stream->steps_max = steps_max;
    return stream;
}

void
stream_free(struct stream *stream)
{
    munmap(stream, stream_bytes(stream->steps_max));
}

/* fail notes what is wrong with the step in work. */
static bool
fail(struct stream *stream, const struct duo *duo, uint32_t at)
{
    stream->failed_at = at;
    memcpy(stream->complaint, duo->complaint, sizeof stream->complaint);
    return false;
}

static void
count(struct stream *stream, const struct duo *duo)
{
    if (duo->out_cnt == 0)
        stream->dropped_cnt++;
    else if (duo_outcome(duo) != 0)
        stream->refused_cnt++;
    if (duo->out_cnt > 0 && cell_kind(duo->out) == CELL_KIND_ORDER_NEW) {
        stream->orders_cnt++;
        stream->orders_refused_cnt += duo_outcome(duo) != 0;
    }
    if (duo->out_cnt > 0) {
        ASSERT(duo_outcome(duo) < STREAM_REASONS);
        stream->reasons[duo_outcome(duo)]++;
    }

    uint32_t trades_cnt = 0;

    for (uint32_t i = 0; i < duo->out_cnt; i++)
        trades_cnt += cell_kind(&duo->out[i]) == CELL_KIND_TRADE;
    stream->trades_cnt += trades_cnt;
    if (trades_cnt > stream->sweep_max)
        stream->sweep_max = trades_cnt;
    if (duo->model->orders_cnt > stream->live_max)
        stream->live_max = duo->model->orders_cnt;
}

/* in_child runs work in a child and says whether it came back with true; of
 * a child that died the complaint says by which signal. */
static bool
in_child(struct stream *stream, bool (*work)(struct stream *, uint32_t), uint32_t arg)
{
    int status = 0;

    fflush(NULL);
    snprintf(stream->complaint, sizeof stream->complaint, "the process died");

    const pid_t pid = fork();

    ASSERT(pid >= 0);
    if (pid == 0)
        _exit(work(stream, arg) ? 0 : 1);
    while (waitpid(pid, &status, 0) != pid)
        ;
    if (WIFSIGNALED(status))
        snprintf(stream->complaint, sizeof stream->complaint, "signal %d (see standard error)",
                 WTERMSIG(status));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        stream->failed_at = STEP_NONE;
        return true;
    }
    return false;
}

/* generate is the child's part of stream_generate. */
static bool
generate(struct stream *stream, uint32_t commands_cnt)
{
    const struct engine_cfg cfg = generate_cfg(stream->profile);
    struct duo *duo = duo_new(&cfg);
    struct given given = {.ids = NULL};
    struct generator generator = {
        .profile = stream->profile,
        .random = {stream->seed},
        .model = duo->model,
        .steps = stream->steps,
    };
    const uint32_t setup_cnt = generate_setup(stream->profile, stream->steps);

    ASSERT(setup_cnt + commands_cnt <= stream->steps_max);
    for (uint32_t i = 0; i < setup_cnt + commands_cnt; i++) {
        generator.number = i;
        if (i >= setup_cnt)
            generate_step(&generator, &stream->steps[i]);
        stream->steps_cnt = i + 1;
        stream->failed_at = i;
        if (!step_apply(duo, &stream->steps[i], i, &given))
            return fail(stream, duo, i);
        if (i < setup_cnt && duo_outcome(duo) != 0) {
            snprintf(duo->complaint, sizeof duo->complaint, "a command that sets up is refused");
            return fail(stream, duo, i);
        }
        count(stream, duo);
        generate_note(&generator, duo->out, duo->out_cnt);
        if (random_u64(&generator.random) % 97 == 0 && !duo_check(duo))
            return fail(stream, duo, i);
    }
    if (!duo_check(duo))
        return fail(stream, duo, stream->steps_cnt - 1);
    given_free(&given);
    duo_free(duo);
    return true;
}

bool
stream_generate(struct stream *stream,
                const struct profile *profile,
                uint64_t seed,
                uint32_t commands_cnt)
{
    stream->profile = profile;
    stream->seed = seed;
    stream->steps_cnt = 0;
    stream->refused_cnt = stream->dropped_cnt = stream->trades_cnt = 0;
    stream->live_max = stream->sweep_max = 0;
    stream->orders_cnt = stream->orders_refused_cnt = 0;
    memset(stream->reasons, 0, sizeof stream->reasons);
    return in_child(stream, generate, commands_cnt);
}

/* repeat runs the steps that are there, all of them without a look at the whole
 * state but at the end. */
static bool
repeat(struct stream *stream, uint32_t unused)
{
    const struct engine_cfg cfg = generate_cfg(stream->profile);
    struct duo *duo = duo_new(&cfg);
    struct given given = {.ids = NULL};

    (void)unused;
    for (uint32_t i = 0; i < stream->steps_cnt; i++) {
        stream->failed_at = i;
        if (!step_apply(duo, &stream->steps[i], i, &given))
            return fail(stream, duo, i);
    }
    return duo_check(duo) || fail(stream, duo, stream->steps_cnt - 1);
}

/* leave_out copies the stream without `cnt` steps from `from` on. */
static void
leave_out(struct stream *to, const struct stream *stream, uint32_t from, uint32_t cnt)
{
    to->profile = stream->profile;
    to->seed = stream->seed;
    to->steps_cnt = 0;
    for (uint32_t i = 0; i < stream->steps_cnt; i++)
        if (i < from || i >= from + cnt)
            to->steps[to->steps_cnt++] = stream->steps[i];
}

static void
copy(struct stream *to, const struct stream *stream)
{
    memcpy(to, stream, stream_bytes(stream->steps_cnt));
}

/* failed_kind returns the kind of the command at which the stream failed. */
static unsigned
failed_kind(const struct stream *stream)
{
    return cell_kind(stream->steps[stream->failed_at].command.cells);
}

void
stream_minimise(struct stream *stream)
{
    struct stream *trial = stream_new(stream->steps_max);
    const uint32_t steps_max = stream->steps_max;
    /* Another command that fails would be another fault. */
    const unsigned kind = failed_kind(stream);

    uint32_t before;

    stream->steps_cnt = stream->failed_at + 1;
    do {
        before = stream->steps_cnt;
        for (uint32_t part = before / 2; part > 0; part /= 2)
            for (uint32_t from = 0; from + part <= stream->steps_cnt;) {
                leave_out(trial, stream, from, part);
                trial->steps_max = steps_max;
                if (trial->steps_cnt > 0 && !in_child(trial, repeat, 0) &&
                    failed_kind(trial) == kind) {
                    copy(stream, trial);
                    stream->steps_cnt = stream->failed_at + 1;
                } else {
                    from += part;
                }
            }
    } while (stream->steps_cnt < before);
    stream_free(trial);
}

/* has_no_words: words of operators, and what is told of risk. */
static bool
has_no_words(unsigned kind)
{
    return cell_takes_author(kind) || kind == CELL_KIND_RISK_WARNING ||
           kind == CELL_KIND_RISK_ACTION;
}

/* write_fields tells in a comment what the language has no words for. */
static void
write_fields(FILE *file, const union cell *cells)
{
    for (unsigned i = 0; i < cell_count(cells); i++) {
        unsigned cnt;
        const struct cell_field *fields = cell_fields(cell_kind(&cells[i]), &cnt);

        fprintf(file, "# %s:", cell_kind_name(cell_kind(&cells[i])));
        for (unsigned k = 0; k < cnt; k++) {
            int64_t value = 0;

            if (fields[k].size > sizeof value)
                continue;
            memcpy(&value, &cells[i].bytes[fields[k].offset], fields[k].size);
            if (value != 0 && k > 1)
                fprintf(file, " %s %" PRId64, fields[k].name, value);
        }
        fputc('\n', file);
    }
}

/* write_steps is the child's part of stream_write: the engine may die of the
 * last step. */
static bool
write_steps(FILE *file, const struct stream *stream)
{
    const struct engine_cfg cfg = generate_cfg(stream->profile);
    struct duo *duo = duo_new(&cfg);
    struct given given = {.ids = NULL};
    char line[TEXT_LINE_MAX];

    for (uint32_t i = 0; i < stream->steps_cnt; i++) {
        text_write_command(&stream->steps[i].command, &stream->steps[i].target, line);
        if (line[0] == '#')
            write_fields(file, stream->steps[i].command.cells);
        else
            fprintf(file, "%s\n", line);
        fflush(file);
        (void)!step_apply(duo, &stream->steps[i], i, &given);
        for (uint32_t at = 0; at < duo->model->group_cnt;) {
            const union cell *message = &duo->model->group[at];

            if (has_no_words(cell_kind(message))) {
                write_fields(file, message);
                at += cell_count(message);
                continue;
            }
            at += text_write_message(message, line);
            fprintf(file, "  %s\n", line);
        }
        if (duo->model->group_cnt == 0)
            fprintf(file, "  dropped\n");
        fflush(file);
    }
    return true;
}

bool
stream_write(const struct stream *stream, const char *path)
{
    FILE *file = fopen(path, "w");

    if (file == NULL)
        return false;
    const struct profile *profile = stream->profile;

    fprintf(file, "# Profile %s, seed %" PRIu64 ": %s\nbare\n%s", profile->name, stream->seed,
            stream->complaint, profile->no_risk ? "no-risk\n" : "");
    fprintf(file, "orders %u\nattributes %u\npages %u\npositions %u\n", profile->orders_max,
            profile->extras_max, profile->pages_max, profile->positions_max);
    fflush(file);

    const pid_t pid = fork();

    ASSERT(pid >= 0);
    if (pid == 0)
        _exit(write_steps(file, stream) ? 0 : 1);
    while (waitpid(pid, NULL, 0) != pid)
        ;
    return fclose(file) == 0;
}
