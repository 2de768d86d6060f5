#include "perf/bench_args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* take takes the arguments. */
static bool
take(struct bench_args *args, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            args->json = true;
        else if (strcmp(argv[i], "--quick") == 0)
            args->quick = true;
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            args->only = argv[++i];
        else if (strcmp(argv[i], "--reps") == 0 && i + 1 < argc)
            args->reps = (unsigned)strtoul(argv[++i], NULL, 10);
        else
            return false;
    }
    return true;
}

bool
bench_args_parse(struct bench_args *args,
                 unsigned reps_max,
                 const char *parts,
                 int argc,
                 char **argv)
{
    if (take(args, argc, argv) && args->reps >= 1 && args->reps <= reps_max)
        return true;
    fprintf(stderr, "usage: %s [--json] [--quick] [--reps 1..%u] [--only %s]\n", argv[0], reps_max,
            parts);
    return false;
}

bool
bench_args_want(const struct bench_args *args, const char *part)
{
    return args->only == NULL || strcmp(args->only, part) == 0;
}
