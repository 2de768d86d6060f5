#include "journal/prepare.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal/writer.h"

/* Nothing was asked for, or it was asked and not ready yet. Others: a descriptor, -errno. */
#define PREPARE_IDLE (-100000)
#define PREPARE_BUSY (-100001)

struct prepare {
    pthread_t thread;
    pthread_mutex_t mutex; /* of ask, cfg and why */
    pthread_cond_t asked;
    struct disk_segment_cfg cfg; /* segment_no: what is asked for */
    bool ask;
    int hurry;     /* atomic enum disk_hurry: looked at without the mutex */
    int result;    /* atomic: released by the helper, acquired by the writer */
    bool is_last;  /* with an error as result: the writer waited for it in vain */
    char why[256]; /* of an error */
};

static bool
prepare_ends(const struct prepare *prepare)
{
    return __atomic_load_n(&prepare->hurry, __ATOMIC_RELAXED) == DISK_STOP;
}

/* prepare_await waits for the next request; false: the end. */
static bool
prepare_await(struct prepare *prepare, struct disk_segment_cfg *cfg)
{
    pthread_mutex_lock(&prepare->mutex);
    while (!prepare->ask && !prepare_ends(prepare))
        pthread_cond_wait(&prepare->asked, &prepare->mutex);

    const bool go = !prepare_ends(prepare);

    prepare->ask = false;
    *cfg = prepare->cfg;
    pthread_mutex_unlock(&prepare->mutex);
    return go;
}

static bool
is_full(int result)
{
    return result == -ENOSPC || result == -EDQUOT;
}

/* report hands a result over; why is of an error. */
static void
report(struct prepare *prepare, int result, const char why[256], bool is_last)
{
    pthread_mutex_lock(&prepare->mutex);
    memcpy(prepare->why, why, sizeof prepare->why);
    prepare->is_last = is_last;
    pthread_mutex_unlock(&prepare->mutex);
    __atomic_store_n(&prepare->result, result, __ATOMIC_RELEASE); /* P1 pairs with P2 */
}

/* prepare_rest waits until it is time to try again; false: the end. */
static bool
prepare_rest(struct prepare *prepare)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += PREPARE_RETRY_NS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&prepare->mutex);
    while (__atomic_load_n(&prepare->hurry, __ATOMIC_RELAXED) == DISK_SLOWLY &&
           pthread_cond_timedwait(&prepare->asked, &prepare->mutex, &until) == 0)
        continue;
    pthread_mutex_unlock(&prepare->mutex);
    return !prepare_ends(prepare);
}

/* make makes the segment, however often it takes. */
static void
make(struct prepare *prepare, const struct disk_segment_cfg *cfg)
{
    char why[256] = "";
    int result;

    do {
        const bool awaited = __atomic_load_n(&prepare->hurry, __ATOMIC_RELAXED) == DISK_FAST;
        bool direct;

        result = disk_segment_open(cfg, &direct, why);
        if (result < 0 && !is_full(result) && result != -ECANCELED)
            journal_fatal(why, 0);
        report(prepare, result, why, awaited);
    } while (is_full(result) && prepare_rest(prepare));
}

static void *
prepare_main(void *arg)
{
    struct prepare *prepare = arg;
    struct disk_segment_cfg cfg;

    while (prepare_await(prepare, &cfg))
        make(prepare, &cfg);
    return NULL;
}

/* thread_start starts the helper with all signals blocked: they are for the
 * threads of the program. */
static int
thread_start(struct prepare *prepare)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);

    const int rc = pthread_create(&prepare->thread, NULL, prepare_main, prepare);

    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

int
prepare_open(struct prepare **prepare, const struct disk_segment_cfg *cfg)
{
    struct prepare *new_prepare = calloc(1, sizeof *new_prepare);
    pthread_condattr_t attr;

    if (new_prepare == NULL)
        return -ENOMEM;
    new_prepare->cfg = *cfg;
    new_prepare->cfg.hurry = &new_prepare->hurry;
    new_prepare->result = PREPARE_IDLE;
    pthread_mutex_init(&new_prepare->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&new_prepare->asked, &attr);
    pthread_condattr_destroy(&attr);

    const int rc = thread_start(new_prepare);

    if (rc != 0) {
        free(new_prepare);
        return rc;
    }
    *prepare = new_prepare;
    return 0;
}

void
prepare_next(struct prepare *prepare, uint64_t segment_no)
{
    ASSERT(prepare->result == PREPARE_IDLE);
    __atomic_store_n(&prepare->result, PREPARE_BUSY, __ATOMIC_RELAXED);
    __atomic_store_n(&prepare->hurry, DISK_SLOWLY, __ATOMIC_RELAXED);
    pthread_mutex_lock(&prepare->mutex);
    prepare->cfg.segment_no = segment_no;
    prepare->ask = true;
    pthread_cond_signal(&prepare->asked);
    pthread_mutex_unlock(&prepare->mutex);
}

/* hasten wakes a helper that rests before it tries again. */
static COLD void
hasten(struct prepare *prepare)
{
    pthread_mutex_lock(&prepare->mutex);
    __atomic_store_n(&prepare->hurry, DISK_FAST, __ATOMIC_RELAXED);
    pthread_cond_signal(&prepare->asked);
    pthread_mutex_unlock(&prepare->mutex);
}

/* take_error tells whether an error is the last word, and why. */
static COLD bool
take_error(struct prepare *prepare, char why[256])
{
    bool is_last;

    pthread_mutex_lock(&prepare->mutex);
    is_last = prepare->is_last;
    memcpy(why, prepare->why, sizeof prepare->why);
    pthread_mutex_unlock(&prepare->mutex);
    return is_last;
}

int
prepare_take(struct prepare *prepare, char why[256])
{
    const int result = __atomic_load_n(&prepare->result, __ATOMIC_ACQUIRE); /* P2 pairs with P1 */

    ASSERT(result != PREPARE_IDLE);
    if (result == PREPARE_BUSY) {
        __atomic_store_n(&prepare->hurry, DISK_FAST, __ATOMIC_RELAXED);
        return -EAGAIN;
    }
    if (result < 0) {
        if (take_error(prepare, why))
            return result;
        hasten(prepare);
        return -EAGAIN;
    }
    __atomic_store_n(&prepare->result, PREPARE_IDLE, __ATOMIC_RELAXED);
    return result;
}

bool
prepare_ready(const struct prepare *prepare)
{
    return __atomic_load_n(&prepare->result, __ATOMIC_ACQUIRE) >= 0; /* P2 pairs with P1 */
}

int
prepare_error(const struct prepare *prepare)
{
    const int result = __atomic_load_n(&prepare->result, __ATOMIC_ACQUIRE); /* P2 pairs with P1 */

    return is_full(result) ? result : 0;
}

void
prepare_close(struct prepare *prepare)
{
    pthread_mutex_lock(&prepare->mutex);
    __atomic_store_n(&prepare->hurry, DISK_STOP, __ATOMIC_RELAXED);
    pthread_cond_signal(&prepare->asked);
    pthread_mutex_unlock(&prepare->mutex);
    pthread_join(prepare->thread, NULL);
    if (prepare->result >= 0)
        close(prepare->result);
    pthread_cond_destroy(&prepare->asked);
    pthread_mutex_destroy(&prepare->mutex);
    free(prepare);
}
