/*
 * Disk raw: what the disk gives to anybody who writes as a journal does.
 *
 * A file of a folder is filled with zeros and synced; then blocks are written into it
 * one behind the other through io_uring, each with a linked fdatasync, O_DIRECT where
 * the file system takes it, from a registered buffer into a registered file. At
 * the end of the file it begins anew: no metadata changes.
 *
 * Bandwidth keeps several blocks under way; latency one, whose writer sleeps until it
 * is there. Both are what the journal's figures are measured against, in the same
 * run and folder.
 *
 * Errors end the program with a line: without a disk there is nothing to compare.
 */
#ifndef OUTCRY_PERF_DISK_RAW_H
#define OUTCRY_PERF_DISK_RAW_H

#include <stddef.h>
#include <stdint.h>

#define RAW_FILE_BYTES  (256ull << 20)
#define RAW_BLOCK_BYTES (1u << 20) /* the largest */
#define RAW_DEPTH_MAX   8u

struct disk_raw;

/* raw_open makes the file in dir; raw_close removes it. */
struct disk_raw *raw_open(const char *dir);
void raw_close(struct disk_raw *raw);

/* raw_bandwidth writes bytes durably, depth blocks of block_bytes under way, and returns MB/s
 * (10^6 bytes). block_bytes is a multiple of 4096 and at most RAW_BLOCK_BYTES. */
double raw_bandwidth(struct disk_raw *raw, size_t block_bytes, unsigned depth, uint64_t bytes);

/* raw_latency writes one block after the other, each durably, and notes what each took. */
void raw_latency(struct disk_raw *raw, size_t block_bytes, uint64_t *took_ns, unsigned cnt);

#endif
