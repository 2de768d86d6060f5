#include "tests/model/tape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_PATH OUTCRY_SOURCE_ROOT "/../shared/data/aapl-2012-06-21-0930-1030-l3.csv.gz"
#define PX_OF_TAPE   (PX_ONE / 10000)

/* unpack starts gzip on the file and returns the end to read from. */
static FILE *
unpack(const char *path, pid_t *pid)
{
    int ends[2];

    if (pipe(ends) != 0)
        return NULL;
    *pid = fork();
    if (*pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execlp("gzip", "gzip", "-dc", path, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    if (*pid < 0) {
        close(ends[0]);
        return NULL;
    }
    return fdopen(ends[0], "r");
}

/* read_row reads one line; false if it has not the six columns. */
static bool
read_row(const char *line, struct tape_row *row)
{
    const char *at = strchr(line, ',');
    long long columns[5];

    for (unsigned i = 0; i < 5; i++) {
        char *end;

        if (at == NULL)
            return false;
        columns[i] = strtoll(at + 1, &end, 10);
        if (end == at + 1)
            return false;
        at = i < 4 ? strchr(end, ',') : end;
    }
    *row = (struct tape_row){
        .order_id = (uint64_t)columns[1],
        .px = columns[3] * PX_OF_TAPE,
        .qty = (qty_t)columns[2],
        .type = (uint8_t)columns[0],
        .sell = columns[4] < 0,
    };
    return columns[0] >= TAPE_NEW && columns[0] <= TAPE_HIDDEN_EXECUTION && columns[2] > 0 &&
           columns[3] > 0;
}

static bool
read_rows(struct tape *tape, FILE *file)
{
    char line[256];
    uint32_t room = 0;

    while (fgets(line, sizeof line, file) != NULL) {
        if (tape->rows_cnt == room) {
            room = room == 0 ? 1u << 12 : room * 2;

            struct tape_row *rows = realloc(tape->rows, room * sizeof *rows);

            if (rows == NULL)
                return false;
            tape->rows = rows;
        }
        if (!read_row(line, &tape->rows[tape->rows_cnt]))
            return false;
        tape->rows_cnt++;
    }
    return tape->rows_cnt > 0;
}

static const struct tape *sorted_tape;

/* By order, then by place on the tape. */
static int
compare(const void *a, const void *b)
{
    const uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    const uint64_t x = sorted_tape->rows[i].order_id, y = sorted_tape->rows[j].order_id;

    if (x != y)
        return x < y ? -1 : 1;
    return (i > j) - (i < j);
}

/* digest_order looks at all rows of one order, cnt of them. */
static void
digest_order(struct tape *tape, const uint32_t *at, uint32_t cnt)
{
    struct tape_row sum = tape->rows[at[0]];
    bool is_entered = false;
    uint32_t last = at[0];

    sum.qty = 0;
    for (uint32_t i = 0; i < cnt; i++) {
        const struct tape_row *row = &tape->rows[at[i]];

        if (row->type == TAPE_HIDDEN_EXECUTION)
            continue;
        last = at[i];
        if (row->type == TAPE_NEW) {
            is_entered = true;
            continue;
        }
        if (sum.qty == 0) {
            sum.px = row->px;
            sum.sell = row->sell;
        }
        sum.qty += row->qty;
    }
    sum.last = last;
    for (uint32_t i = 0; i < cnt; i++)
        tape->rows[at[i]].last = last;
    if (!is_entered && sum.qty > 0)
        tape->before[tape->before_cnt++] = sum;
}

/* digest finds what follows from the whole tape. */
static bool
digest(struct tape *tape)
{
    uint32_t *order = malloc(tape->rows_cnt * sizeof *order);

    tape->before = malloc(tape->rows_cnt * sizeof *tape->before);
    if (order == NULL || tape->before == NULL) {
        free(order);
        return false;
    }
    for (uint32_t i = 0; i < tape->rows_cnt; i++)
        order[i] = i;
    sorted_tape = tape;
    qsort(order, tape->rows_cnt, sizeof *order, compare);
    for (uint32_t i = 0, end; i < tape->rows_cnt; i = end) {
        for (end = i; end < tape->rows_cnt &&
                      tape->rows[order[end]].order_id == tape->rows[order[i]].order_id;)
            end++;
        digest_order(tape, &order[i], end - i);
    }
    free(order);
    return true;
}

bool
tape_read(struct tape *tape, const char **why)
{
    const char *path = getenv("OUTCRY_TAPE");
    pid_t pid = -1;
    int status = 0;

    *tape = (struct tape){.rows = NULL};
    if (path == NULL)
        path = DEFAULT_PATH;
    *why = "no tape: OUTCRY_TAPE names none and there is none beside the source";
    if (access(path, R_OK) != 0)
        return false;
    *why = "the tape cannot be unpacked";

    FILE *file = unpack(path, &pid);

    if (file == NULL)
        return false;

    const bool good = read_rows(tape, file);

    fclose(file);
    while (waitpid(pid, &status, 0) != pid)
        ;
    *why = "the tape cannot be read";
    return good && digest(tape);
}

void
tape_free(struct tape *tape)
{
    free(tape->rows);
    free(tape->before);
}
