/*
 * Goal: no file under the name of a snapshot, however broken, makes the loader of engine
 * or gateway crash, or read or write outside of what it was given; what it refuses it
 * gives a reason for; and what it takes up can be saved again.
 * Method: a good snapshot, of an engine with a full book and a gateway with reports, and
 * an input that is a list of edits to it. The first byte of the input tells which hashes
 * are put right afterwards, so that what lies behind each of them is reached as well.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/save.h"
#include "gateway/gateway.h"
#include "journal/snapshot_file.h"

#include "tests/journal/workload.h"

#define FIX_BODY   0x01u
#define FIX_HEADER 0x02u
#define DEEP       0x04u /* both parsers, past the state hash */
#define STEPS      1500u
#define SESSIONS   1u
#define RETRANSMIT 64u

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static char dir[64];
static char path[128];
static uint64_t seq;
static uint8_t *base;
static size_t base_bytes;
static uint8_t *file;
static struct engine_cfg cfg;

static void
clean_up(void)
{
    (void)unlink(path);
    (void)rmdir(dir);
}

/* die ends it; abort is what libFuzzer looks for. */
static _Noreturn void
die(const char *what)
{
    fprintf(stderr, "fuzz_snapshot: %s\n", what);
    abort();
}

static struct gateway *
gateway_new(void *mem)
{
    static struct gateway_session_cfg sessions[SESSIONS];
    const struct gateway_cfg gateway_cfg = {
        .shard = 3,
        .sessions_max = SESSIONS,
        .sessions = sessions,
        .retransmit_max = RETRANSMIT,
        .keepalive_ms = 1000,
        .ports_max = 1,
    };

    sessions[0] = (struct gateway_session_cfg){.name = "S", .key = "-", .used = true};
    memset(mem, 0, gateway_footprint(&gateway_cfg));
    return gateway_init(mem, &gateway_cfg);
}

/* gateway_fill lets it learn of a session and of more reports than it keeps. */
static void
gateway_fill(struct gateway *gateway)
{
    const union cell set = {.session_set = {.kind = CELL_KIND_SESSION_SET, .shape = 1 | CELL_LAST}};
    const union cell negotiate = {.session_negotiate = {.kind = CELL_KIND_SESSION_NEGOTIATE,
                                                        .shape = 1 | CELL_LAST,
                                                        .uuid = {1, 2, 3}}};

    gateway_recover(gateway, &set);
    gateway_recover(gateway, &negotiate);
    for (uint64_t i = 0; i < RETRANSMIT + 10; i++) {
        const union cell order = {.order_new = {.kind = CELL_KIND_ORDER_NEW,
                                                .shape = 1 | CELL_LAST,
                                                .seq = i + 1,
                                                .clord = i,
                                                .order_id = i,
                                                .px = 100,
                                                .qty = 1,
                                                .ord_type = OE_ORD_TYPE_LIMIT,
                                                .tif = OE_TIME_IN_FORCE_DAY}};

        gateway_recover(gateway, &order);
    }
}

static void
save_rest(void *ctx, struct image_out *out)
{
    gateway_save(ctx, out);
}

static void
give(void *mem, size_t bytes)
{
    (void)bytes;
    free(mem);
}

/* base_make makes the good snapshot. */
static void
base_make(void)
{
    static struct rig_cells all;
    static uint8_t gateway_mem[1u << 20] CACHE_ALIGNED;
    struct workload workload = {.all = &all, .random = 7};
    char why[SNAPSHOT_WHY_BYTES] = "";
    struct snapshot_info info;
    struct gateway *gateway = gateway_new(gateway_mem);

    workload_begin(&workload, 1);
    for (unsigned i = 0; i < STEPS; i++)
        workload_step(&workload);
    gateway_fill(gateway);
    if (!engine_cfg_of(&all.cells[0], &cfg))
        die("no Genesis");
    seq = engine_seq(workload.engine);

    const struct snapshot_cfg snapshot_cfg = {
        .dir = dir,
        .engine = workload.engine,
        .cfg = cfg,
        .place = {.page_no = 5, .seq = seq, .epoch = 1},
        .save_rest = save_rest,
        .ctx = gateway,
        .take = workload_memory,
        .give = give,
    };

    if (snapshot_write(&snapshot_cfg, &info, why) != 0)
        die(why);
    snprintf(path, sizeof path, "%s/%s", dir, info.name);
    base_bytes = info.bytes;
    base = malloc(base_bytes);
    file = malloc(2 * base_bytes);

    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (base == NULL || file == NULL || fd < 0 || read(fd, base, base_bytes) != (ssize_t)base_bytes)
        die("the snapshot cannot be read");
    close(fd);
    free(workload.engine);
    free(all.cells);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    snprintf(dir, sizeof dir, "%s", "/dev/shm/outcry-fuzz-XXXXXX");
    if (mkdtemp(dir) == NULL) {
        snprintf(dir, sizeof dir, "%s", "/tmp/outcry-fuzz-XXXXXX");
        if (mkdtemp(dir) == NULL)
            die("no folder");
    }
    base_make();
    return atexit(clean_up);
}

/*
 * An edit is five bytes: three of a place, one of what, one of a value. Places are
 * spread over the file; half of them lie in the header and at the beginning of the
 * images, where the numbers are.
 */
static size_t
edit(size_t bytes, const uint8_t *how)
{
    const size_t at = (size_t)how[0] << 16 | (size_t)how[1] << 8 | how[2];
    const size_t place = bytes == 0 ? 0 : (how[0] < 128 ? at % 8192 : at) % bytes;

    if (bytes == 0)
        return 0;
    switch (how[3] % 6) {
    case 0:
        file[place] = how[4];
        break;
    case 1:
        file[place] ^= (uint8_t)(1u << how[4] % 8);
        break;
    case 2: /* a number of eight bytes, at its own alignment */
        for (size_t i = place & ~(size_t)7; i < bytes && i < (place & ~(size_t)7) + 8; i++)
            file[i] = how[4];
        break;
    case 3:
        return place + how[4] < bytes ? place + how[4] : place;
    case 4: /* what was there moves on */
        if (bytes + how[4] <= 2 * base_bytes) {
            memmove(file + place + how[4], file + place, bytes - place);
            memset(file + place, how[4], how[4]);
            return bytes + how[4];
        }
        break;
    default:
        memmove(file + place, file + bytes / 2, bytes - place < how[4] ? bytes - place : how[4]);
        break;
    }
    return bytes;
}

/* fix puts hashes, and the sizes of the parts, right. */
static void
fix(size_t bytes, unsigned flags)
{
    struct snapshot_header header;

    if (bytes < sizeof header)
        return;
    memcpy(&header, file, sizeof header);
    if ((flags & FIX_BODY) != 0) {
        header.body_hash = hash128_of(file + sizeof header, bytes - sizeof header);
        if (header.engine_bytes > bytes - sizeof header)
            header.engine_bytes = bytes - sizeof header;
        header.rest_bytes = bytes - sizeof header - header.engine_bytes;
    }
    if ((flags & (FIX_BODY | FIX_HEADER)) != 0)
        header.hash = snapshot_header_hash(&header);
    memcpy(file, &header, sizeof header);
}

/* The bytes of an image that is saved again. */
static uint64_t saved_bytes;

static void
count(struct image_out *out, const void *bytes, size_t cnt)
{
    (void)out;
    (void)bytes;
    saved_bytes += cnt;
}

/* parse gives the images to engine and gateway whatever the state hash says. */
static void
parse(const struct snapshot *snapshot)
{
    static uint8_t gateway_mem[1u << 20] CACHE_ALIGNED;
    struct gateway *gateway = gateway_new(gateway_mem);
    struct image_in rest = snapshot_rest(snapshot);
    struct image_out out = {.put = count};
    void *mem = workload_memory(engine_footprint(&cfg));
    struct engine *engine = engine_init(mem, &cfg);
    const struct snapshot_header *header;
    struct image_in in;

    header = (const struct snapshot_header *)(const void *)file;
    in = (struct image_in){.at = file + sizeof *header, .left = header->engine_bytes};
    engine_salt(engine, 3);
    if (engine_load(engine, &in)) {
        saved_bytes = 0;
        engine_save(engine, &out);
        if (saved_bytes == 0)
            die("nothing is saved");
    } else if (!in.bad) {
        die("refused, and yet not bad");
    }
    if (gateway_load(gateway, &rest) == 0)
        gateway_save(gateway, &out);
    free(mem);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char why[SNAPSHOT_WHY_BYTES] = "";
    size_t file_bytes = base_bytes;
    struct snapshot *snapshot;

    if (bytes == 0)
        return 0;
    memcpy(file, base, base_bytes);
    for (size_t i = 1; i + 5 <= bytes && i < 500; i += 5)
        file_bytes = edit(file_bytes, data + i);
    fix(file_bytes, data[0]);

    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, file, file_bytes) != (ssize_t)file_bytes)
        die("the file cannot be written");
    close(fd);
    if (snapshot_open(&snapshot, dir, seq, why) != 0) {
        if (why[0] == '\0')
            die("refused without a reason");
        return 0;
    }

    /* Sizes that the fuzzer made up are sizes: but they are not those of the memory here. */
    const struct engine_cfg *its = &snapshot_info(snapshot)->cfg;

    if (engine_footprint(its) == engine_footprint(&cfg) && (data[0] & DEEP) != 0) {
        parse(snapshot);
    } else if (engine_footprint(its) <= engine_footprint(&cfg) && (data[0] & FIX_BODY) == 0) {
        void *mem = workload_memory(engine_footprint(its));

        if (snapshot_load(snapshot, mem, 9, why) == NULL && why[0] == '\0')
            die("refused without a reason");
        free(mem);
    }
    snapshot_close(snapshot);
    return 0;
}
