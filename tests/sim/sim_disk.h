/*
 * A disk with faults, under real files and on virtual time.
 *
 *   journal writer --disk.h--> sim_disk --+--> platter: what a power cut leaves
 *   recovery, disk_segment --calls--------+--> file in a folder: what a reader sees
 *
 * At link time this stands for journal/disk_uring.c and journal/prepare.c, and
 * the linker's --wrap puts it below the system calls of all else in journal/.
 * So recovery, segments, reader and replay are the real ones and work on
 * real files, in memory if /dev/shm is there.
 *
 * A write is volatile until a sync of its file is complete, a new name until a
 * sync of the folder is. sim_disk_crash makes the files what a power cut leaves:
 * all that was synced, and of the rest whatever the dice say, in sectors of
 * 512 bytes: nothing, all, a prefix, any sectors, any pages, any writes.
 *
 * Two kinds of faults. A disk may fail: a write or a sync ends with EIO, ENOSPC
 * or short, a file finds no room, a completion takes its time. And a disk may lie
 * (at most once in a life of it): a write that it called durable is lost or is
 * somewhere else, or bits flip. sim_disk_lie_page tells which page is the first
 * that is not as it should be.
 *
 * Every step after which the platter may be another one is a boundary: when
 * boundaries_left is down to 0 the power goes, and the code in work is left by
 * a longjmp to crash_env. What it has open or mapped is taken from it.
 *
 * One disk to a process, one thread. Same dice, same calls: the same faults.
 */
#ifndef OUTCRY_TESTS_SIM_DISK_H
#define OUTCRY_TESTS_SIM_DISK_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SIM_SECTOR_BYTES  512u
#define SIM_PAGE_BYTES    4096u
#define SIM_SEGMENT_BYTES (1u << 20)
#define SIM_SEGMENT_PAGES (SIM_SEGMENT_BYTES / SIM_PAGE_BYTES)
#define SIM_FILE_BYTES    (8u << 20)
#define SIM_FILES_MAX     32u
#define SIM_HANDLES_MAX   64u
#define SIM_NAMES_MAX     64u
#define SIM_NAME_BYTES    32u
#define SIM_NOTHING       UINT64_MAX

/* Why the code in work was left. */
enum sim_end {
    SIM_GOES_ON,
    SIM_POWER_CUT,
    SIM_FATAL /* journal_fatal: the exchange ended itself */
};

/* Where the power can go. */
enum sim_boundary {
    SIM_WRITE_SENT,
    SIM_WRITE_DONE,
    SIM_SYNC_BEFORE,
    SIM_SYNC_DONE,
    SIM_CREATE,
    SIM_FILL,
    SIM_RENAME,
    SIM_RECOVERY_WRITE,
    SIM_FILE_SYNC_BEFORE,
    SIM_FILE_SYNC_DONE,
    SIM_FOLDER_SYNC_DONE,
    SIM_BOUNDARIES
};

/* What a disk does wrong. */
enum sim_fault {
    SIM_WRITE_EIO,
    SIM_WRITE_ENOSPC,
    SIM_WRITE_SHORT,
    SIM_SYNC_EIO,
    SIM_CALL_EIO,     /* of pwrite, fdatasync, fsync, rename */
    SIM_NO_ROOM,      /* of fallocate */
    SIM_SLOW,         /* a completion takes a thousand times as long */
    SIM_SNAPSHOT_ROT, /* bits of a snapshot flip while the power is off */
    SIM_LIE_LOST,     /* from here on: lies */
    SIM_LIE_ASTRAY,   /* written to another place */
    SIM_LIE_ROT,      /* bits flip while the power is off */
    SIM_FAULTS
};

struct sim_write {
    uint64_t id; /* the disk's, from 1 */
    bool done;   /* a sync that begins now takes it along */
    uint64_t off;
    uint32_t bytes;
    uint8_t *data;
    /* Of a lie: this many pages from lie_page on are lost, or go to astray_page. */
    uint32_t lie_page;
    uint32_t lie_pages;
    uint64_t astray_page; /* of the same file; SIM_NOTHING: lost */
};

struct sim_file {
    ino_t ino; /* 0: not in use */
    uint8_t *platter;
    uint8_t *honest;          /* as it were if the disk had not lied */
    struct sim_write *writes; /* volatile */
    uint32_t writes_cnt;
    uint32_t writes_max;
};

/* A change of the folder that is not synced. */
struct sim_name {
    char from[SIM_NAME_BYTES]; /* "": created */
    char to[SIM_NAME_BYTES];
};

struct sim_disk {
    char dir[64];
    char honest_dir[80];
    uint64_t random;
    uint64_t now_ns;
    uint64_t permille[SIM_FAULTS];    /* the seed's choice */
    uint64_t seen[SIM_FAULTS];        /* how often it happened, ever */
    uint64_t crossed[SIM_BOUNDARIES]; /* crashes at it, ever */
    uint64_t boundaries_left;         /* 0: no power cut is due */
    uint64_t boundaries_cnt;
    enum sim_boundary last; /* where the power went */
    jmp_buf crash_env;
    bool is_on;             /* the exchange runs: its calls are ours */
    uint64_t full_until_ns; /* the disk has no room */
    uint64_t latency_ns;    /* of what is sent next; 0: the dice say */
    bool fate_nothing;      /* what is volatile does not come through a power cut */
    bool calm;              /* no fault from now on */
    bool lied;              /* since sim_disk_open */
    uint64_t writes_cnt;
    uint64_t sent_pages; /* to the queue, ever */
    char why[256];       /* of journal_fatal */

    ino_t dir_ino;
    struct sim_file files[SIM_FILES_MAX];
    struct sim_name names[SIM_NAMES_MAX];
    uint32_t names_cnt;
    int fds[SIM_HANDLES_MAX];
    uint32_t fds_cnt;
    void *maps[SIM_HANDLES_MAX];
    size_t map_bytes[SIM_HANDLES_MAX];
    uint32_t maps_cnt;
    struct disk *queue;      /* of the writer, NULL: none */
    struct prepare *prepare; /* its helper */
};

extern struct sim_disk sim_disk;

/* sim_disk_open makes an empty folder for a seed; sim_disk_close removes it. */
void sim_disk_open(uint64_t seed);
void sim_disk_close(void);

/* sim_disk_on gives the disk to an exchange that starts; sim_disk_off takes it
 * away from one that has ended by itself, all written. */
void sim_disk_on(void);
void sim_disk_off(void);

/* sim_disk_tick lets the helper work, if its time has come. */
void sim_disk_tick(void);

/* sim_disk_crash takes all from the exchange and makes the files what is left. */
void sim_disk_crash(void);

/* sim_disk_kill ends the exchange alone: what it wrote is there to be read, and as
 * volatile as before; what was in flight is written or not. */
void sim_disk_kill(void);

/* sim_disk_honest makes another folder what this one were if the disk had not lied. */
const char *sim_disk_honest(void);

/* sim_disk_page returns a page of the journal as it is on the platter, NULL: no
 * such segment. */
const void *sim_disk_page(uint64_t page_no);

/* sim_disk_lie_page returns the first page of the journal that is not as it
 * should be since the last crash, SIM_NOTHING: none. */
uint64_t sim_disk_lie_page(void);

/* sim_disk_same tells whether the files are still as the crash left them. */
bool sim_disk_same(void);

/* Private to tests/sim/sim_*.c. */

/* sim_below returns 0 .. bound - 1; sim_happens rolls the dice for a fault. */
uint64_t sim_below(uint64_t bound);
bool sim_happens(enum sim_fault fault);

/* sim_boundary is crossed; it may not return. */
void sim_boundary(enum sim_boundary boundary);

/* sim_leave leaves the code in work. */
_Noreturn void sim_leave(enum sim_end end);

/* sim_zeros_take returns SIM_FILE_BYTES of zeros at a page, as real files are mapped: code
 * may rely on that. No disk forgets them at a crash. */
uint8_t *sim_zeros_take(void);
void sim_zeros_give(uint8_t *bytes);

/* sim_full tells whether the disk has no room now. */
bool sim_full(void);

struct sim_file *sim_file_of(int fd, bool make);
void sim_file_free(struct sim_file *file);

/* sim_file_write notes a volatile write and returns its id; it may become a lie. */
uint64_t
sim_file_write(struct sim_file *file, const void *data, uint32_t bytes, uint64_t off, bool may_lie);

/* sim_file_done: the write with this id is complete; returns it. */
const struct sim_write *sim_file_done(struct sim_file *file, uint64_t id);

/* sim_file_sync makes all complete writes of the file durable, as far as the disk
 * tells the truth. */
void sim_file_sync(struct sim_file *file);

/* sim_queue_drop and sim_prepare_drop free without waiting. */
void sim_queue_drop(void);
void sim_prepare_drop(void);
void sim_prepare_tick(void);

#endif
