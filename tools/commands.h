/*
 * Commands: what `outcry NAME ...` can do, one function and one file each.
 *
 * A command gets argv[0] = its own name and returns the exit code. Each answers
 * `--help` itself, on stdout, with 0. To add one: declare it here, write
 * tools/cmd_NAME.c, and give it a line in the table of tools/outcry.c.
 */
#ifndef OUTCRY_TOOLS_COMMANDS_H
#define OUTCRY_TOOLS_COMMANDS_H

/* The exit codes of every command. */
enum exit_code {
    EXIT_FINE = 0,
    EXIT_CHECK = 1, /* a check failed: not identical, damaged, an order lost */
    EXIT_USAGE = 2, /* the command line */
    EXIT_SETUP = 3  /* the configuration or the machine */
};

int cmd_admin(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_check_proof(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_follow(int argc, char **argv);
int cmd_load(int argc, char **argv);
int cmd_prove(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_seal(int argc, char **argv);
int cmd_retain(int argc, char **argv);
int cmd_send(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_verify(int argc, char **argv);

#endif
