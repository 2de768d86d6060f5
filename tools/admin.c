#include "tools/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/admin_private.h"

/* A line may be what was done, with a count and a sequence number behind it, or what is wrong. */
_Static_assert(VERB_WHAT_BYTES + 128u <= ADMIN_REPLY_BYTES, "what was done fits");
_Static_assert(VERB_WHY_BYTES + 128u <= ADMIN_REPLY_BYTES, "what is wrong fits");
_Static_assert(SHEET_TEXT_BYTES + 128u <= ADMIN_ANSWER_BYTES, "so do the wrong rows of a file");

#define LOOK_NS      10000000ull
#define LOAD_LOOK_NS 1000000ull /* while a file comes in */
#define PATIENCE_NS  5000000000ull
#define LOAD_PIECES  32u /* of a line's buffer, each look */

void
admin_address(int folder, const char *name, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%.64s", folder, name);
}

void
admin_init(struct admin *admin)
{
    *admin = (struct admin){.folder = -1, .listener = -1, .asker = -1, .loader = -1};
    for (unsigned i = 0; i < ADMIN_CLIENTS_MAX; i++)
        admin->clients[i].fd = -1;
}

/* listen_in makes the socket; nobody can connect before it has its mode. What
 * lies there is of a run that crashed. */
static int
listen_in(struct admin *admin)
{
    const mode_t all = S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH;
    const mode_t mode = admin->config->admins_cnt > 0 ? all : S_IRUSR | S_IWUSR;
    struct sockaddr_un address;

    admin_address(admin->folder, ADMIN_NAME, &address);
    if (unlinkat(admin->folder, ADMIN_NAME, 0) != 0 && errno != ENOENT)
        return -errno;
    admin->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (admin->listener < 0 ||
        bind(admin->listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        fchmodat(admin->folder, ADMIN_NAME, mode, 0) != 0 ||
        listen(admin->listener, ADMIN_CLIENTS_MAX) != 0)
        return -errno;
    return 0;
}

int
admin_open(struct admin *admin,
           const struct config *config,
           struct desk *desk,
           const struct ring_reader *out)
{
    int rc = sheet_open(&desk->sheet, config->engine.positions_max);

    if (rc != 0)
        return rc;
    admin->config = config;
    admin->desk = desk;
    admin->out = out;
    roster_init(&admin->roster, config);
    admin->folder = open(config->journal_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rc = admin->folder < 0 ? -errno : listen_in(admin);
    if (rc != 0)
        admin_close(admin);
    return rc;
}

void
admin_hang_up(struct admin *admin, struct admin_client *client)
{
    if (admin->asker == (int)(client - admin->clients))
        admin->asker = -1;
    if (admin->loader == (int)(client - admin->clients))
        admin->loader = -1;
    close(client->fd);
    client->fd = -1;
}

void
admin_tell(struct admin *admin, struct admin_client *client, const char *text, size_t len)
{
    (void)!send(client->fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    admin_hang_up(admin, client);
}

void
admin_answer(struct admin *admin, struct admin_client *client, const char *format, ...)
{
    char line[ADMIN_REPLY_BYTES];
    va_list args;

    va_start(args, format);
    const int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    ASSERT(len > 0);
    ASSERT((size_t)len < sizeof line);
    admin_tell(admin, client, line, strlen(line));
}

/* may_speak tells whether the peer may: it runs as the user that we do, as root, or
 * as one who is named. */
static bool
may_speak(const struct admin *admin, int fd, uint32_t *uid)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    *uid = UINT32_MAX;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || len != sizeof peer)
        return false;
    *uid = peer.uid;
    for (unsigned i = 0; i < admin->config->admins_cnt; i++)
        if (admin->config->admins[i] == peer.uid)
            return true;
    return peer.uid == geteuid() || peer.uid == 0;
}

/* welcome takes one more client if there is a place; false if there is none or
 * nobody is waiting. */
static bool
welcome(struct admin *admin, uint64_t now_ns)
{
    for (unsigned i = 0; i < ADMIN_CLIENTS_MAX; i++) {
        struct admin_client *client = &admin->clients[i];
        uint32_t uid;

        if (client->fd >= 0)
            continue;
        const int fd = accept4(admin->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return false;
        const bool may = may_speak(admin, fd, &uid);
        *client = (struct admin_client){.fd = fd, .uid = uid, .since_ns = now_ns};
        if (may)
            return true;
        admin->stats.foreign++;
        admin_answer(admin, client,
                     "error user id %" PRIu32 " may not, expected the exchange's own user, root "
                     "or one of admins in its configuration\n",
                     uid);
        return true;
    }
    return false;
}

static bool
is_loader(const struct admin *admin, const struct admin_client *client)
{
    return admin->loader == (int)(client - admin->clients);
}

/* one_line takes the first line of the client's buffer, if it is there. What is
 * behind it must be of a load. Returns whether there was one. */
static bool
one_line(struct admin *admin, struct admin_client *client)
{
    char *end = memchr(client->line, '\n', client->len);
    char line[ADMIN_LINE_BYTES];

    if (end == NULL)
        return false;

    const size_t len = (size_t)(end + 1 - client->line);

    *end = '\0';
    if (strlen(client->line) + 1 != len) {
        admin->stats.wrong++;
        admin_answer(admin, client, "error a line has a zero byte, expected visible characters\n");
        return true;
    }
    memcpy(line, client->line, len);
    if (is_loader(admin, client)) {
        memmove(client->line, client->line + len, client->len - len);
        client->len -= len;
        admin_row(admin, client, line);
        return true;
    }
    if (strncmp(line, "load ", 5) != 0 && client->len != len) {
        admin->stats.wrong++;
        admin_answer(admin, client, "error one line is expected\n");
        return true;
    }
    admin_begin(admin, client);
    if (client->fd >= 0 && is_loader(admin, client)) {
        memmove(client->line, client->line + len, client->len - len);
        client->len -= len;
    }
    return true;
}

/* take reads what there is of a client's lines. Returns whether there may be more. */
static bool
take(struct admin *admin, struct admin_client *client, uint64_t now_ns)
{
    const ssize_t got =
        recv(client->fd, client->line + client->len, ADMIN_LINE_BYTES - client->len, MSG_DONTWAIT);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        admin_hang_up(admin, client);
        return false;
    }
    client->len += got > 0 ? (size_t)got : 0;
    if (got > 0 && is_loader(admin, client))
        client->since_ns = now_ns;
    while (client->fd >= 0 && !client->whole && one_line(admin, client))
        continue;
    if (client->fd < 0 || client->whole)
        return false;
    if (client->len == ADMIN_LINE_BYTES) {
        admin->stats.wrong++;
        admin_answer(admin, client, "error a line has less than %u bytes\n", ADMIN_LINE_BYTES);
    } else if (now_ns < client->since_ns || now_ns - client->since_ns > PATIENCE_NS) {
        admin_hang_up(admin, client);
    }
    return got > 0 && client->fd >= 0;
}

static void
take_all(struct admin *admin, struct admin_client *client, uint64_t now_ns)
{
    for (unsigned i = 0; i < LOAD_PIECES && take(admin, client, now_ns); i++)
        continue;
}

bool
admin_is_busy(const struct admin *admin)
{
    return admin->task != DESK_NONE;
}

int
admin_poll(struct admin *admin, uint64_t now_ns)
{
    const uint64_t look_ns = admin->loader < 0 ? LOOK_NS : LOAD_LOOK_NS;
    int submitted = 0;

    if (LIKELY(now_ns - admin->looked_ns < look_ns) || admin->listener < 0)
        return 0;
    admin->looked_ns = now_ns;
    if (admin->task != DESK_NONE)
        admin_settle(admin);
    for (unsigned i = 0; i < ADMIN_CLIENTS_MAX && welcome(admin, now_ns); i++)
        continue;
    for (unsigned i = 0; i < ADMIN_CLIENTS_MAX; i++) {
        struct admin_client *client = &admin->clients[i];

        if (client->fd >= 0 && !client->whole)
            take_all(admin, client, now_ns);
        if (client->fd >= 0 && client->whole && admin->task == DESK_NONE) {
            admin_submit(admin, client);
            submitted += admin->task != DESK_NONE;
        }
    }
    return submitted;
}

void
admin_close(struct admin *admin)
{
    const struct admin_stats stats = admin->stats;

    for (unsigned i = 0; i < ADMIN_CLIENTS_MAX; i++)
        if (admin->clients[i].fd >= 0)
            admin_hang_up(admin, &admin->clients[i]);
    if (admin->listener >= 0) {
        close(admin->listener);
        (void)unlinkat(admin->folder, ADMIN_NAME, 0);
    }
    if (admin->folder >= 0)
        close(admin->folder);
    if (admin->desk != NULL) {
        sheet_close(&admin->desk->sheet);
        roster_fini(&admin->roster);
    }
    admin_init(admin);
    admin->stats = stats;
}
