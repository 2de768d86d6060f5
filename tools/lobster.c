#include "tools/lobster.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PX_PER_TAPE_UNIT    10000 /* 1e-4 dollars in 1e-8 */
#define TAPE_UNITS_PER_TICK 100
#define TICKS_CNT           (1u << 18) /* prices below 2,621.44 */
#define NONE                UINT32_MAX

struct row {
    uint64_t id;
    uint32_t size;
    uint32_t tick;
    uint8_t type;
    bool sell;
};

/* An order of the tape; the mirror's queue runs through prev and next. */
struct order {
    uint64_t id;
    uint32_t last_row; /* that mentions it, hidden executions aside */
    uint32_t standing; /* sum of reductions, for orders that are never submitted */
    uint32_t leaves;   /* 0: not in the book */
    uint32_t cum;
    uint32_t tick;
    uint32_t command; /* whose ClOrdID it has */
    uint32_t prev;
    uint32_t next;
    bool sell;
    bool submitted;
};

struct queue {
    uint32_t head;
    uint32_t tail;
};

struct mirror {
    struct row *rows;
    size_t rows_cnt;
    struct order *orders;
    size_t orders_cnt;
    uint32_t *table; /* open addressing: order index + 1 by id */
    size_t table_mask;
    struct queue *queues[2];
    uint32_t best[2]; /* bid: highest tick or 0; ask: lowest tick or TICKS_CNT */
    struct lobster *out;
    size_t commands_max;
};

static struct order *
order_of(struct mirror *mirror, uint64_t id)
{
    size_t at = (size_t)(id * 0x9e3779b97f4a7c15ull >> 20) & mirror->table_mask;

    while (mirror->table[at] != 0) {
        struct order *order = &mirror->orders[mirror->table[at] - 1];

        if (order->id == id)
            return order;
        at = (at + 1) & mirror->table_mask;
    }
    mirror->table[at] = (uint32_t)++mirror->orders_cnt;
    struct order *order = &mirror->orders[mirror->orders_cnt - 1];
    *order = (struct order){.id = id, .command = NONE, .prev = NONE, .next = NONE};
    return order;
}

/* emit appends one command; the list was allocated for the worst case of one
 * own cancel per order beside two commands per row. */
static uint32_t
emit(struct mirror *mirror, const struct lobster_command *command)
{
    struct lobster *out = mirror->out;

    ASSERT(out->commands_cnt < mirror->commands_max);
    out->commands[out->commands_cnt] = *command;
    return (uint32_t)out->commands_cnt++;
}

static void
best_repair(struct mirror *mirror, bool sell)
{
    uint32_t tick = mirror->best[sell];

    if (sell)
        while (tick < TICKS_CNT && mirror->queues[1][tick].head == NONE)
            tick++;
    else
        while (tick > 0 && mirror->queues[0][tick].head == NONE)
            tick--;
    mirror->best[sell] = tick;
}

static void
book_add(struct mirror *mirror, struct order *order)
{
    const uint32_t index = (uint32_t)(order - mirror->orders);
    struct queue *queue = &mirror->queues[order->sell][order->tick];

    order->next = NONE;
    order->prev = queue->tail;
    if (queue->tail == NONE)
        queue->head = index;
    else
        mirror->orders[queue->tail].next = index;
    queue->tail = index;
    if (order->sell ? order->tick < mirror->best[1] : order->tick > mirror->best[0])
        mirror->best[order->sell] = order->tick;
}

static void
book_remove(struct mirror *mirror, struct order *order)
{
    struct queue *queue = &mirror->queues[order->sell][order->tick];

    if (order->prev == NONE)
        queue->head = order->next;
    else
        mirror->orders[order->prev].next = order->next;
    if (order->next == NONE)
        queue->tail = order->prev;
    else
        mirror->orders[order->next].prev = order->prev;
    order->leaves = 0;
    best_repair(mirror, order->sell);
}

static void
send_cancel(struct mirror *mirror, struct order *order, bool own)
{
    const bool refused = order->leaves == 0;

    emit(mirror, &(struct lobster_command){
                     .kind = LOBSTER_CANCEL,
                     .tape_id = order->id,
                     .orig = order->command,
                     .own = own,
                     .refused = refused,
                 });
    mirror->out->own_cancels_cnt += own;
    mirror->out->refused_cnt += refused;
    if (!refused)
        book_remove(mirror, order);
}

static void
send_new(struct mirror *mirror, struct order *order, uint32_t tick, uint32_t qty, bool sell)
{
    order->command = emit(mirror, &(struct lobster_command){
                                      .kind = LOBSTER_NEW,
                                      .tape_id = order->id,
                                      .px = (px_t)tick * TAPE_UNITS_PER_TICK * PX_PER_TAPE_UNIT,
                                      .qty = qty,
                                      .sell = sell,
                                      .orig = LOBSTER_NONE,
                                  });
    order->leaves = qty;
    order->cum = 0;
    order->tick = tick;
    order->sell = sell;
    book_add(mirror, order);
}

/* cancel_level takes every order at the best level of a side out. */
static void
cancel_best_level(struct mirror *mirror, bool sell)
{
    const uint32_t tick = mirror->best[sell];

    while (mirror->queues[sell][tick].head != NONE)
        send_cancel(mirror, &mirror->orders[mirror->queues[sell][tick].head], true);
}

static bool
better(bool sell, uint32_t a, uint32_t b)
{
    return sell ? a < b : a > b;
}

/* Rule 1. */
static void
row_new(struct mirror *mirror, const struct row *row)
{
    const bool opposite = !row->sell;

    while (row->sell ? mirror->best[0] >= row->tick : mirror->best[1] <= row->tick) {
        if (mirror->best[opposite] == (opposite ? TICKS_CNT : 0))
            break;
        cancel_best_level(mirror, opposite);
    }
    send_new(mirror, order_of(mirror, row->id), row->tick, row->size, row->sell);
}

/* Rule 2. */
static void
row_reduce(struct mirror *mirror, const struct row *row)
{
    struct order *order = order_of(mirror, row->id);

    if (row->type == 3 || order->leaves <= row->size) {
        send_cancel(mirror, order, false);
        return;
    }
    order->leaves -= row->size;
    order->command =
        emit(mirror, &(struct lobster_command){
                         .kind = LOBSTER_REPLACE,
                         .tape_id = order->id,
                         .px = (px_t)order->tick * TAPE_UNITS_PER_TICK * PX_PER_TAPE_UNIT,
                         .qty = order->cum + order->leaves,
                         .sell = order->sell,
                         .orig = order->command,
                     });
}

/* trade fills the mirror's orders up to the limit, best first. */
static void
trade(struct mirror *mirror, bool maker_sell, uint32_t tick, uint32_t qty)
{
    while (qty > 0 && !better(!maker_sell, mirror->best[maker_sell], tick)) {
        const uint32_t best = mirror->best[maker_sell];

        if (best == (maker_sell ? TICKS_CNT : 0))
            break;
        struct order *maker = &mirror->orders[mirror->queues[maker_sell][best].head];
        const uint32_t fill = qty < maker->leaves ? qty : maker->leaves;

        qty -= fill;
        maker->cum += fill;
        maker->leaves -= fill;
        if (maker->leaves == 0)
            book_remove(mirror, maker);
    }
}

/* Rule 3. */
static void
row_execute(struct mirror *mirror, const struct row *row, uint32_t row_no)
{
    const bool sell = row->sell;
    uint32_t at;

    while (better(sell, mirror->best[sell], row->tick))
        cancel_best_level(mirror, sell);
    at = mirror->queues[sell][row->tick].head;
    while (at != NONE && mirror->orders[at].id != row->id) {
        struct order *order = &mirror->orders[at];

        at = order->next;
        if (order->last_row <= row_no)
            send_cancel(mirror, order, true);
    }
    emit(mirror, &(struct lobster_command){
                     .kind = LOBSTER_IOC,
                     .tape_id = row->id,
                     .px = (px_t)row->tick * TAPE_UNITS_PER_TICK * PX_PER_TAPE_UNIT,
                     .qty = row->size,
                     .sell = !sell,
                     .orig = LOBSTER_NONE,
                 });
    mirror->out->executions_cnt++;
    trade(mirror, sell, row->tick, row->size);
}

static int
order_by_id(const void *a, const void *b)
{
    const uint64_t x = (*(const struct order *const *)a)->id;
    const uint64_t y = (*(const struct order *const *)b)->id;

    return (x > y) - (x < y);
}

/* Rule 0. */
static int
enter_standing(struct mirror *mirror)
{
    struct order **standing = calloc(mirror->orders_cnt + 1, sizeof(struct order *));
    size_t cnt = 0;

    if (standing == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < mirror->orders_cnt; i++)
        if (!mirror->orders[i].submitted && mirror->orders[i].standing > 0)
            standing[cnt++] = &mirror->orders[i];
    qsort(standing, cnt, sizeof(struct order *), order_by_id);
    for (size_t i = 0; i < cnt; i++)
        send_new(mirror, standing[i], standing[i]->tick, standing[i]->standing, standing[i]->sell);
    mirror->out->standing_cnt = cnt;
    free(standing);
    return 0;
}

/* survey notes of every order its last mention and, of those never submitted,
 * what stood there. */
static void
survey(struct mirror *mirror)
{
    for (size_t i = 0; i < mirror->rows_cnt; i++) {
        const struct row *row = &mirror->rows[i];

        if (row->type == 5)
            continue;
        struct order *order = order_of(mirror, row->id);
        order->last_row = (uint32_t)i;
        if (row->type == 1) {
            order->submitted = true;
        } else {
            order->standing += row->size;
            order->tick = row->tick;
            order->sell = row->sell;
        }
    }
}

static int
rows_read(struct mirror *mirror, FILE *file, char why[256])
{
    char line[256];
    size_t rows_max = 0;

    while (fgets(line, sizeof line, file) != NULL) {
        unsigned type;
        uint64_t id, units;
        uint32_t size;
        int direction;

        if (mirror->rows_cnt == rows_max) {
            rows_max = rows_max == 0 ? 1u << 16 : 2 * rows_max;
            struct row *rows = realloc(mirror->rows, rows_max * sizeof(struct row));
            if (rows == NULL)
                return -ENOMEM;
            mirror->rows = rows;
        }
        if (sscanf(line, "%*[0-9.],%u,%" SCNu64 ",%" SCNu32 ",%" SCNu64 ",%d", &type, &id, &size,
                   &units, &direction) != 5 ||
            type < 1 || type > 5 || (direction != 1 && direction != -1) ||
            (type != 5 && (units % TAPE_UNITS_PER_TICK != 0 || units == 0 || size == 0 ||
                           units / TAPE_UNITS_PER_TICK >= TICKS_CNT))) {
            snprintf(why, 256, "row %zu is no LOBSTER message with a tick of 0.01",
                     mirror->rows_cnt + 1);
            return -EINVAL;
        }
        mirror->rows[mirror->rows_cnt++] = (struct row){
            .id = id,
            .size = size,
            .tick = (uint32_t)(units / TAPE_UNITS_PER_TICK),
            .type = (uint8_t)type,
            .sell = direction == -1,
        };
    }
    if (mirror->rows_cnt == 0) {
        snprintf(why, 256, "the file has no rows");
        return -EINVAL;
    }
    return 0;
}

/* gunzip starts gzip on the file and returns the end to read from. */
static FILE *
gunzip(const char *path, pid_t *child)
{
    int ends[2];

    if (pipe(ends) != 0)
        return NULL;
    *child = fork();
    if (*child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execlp("gzip", "gzip", "-dc", "--", path, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    return *child < 0 ? NULL : fdopen(ends[0], "r");
}

static int
tape_read(struct mirror *mirror, const char *path, char why[256])
{
    const size_t len = strlen(path);
    const bool gz = len > 3 && strcmp(path + len - 3, ".gz") == 0;
    pid_t child = -1;
    int status = 0;

    if (access(path, R_OK) != 0) {
        const int error = errno;
        snprintf(why, 256, "%s", strerror(error));
        return -error;
    }
    FILE *file = gz ? gunzip(path, &child) : fopen(path, "r");
    if (file == NULL) {
        snprintf(why, 256, "%s", strerror(errno));
        return -EIO;
    }
    int result = rows_read(mirror, file, why);
    fclose(file);
    if (child > 0 && (waitpid(child, &status, 0) != child || status != 0) && result == 0) {
        snprintf(why, 256, "gzip could not read the file");
        result = -EINVAL;
    }
    return result;
}

static int
mirror_init(struct mirror *mirror)
{
    size_t table_cnt = 1024;

    while (table_cnt < 4 * mirror->rows_cnt)
        table_cnt *= 2;
    mirror->table_mask = table_cnt - 1;
    mirror->table = calloc(table_cnt, sizeof(uint32_t));
    mirror->orders = calloc(mirror->rows_cnt + 1, sizeof(struct order));
    mirror->commands_max = 4 * mirror->rows_cnt + 16;
    mirror->out->commands = calloc(mirror->commands_max, sizeof(struct lobster_command));
    for (int side = 0; side < 2; side++) {
        mirror->queues[side] = malloc((TICKS_CNT + 1) * sizeof(struct queue));
        if (mirror->queues[side] == NULL)
            return -ENOMEM;
        for (uint32_t i = 0; i <= TICKS_CNT; i++)
            mirror->queues[side][i] = (struct queue){NONE, NONE};
    }
    mirror->best[0] = 0;
    mirror->best[1] = TICKS_CNT;
    if (mirror->table == NULL || mirror->orders == NULL || mirror->out->commands == NULL)
        return -ENOMEM;
    return 0;
}

static int
commands_make(struct mirror *mirror)
{
    int result;

    if ((result = mirror_init(mirror)) != 0)
        return result;
    survey(mirror);
    if ((result = enter_standing(mirror)) != 0)
        return result;
    for (size_t i = 0; i < mirror->rows_cnt; i++) {
        const struct row *row = &mirror->rows[i];

        if (row->type == 1)
            row_new(mirror, row);
        else if (row->type == 2 || row->type == 3)
            row_reduce(mirror, row);
        else if (row->type == 4)
            row_execute(mirror, row, (uint32_t)i);
    }
    return 0;
}

int
lobster_load(struct lobster *lobster, const char *path, char why[256])
{
    struct mirror mirror = {.out = lobster};

    *lobster = (struct lobster){0};
    int result = tape_read(&mirror, path, why);
    if (result == 0) {
        lobster->rows_cnt = mirror.rows_cnt;
        result = commands_make(&mirror);
        if (result != 0)
            snprintf(why, 256, "out of memory");
    }
    free(mirror.rows);
    free(mirror.orders);
    free(mirror.table);
    free(mirror.queues[0]);
    free(mirror.queues[1]);
    if (result != 0)
        lobster_free(lobster);
    return result;
}

void
lobster_free(struct lobster *lobster)
{
    free(lobster->commands);
    *lobster = (struct lobster){0};
}
