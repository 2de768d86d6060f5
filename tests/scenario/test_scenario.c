/*
 * Goal: the rules of the market, as tables that a trader can read.
 * Method: each file named on the command line is one case and runs in a process
 * of its own. Speaks TAP.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base.h"

#include "tests/scenario/scenario.h"

/* run_one runs a file in a child, which says what is wrong. */
static bool
run_one(const char *path)
{
    char complaint[2048];
    int status = 0;

    fflush(stdout);

    const pid_t pid = fork();

    ASSERT(pid >= 0);
    if (pid == 0) {
        const bool good = scenario_run(path, complaint, sizeof complaint);

        if (!good)
            printf("# %s: %s\n", path, complaint);
        fflush(stdout);
        _exit(good ? 0 : 1);
    }
    while (waitpid(pid, &status, 0) != pid)
        ;
    if (WIFSIGNALED(status))
        printf("# %s: signal %d\n", path, WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int
main(int argc, char **argv)
{
    bool good = true;

    printf("1..%d\n", argc - 1);
    for (int i = 1; i < argc; i++) {
        const char *slash = strrchr(argv[i], '/');
        const char *name = slash != NULL ? slash + 1 : argv[i];
        const bool passed = run_one(argv[i]);

        printf("%s %d - %.*s\n", passed ? "ok" : "not ok", i, (int)strcspn(name, "."), name);
        good = good && passed;
    }
    return good ? 0 : 1;
}
