/*
 * Goal: the writer gets each next segment whole, or is told that the disk is full, whatever
 * the timing of writer, helper and who watches them; no attempt to make one is lost.
 * Method: the helper of prepare.h on a disk that has no room for the next attempts, a random
 * number of them (fallocate is led here by the linker). The writer asks at once, or when
 * the helper rests before it tries again, or lets it come to the end by itself; or it closes
 * in the middle of anything. A third thread asks for the error all the time, as the one
 * does that tells the operator. A hang is a wake-up that was lost; ThreadSanitizer sees the
 * rest.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/prepare.h"
#include "journal/segments.h"

#include "tests/journal/journal_rig.h"

#define ROUNDS      12u
#define PATIENCE_NS 60000000000u

int __real_fallocate64(int fd, int mode, off_t off, off_t bytes);
int __wrap_fallocate64(int fd, int mode, off_t off, off_t bytes);

static int full_cnt; /* atomic: so many attempts find no room */

int
__wrap_fallocate64(int fd, int mode, off_t off, off_t bytes)
{
    int left = __atomic_load_n(&full_cnt, __ATOMIC_RELAXED);

    if (left > 0) {
        __atomic_store_n(&full_cnt, left - 1, __ATOMIC_RELAXED); /* the helper alone comes here */
        errno = left % 2 == 0 ? ENOSPC : EDQUOT;
        return -1;
    }
    return __real_fallocate64(fd, mode, off, bytes);
}

struct stress {
    struct prepare *prepare;
    struct disk_segment_cfg cfg;
    char dir[64];
    uint64_t seed;
    uint64_t random;
    int end; /* atomic, of the watcher */
};

/* watch_main asks for the error as long as there is something to watch. */
static void *
watch_main(void *arg)
{
    struct stress *stress = arg;

    while (__atomic_load_n(&stress->end, __ATOMIC_ACQUIRE) == 0) {
        const int error = prepare_error(stress->prepare);

        CHECK(error == 0 || error == -ENOSPC || error == -EDQUOT, "seed %llu: error %d",
              (unsigned long long)stress->seed, error);
        sched_yield();
    }
    return NULL;
}

/* check_segment looks at what the writer was given: a whole segment under its name. */
static void
check_segment(const struct stress *stress, int fd)
{
    char name[SEGMENT_NAME_BYTES];
    struct stat given;
    struct stat named;

    segment_name(name, stress->cfg.segment_no);
    CHECK(fstat(fd, &given) == 0 && fstatat(stress->cfg.dir_fd, name, &named, 0) == 0, "seed %llu",
          (unsigned long long)stress->seed);
    CHECK(given.st_ino == named.st_ino && (uint64_t)given.st_size == stress->cfg.bytes,
          "seed %llu: segment %llu is not whole", (unsigned long long)stress->seed,
          (unsigned long long)stress->cfg.segment_no);
}

static void
pass(const struct stress *stress, uint64_t *deadline_ns)
{
    if (*deadline_ns == 0)
        *deadline_ns = rig_clock_ns() + PATIENCE_NS;
    CHECK(rig_clock_ns() < *deadline_ns, "seed %llu: the helper hangs",
          (unsigned long long)stress->seed);
    sched_yield();
}

/* take asks until there is an answer: the segment, which is checked, or a full disk. Returns
 * whether it is the segment. */
static bool
take(struct stress *stress)
{
    uint64_t deadline_ns = 0;
    char why[256] = "";
    int fd;

    while ((fd = prepare_take(stress->prepare, why)) == -EAGAIN)
        pass(stress, &deadline_ns);
    if (fd >= 0) {
        check_segment(stress, fd);
        close(fd);
        CHECK(prepare_error(stress->prepare) == 0, "there is an error");
        return true;
    }
    CHECK(fd == -ENOSPC || fd == -EDQUOT, "seed %llu: %d %s", (unsigned long long)stress->seed, fd,
          why);
    CHECK(strstr(why, ".seg.new: allocate: ") != NULL, "%s", why);
    return false;
}

/* await_error waits until the helper has found the disk full. */
static void
await_error(const struct stress *stress)
{
    uint64_t deadline_ns = 0;

    while (prepare_error(stress->prepare) == 0)
        pass(stress, &deadline_ns);
}

/* await_room waits until it has found room by itself. */
static void
await_room(const struct stress *stress)
{
    uint64_t deadline_ns = 0;

    while (prepare_error(stress->prepare) != 0)
        pass(stress, &deadline_ns);
}

/* ask wants one segment, on a disk that is full for the next attempts. Returns whether the
 * helper may be asked for another one. */
static bool
ask(struct stress *stress)
{
    const int full = (int)(rig_random(&stress->random) % 4);

    __atomic_store_n(&full_cnt, full, __ATOMIC_RELAXED);
    prepare_next(stress->prepare, stress->cfg.segment_no);
    switch (rig_random(&stress->random) % 4) {
    case 0: /* at once: the attempt that is under way may be the last one */
        return take(stress);
    case 1: /* while it rests: there is one attempt more, at once */
        if (full > 0)
            await_error(stress);
        return take(stress);
    case 2: /* not before there is room */
        if (full == 1) {
            await_error(stress);
            await_room(stress);
        }
        return take(stress);
    default: /* not at all */
        if (full > 0 && rig_random(&stress->random) % 2 == 0)
            await_error(stress);
        return false;
    }
}

/* run makes segments until the helper has to be closed, watched all the time. */
static void
run(struct stress *stress)
{
    pthread_t watcher;
    bool goes_on = true;

    stress->end = 0;
    CHECK(prepare_open(&stress->prepare, &stress->cfg) == 0, "no helper");
    CHECK(pthread_create(&watcher, NULL, watch_main, stress) == 0, "no thread");
    for (unsigned i = 0; i < 4 && goes_on; i++) {
        stress->cfg.segment_no++;
        goes_on = ask(stress);
    }
    __atomic_store_n(&stress->end, 1, __ATOMIC_RELEASE);
    pthread_join(watcher, NULL);
    prepare_close(stress->prepare);
}

/* check_folder looks for what may not be left behind. */
static void
check_folder(const struct stress *stress)
{
    for (uint64_t i = 0; i <= stress->cfg.segment_no; i++) {
        char name[SEGMENT_NAME_BYTES + sizeof SEGMENT_NEW_SUFFIX];
        struct stat st;

        segment_name(name, i);
        CHECK(fstatat(stress->cfg.dir_fd, name, &st, 0) != 0 ||
                  (uint64_t)st.st_size == stress->cfg.bytes,
              "seed %llu: %s is not whole", (unsigned long long)stress->seed, name);
        strcat(name, SEGMENT_NEW_SUFFIX);
        CHECK(fstatat(stress->cfg.dir_fd, name, &st, 0) != 0, "seed %llu: %s is left behind",
              (unsigned long long)stress->seed, name);
    }
}

int
main(void)
{
    const uint64_t first = rig_seed();
    const unsigned seeds = rig_seeds(10);

    for (uint64_t seed = first; seed < first + seeds; seed++) {
        struct stress stress = {.seed = seed, .random = seed};

        rig_dir_make(stress.dir);
        stress.cfg = (struct disk_segment_cfg){
            .dir_fd = open(stress.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
            .bytes = RIG_SEGMENT_BYTES,
        };
        for (unsigned i = 0; i < ROUNDS; i++)
            run(&stress);
        check_folder(&stress);
        close(stress.cfg.dir_fd);
        rig_dir_remove(stress.dir);
    }
    printf("%u seeds from %llu\n", seeds, (unsigned long long)first);
    return 0;
}
