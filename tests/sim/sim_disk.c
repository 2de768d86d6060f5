#include "tests/sim/sim_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base.h"

#include "tests/gateway/port_pair.h"

/* How long a disk has no room, at most. */
#define FULL_NS_MAX 1000000000u

struct sim_disk sim_disk;

/* How the volatile writes of a file come through a power cut. */
enum fate {
    FATE_NOTHING,
    FATE_ALL,
    FATE_PREFIX,  /* in order, the last one torn at a sector */
    FATE_SECTORS, /* any */
    FATE_PAGES,   /* any */
    FATE_WRITES,  /* any, whole */
    FATES
};

uint64_t
sim_below(uint64_t bound)
{
    return net_random(&sim_disk.random) % bound;
}

bool
sim_happens(enum sim_fault fault)
{
    if (sim_disk.permille[fault] == 0 || sim_disk.calm)
        return false;
    if (sim_below(1000) >= sim_disk.permille[fault])
        return false;
    sim_disk.seen[fault]++;
    return true;
}

bool
sim_full(void)
{
    if (sim_disk.now_ns >= sim_disk.full_until_ns && sim_happens(SIM_NO_ROOM))
        sim_disk.full_until_ns = sim_disk.now_ns + sim_below(FULL_NS_MAX);
    return sim_disk.now_ns < sim_disk.full_until_ns && !sim_disk.calm;
}

_Noreturn void
sim_leave(enum sim_end end)
{
    longjmp(sim_disk.crash_env, (int)end);
}

void
sim_boundary(enum sim_boundary boundary)
{
    sim_disk.boundaries_cnt++;
    if (sim_disk.boundaries_left == 0 || --sim_disk.boundaries_left != 0)
        return;
    sim_disk.last = boundary;
    sim_disk.crossed[boundary]++;
    sim_leave(SIM_POWER_CUT);
}

/* remove_files empties the folder. */
static void
remove_files(const char *dir)
{
    DIR *files = opendir(dir);

    ASSERT(files != NULL);
    for (const struct dirent *entry = readdir(files); entry != NULL; entry = readdir(files)) {
        char path[512];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        (void)unlink(path);
    }
    closedir(files);
}

void
sim_disk_open(uint64_t seed)
{
    struct sim_disk *disk = &sim_disk;
    struct stat st;

    if (disk->dir[0] == '\0') {
        snprintf(disk->dir, sizeof disk->dir, "/dev/shm/outcry-sim-%d", (int)getpid());
        if (mkdir(disk->dir, 0700) != 0) {
            snprintf(disk->dir, sizeof disk->dir, "/tmp/outcry-sim-%d", (int)getpid());
            ASSERT(mkdir(disk->dir, 0700) == 0);
        }
    }
    ASSERT(stat(disk->dir, &st) == 0);
    disk->dir_ino = st.st_ino;
    disk->random = seed * 0x9e3779b97f4a7c15ull + 1;
    disk->now_ns = 0;
    disk->boundaries_left = 0;
    disk->calm = false;
    disk->lied = false;
    disk->fate_nothing = false;
    disk->full_until_ns = 0;
    disk->latency_ns = 0;
    disk->names_cnt = 0;
    memset(disk->permille, 0, sizeof disk->permille);
}

void
sim_disk_close(void)
{
    ASSERT(!sim_disk.is_on);
    remove_files(sim_disk.dir);
    for (unsigned i = 0; i < SIM_FILES_MAX; i++)
        sim_file_free(&sim_disk.files[i]);
    (void)rmdir(sim_disk.dir);
    if (sim_disk.honest_dir[0] != '\0') {
        remove_files(sim_disk.honest_dir);
        (void)rmdir(sim_disk.honest_dir);
        sim_disk.honest_dir[0] = '\0';
    }
    sim_disk.dir[0] = '\0';
}

void
sim_disk_on(void)
{
    ASSERT(!sim_disk.is_on);
    sim_disk.is_on = true;
}

void
sim_disk_off(void)
{
    ASSERT(sim_disk.queue == NULL);
    ASSERT(sim_disk.prepare == NULL);
    sim_disk.is_on = false;
    sim_disk.fds_cnt = 0;
    sim_disk.maps_cnt = 0;
}

void
sim_disk_tick(void)
{
    sim_prepare_tick();
}

static void
writes_clear(struct sim_file *file)
{
    for (uint32_t i = 0; i < file->writes_cnt; i++)
        free(file->writes[i].data);
    file->writes_cnt = 0;
}

void
sim_file_free(struct sim_file *file)
{
    writes_clear(file);
    free(file->writes);
    sim_zeros_give(file->platter);
    sim_zeros_give(file->honest);
    *file = (struct sim_file){0};
}

struct sim_file *
sim_file_of(int fd, bool make)
{
    struct sim_file *unused = NULL;
    struct stat st;

    ASSERT(fstat(fd, &st) == 0);
    for (unsigned i = 0; i < SIM_FILES_MAX; i++) {
        struct sim_file *file = &sim_disk.files[i];

        if (file->ino == st.st_ino)
            return file;
        if (file->ino == 0 && unused == NULL)
            unused = file;
    }
    if (!make)
        return NULL;
    ASSERT(unused != NULL);
    *unused = (struct sim_file){
        .ino = st.st_ino,
        .platter = sim_zeros_take(),
        .honest = sim_zeros_take(),
    };
    return unused;
}

/* lie makes a write of pages one that does not do what it says. */
static void
lie(struct sim_write *write)
{
    const uint32_t pages = write->bytes / SIM_PAGE_BYTES;
    bool lost;

    if (sim_disk.lied || pages == 0)
        return;
    lost = sim_happens(SIM_LIE_LOST);
    if (!lost && !sim_happens(SIM_LIE_ASTRAY))
        return;
    sim_disk.lied = true;
    write->lie_page = (uint32_t)sim_below(pages);
    write->lie_pages = 1 + (uint32_t)sim_below(pages - write->lie_page);
    write->astray_page = SIM_NOTHING;
    if (!lost)
        write->astray_page = sim_below(SIM_SEGMENT_PAGES - write->lie_pages + 1);
}

uint64_t
sim_file_write(struct sim_file *file, const void *data, uint32_t bytes, uint64_t off, bool may_lie)
{
    struct sim_write *write;

    ASSERT(off + bytes <= SIM_FILE_BYTES);
    if (file->writes_cnt == file->writes_max) {
        file->writes_max = file->writes_max == 0 ? 16 : 2 * file->writes_max;
        file->writes = realloc(file->writes, file->writes_max * sizeof *file->writes);
        ASSERT(file->writes != NULL);
    }
    write = &file->writes[file->writes_cnt++];
    *write = (struct sim_write){
        .id = ++sim_disk.writes_cnt,
        .off = off,
        .bytes = bytes,
        .data = malloc(bytes),
    };
    ASSERT(write->data != NULL);
    memcpy(write->data, data, bytes);
    if (may_lie)
        lie(write);
    return write->id;
}

const struct sim_write *
sim_file_done(struct sim_file *file, uint64_t id)
{
    for (uint32_t i = 0; i < file->writes_cnt; i++) {
        if (file->writes[i].id != id)
            continue;
        file->writes[i].done = true;
        return &file->writes[i];
    }
    UNREACHABLE("a write stays volatile until it is complete and synced");
}

/* put writes bytes [from, to) of a write to the platter, lies included. */
static void
put(struct sim_file *file, const struct sim_write *write, uint32_t from, uint32_t to)
{
    const uint32_t lie_from = write->lie_page * SIM_PAGE_BYTES;
    const uint32_t lie_to = lie_from + write->lie_pages * SIM_PAGE_BYTES;

    memcpy(file->honest + write->off + from, write->data + from, to - from);
    if (write->lie_pages == 0) {
        memcpy(file->platter + write->off + from, write->data + from, to - from);
        return;
    }
    for (uint32_t at = from; at < to; at += SIM_SECTOR_BYTES) {
        const uint32_t bytes = to - at < SIM_SECTOR_BYTES ? to - at : SIM_SECTOR_BYTES;
        uint64_t where = write->off + at;

        if (at >= lie_from && at < lie_to) {
            if (write->astray_page == SIM_NOTHING)
                continue;
            where = write->astray_page * SIM_PAGE_BYTES + (at - lie_from);
        }
        memcpy(file->platter + where, write->data + at, bytes);
    }
}

void
sim_file_sync(struct sim_file *file)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < file->writes_cnt; i++) {
        struct sim_write *write = &file->writes[i];

        if (!write->done) {
            file->writes[kept++] = *write;
            continue;
        }
        put(file, write, 0, write->bytes);
        free(write->data);
    }
    file->writes_cnt = kept;
}

/* put_parts writes any parts of a certain size. */
static void
put_parts(struct sim_file *file, const struct sim_write *write, uint32_t part_bytes)
{
    for (uint32_t at = 0; at < write->bytes; at += part_bytes) {
        const uint32_t left = write->bytes - at;

        if (sim_below(2) == 0)
            put(file, write, at, at + (left < part_bytes ? left : part_bytes));
    }
}

/* settle decides what comes of the volatile writes of a file. */
static void
settle(struct sim_file *file)
{
    const enum fate fate = sim_disk.fate_nothing ? FATE_NOTHING : (enum fate)sim_below(FATES);
    const uint64_t last = sim_below(file->writes_cnt + 1u);

    for (uint32_t i = 0; i < file->writes_cnt; i++) {
        const struct sim_write *write = &file->writes[i];
        const uint32_t sectors = write->bytes / SIM_SECTOR_BYTES;

        if (fate == FATE_ALL || (fate == FATE_PREFIX && i < last) ||
            (fate == FATE_WRITES && sim_below(2) == 0))
            put(file, write, 0, write->bytes);
        else if (fate == FATE_PREFIX && i == last)
            put(file, write, 0, (uint32_t)sim_below(sectors + 1u) * SIM_SECTOR_BYTES);
        else if (fate == FATE_SECTORS)
            put_parts(file, write, SIM_SECTOR_BYTES);
        else if (fate == FATE_PAGES)
            put_parts(file, write, SIM_PAGE_BYTES);
    }
    writes_clear(file);
}

/* rot flips up to eight bits in some page. */
static void
rot(struct sim_file *file, uint64_t pages)
{
    const uint64_t page = sim_below(pages);
    uint8_t *bytes = file->platter + page * SIM_PAGE_BYTES;
    const uint64_t bit = sim_below(SIM_PAGE_BYTES * 8 - 8);
    const uint64_t flips = 1 + 2 * sim_below(128);

    for (unsigned i = 0; i < 8; i++)
        bytes[(bit + i) / 8] ^= (uint8_t)((flips >> i & 1) << (bit + i) % 8);
}

/* names_settle keeps the first few changes of the folder and undoes the rest,
 * the last one first: a file system keeps their order. */
static void
names_settle(int dir_fd)
{
    const uint32_t kept = (uint32_t)sim_below(sim_disk.names_cnt + 1u);

    while (sim_disk.names_cnt > kept) {
        const struct sim_name *name = &sim_disk.names[--sim_disk.names_cnt];

        if (name->from[0] == '\0')
            (void)unlinkat(dir_fd, name->to, 0);
        else
            (void)renameat(dir_fd, name->to, dir_fd, name->from);
    }
    sim_disk.names_cnt = 0;
}

static bool
is_segment(const char *name)
{
    const size_t len = strlen(name);

    return len == 12 && strcmp(name + 8, ".seg") == 0;
}

/* each_file opens all files that are still in the folder; false ends it. */
static void
each_file(bool (*visit)(struct sim_file *file, int fd, const char *name, void *ctx), void *ctx)
{
    DIR *files = opendir(sim_disk.dir);
    bool goes_on = true;

    ASSERT(files != NULL);
    for (const struct dirent *entry = readdir(files); entry != NULL && goes_on;
         entry = readdir(files)) {
        if (entry->d_name[0] == '.')
            continue;

        const int fd = openat(dirfd(files), entry->d_name, O_RDWR | O_CLOEXEC);
        struct sim_file *file;

        ASSERT(fd >= 0);
        file = sim_file_of(fd, false);
        if (file != NULL)
            goes_on = visit(file, fd, entry->d_name, ctx);
        close(fd);
    }
    closedir(files);
}

static bool
file_settle(struct sim_file *file, int fd, const char *name, void *ctx)
{
    bool *seen = ctx;
    struct stat st;

    settle(file);
    ASSERT(fstat(fd, &st) == 0);
    if (is_segment(name) && !sim_disk.lied && sim_happens(SIM_LIE_ROT)) {
        rot(file, SIM_SEGMENT_PAGES);
        sim_disk.lied = true;
    }
    if (strstr(name, ".snap") != NULL && st.st_size >= SIM_PAGE_BYTES &&
        sim_happens(SIM_SNAPSHOT_ROT))
        rot(file, (uint64_t)st.st_size / SIM_PAGE_BYTES);
    ASSERT(pwrite(fd, file->platter, (size_t)st.st_size, 0) == st.st_size);
    seen[file - sim_disk.files] = true;
    return true;
}

/* take_all takes from the exchange what a process has. */
static void
take_all(void)
{
    struct sim_disk *disk = &sim_disk;

    ASSERT(disk->is_on);
    disk->is_on = false;
    disk->boundaries_left = 0;
    sim_queue_drop();
    sim_prepare_drop();
    for (uint32_t i = 0; i < disk->fds_cnt; i++)
        (void)close(disk->fds[i]);
    for (uint32_t i = 0; i < disk->maps_cnt; i++)
        munmap(disk->maps[i], disk->map_bytes[i]);
    disk->fds_cnt = 0;
    disk->maps_cnt = 0;
}

void
sim_disk_crash(void)
{
    struct sim_disk *disk = &sim_disk;
    bool seen[SIM_FILES_MAX] = {false};
    int dir_fd;

    take_all();
    dir_fd = open(disk->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT(dir_fd >= 0);
    names_settle(dir_fd);
    close(dir_fd);
    each_file(file_settle, seen);
    for (unsigned i = 0; i < SIM_FILES_MAX; i++) {
        if (disk->files[i].ino != 0 && !seen[i])
            sim_file_free(&disk->files[i]);
    }
}

/* file_finish decides about what is in flight: there or not. */
static bool
file_finish(struct sim_file *file, int fd, const char *name, void *ctx)
{
    uint32_t kept = 0;

    (void)name;
    (void)ctx;
    for (uint32_t i = 0; i < file->writes_cnt; i++) {
        struct sim_write *write = &file->writes[i];

        if (!write->done && sim_below(2) == 0) {
            free(write->data);
            continue;
        }
        if (!write->done) {
            ASSERT(pwrite(fd, write->data, write->bytes, (off_t)write->off) ==
                   (ssize_t)write->bytes);
            write->done = true;
        }
        file->writes[kept++] = *write;
    }
    file->writes_cnt = kept;
    return true;
}

void
sim_disk_kill(void)
{
    take_all();
    each_file(file_finish, NULL);
}

static bool
file_lie_page(struct sim_file *file, int fd, const char *name, void *ctx)
{
    uint64_t *first = ctx;

    (void)fd;
    for (uint64_t page = 0; is_segment(name) && page < SIM_SEGMENT_PAGES; page++) {
        const size_t at = page * SIM_PAGE_BYTES;
        const uint64_t page_no = strtoull(name, NULL, 10) * SIM_SEGMENT_PAGES + page;

        if (memcmp(file->platter + at, file->honest + at, SIM_PAGE_BYTES) == 0)
            continue;
        if (page_no < *first)
            *first = page_no;
        break;
    }
    return true;
}

uint64_t
sim_disk_lie_page(void)
{
    uint64_t first = SIM_NOTHING;

    if (sim_disk.lied)
        each_file(file_lie_page, &first);
    return first;
}

static bool
file_same(struct sim_file *file, int fd, const char *name, void *ctx)
{
    static uint8_t bytes[SIM_SEGMENT_BYTES];
    bool *same = ctx;
    const ssize_t len = pread(fd, bytes, sizeof bytes, 0);

    (void)name;
    ASSERT(len >= 0);
    *same = memcmp(bytes, file->platter, (size_t)len) == 0;
    return *same;
}

bool
sim_disk_same(void)
{
    bool same = true;

    each_file(file_same, &same);
    return same;
}

static bool
file_honest(struct sim_file *file, int fd, const char *name, void *ctx)
{
    char path[512];
    struct stat st;
    int to;

    (void)ctx;
    snprintf(path, sizeof path, "%s/%s", sim_disk.honest_dir, name);
    to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ASSERT(to >= 0);
    ASSERT(fstat(fd, &st) == 0);
    ASSERT(pwrite(to, file->honest, (size_t)st.st_size, 0) == st.st_size);
    close(to);
    return true;
}

const char *
sim_disk_honest(void)
{
    snprintf(sim_disk.honest_dir, sizeof sim_disk.honest_dir, "%.60s-honest", sim_disk.dir);
    if (mkdir(sim_disk.honest_dir, 0700) != 0)
        remove_files(sim_disk.honest_dir);
    each_file(file_honest, NULL);
    return sim_disk.honest_dir;
}

struct page_ctx {
    uint64_t page_no;
    const void *page;
};

static bool
file_page(struct sim_file *file, int fd, const char *name, void *ctx)
{
    struct page_ctx *find = ctx;

    (void)fd;
    if (is_segment(name) && strtoull(name, NULL, 10) == find->page_no / SIM_SEGMENT_PAGES)
        find->page = file->platter + find->page_no % SIM_SEGMENT_PAGES * SIM_PAGE_BYTES;
    return find->page == NULL;
}

const void *
sim_disk_page(uint64_t page_no)
{
    struct page_ctx find = {.page_no = page_no};

    each_file(file_page, &find);
    return find.page;
}
