/*
 * Writes a file of stamped commands: record FILE SEED COMMANDS.
 *
 * The commands are those of the hostile streams of the model test, an equal
 * share of each profile. A stream begins with the Genesis command of its own
 * exchange, so that whoever reads the file knows when to make a new one. A file
 * is cells and nothing else.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/model/generate.h"

/* keep appends the cells of the last command that the duo applied. */
static bool
keep(FILE *file, const struct duo *duo)
{
    return fwrite(duo->last.cells, sizeof(union cell), duo->last.count, file) == duo->last.count;
}

/* record_profile writes one stream; false, with a message, if engine and model
 * differ or the file cannot be written. */
static bool
record_profile(FILE *file, const struct profile *profile, uint64_t seed, uint32_t commands_cnt)
{
    const struct engine_cfg cfg = generate_cfg(profile);
    struct step *steps =
        aligned_alloc(CACHE_LINE, (SETUP_STEPS_MAX + (size_t)commands_cnt) * sizeof *steps);
    struct duo *duo = duo_new(&cfg);
    struct given given = {.ids = NULL};
    struct generator generator = {
        .profile = profile, .random = {seed}, .model = duo->model, .steps = steps};
    bool good = steps != NULL && keep(file, duo);
    const uint32_t setup_cnt = good ? generate_setup(profile, steps) : 0;

    for (uint32_t i = 0; good && i < setup_cnt + commands_cnt; i++) {
        generator.number = i;
        if (i >= setup_cnt)
            generate_step(&generator, &steps[i]);
        good = step_apply(duo, &steps[i], i, &given) && keep(file, duo);
    }
    if (!good)
        fprintf(stderr, "profile %s, seed %" PRIu64 ": %s\n", profile->name, seed,
                duo->complaint[0] != '\0' ? duo->complaint : "cannot be written");
    duo_free(duo);
    free(steps);
    given_free(&given);
    return good;
}

int
main(int argc, char **argv)
{
    FILE *file = argc == 4 ? fopen(argv[1], "wb") : NULL;
    bool good = file != NULL;

    if (file == NULL) {
        fprintf(stderr, "record FILE SEED COMMANDS\n");
        return 2;
    }

    const uint64_t seed = strtoull(argv[2], NULL, 10);
    const uint32_t share = (uint32_t)strtoul(argv[3], NULL, 10) / PROFILES;

    for (unsigned i = 0; good && i < PROFILES; i++)
        good = record_profile(file, &profiles[i], seed, share);
    return fclose(file) == 0 && good ? 0 : 1;
}
