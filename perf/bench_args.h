/*
 * What benchmarks of several parts are asked for, on the command line.
 */
#ifndef OUTCRY_PERF_BENCH_ARGS_H
#define OUTCRY_PERF_BENCH_ARGS_H

#include <stdbool.h>

struct bench_args {
    bool json;        /* one line of JSON, no table */
    bool quick;       /* less of everything */
    unsigned reps;    /* repetitions: the default before, 1 to reps_max behind */
    const char *only; /* the part that is wanted; NULL: all */
};

/* bench_args_parse: false and a line on stderr if it is wrong; parts are the names for it,
 * as a|b|c. */
bool bench_args_parse(struct bench_args *args,
                      unsigned reps_max,
                      const char *parts,
                      int argc,
                      char **argv);

/* bench_args_want tells whether a part is wanted. */
bool bench_args_want(const struct bench_args *args, const char *part);

#endif
