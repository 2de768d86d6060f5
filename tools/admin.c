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

#define LOOK_NS     10000000ull
#define PATIENCE_NS 5000000000ull

static const char *const verbs[] = {"open", "halt", "close"};
static const char *const states[] = {"open", "halted", "closed"};
_Static_assert(CELL_INSTRUMENT_STATE_OPEN == 0 && CELL_INSTRUMENT_STATE_HALTED == 1 &&
                   CELL_INSTRUMENT_STATE_CLOSED == 2,
               "indexes of the words");

void
admin_address(int folder, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/" ADMIN_NAME, folder);
}

void
admin_init(struct admin *admin)
{
    *admin = (struct admin){.folder = -1, .listener = -1, .asker = -1};
    for (unsigned i = 0; i < ADMIN_CLIENTS_MAX; i++)
        admin->clients[i].fd = -1;
}

/* listen_in makes the socket; nobody can connect before it has its mode. What
 * lies there is of a run that crashed. */
static int
listen_in(struct admin *admin)
{
    struct sockaddr_un address;

    admin_address(admin->folder, &address);
    if (unlinkat(admin->folder, ADMIN_NAME, 0) != 0 && errno != ENOENT)
        return -errno;
    admin->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (admin->listener < 0 ||
        bind(admin->listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        fchmodat(admin->folder, ADMIN_NAME, S_IRUSR | S_IWUSR, 0) != 0 ||
        listen(admin->listener, ADMIN_CLIENTS_MAX) != 0)
        return -errno;
    return 0;
}

int
admin_open(struct admin *admin, const struct config *config, struct ring_writer *ring)
{
    int rc;

    admin->config = config;
    admin->ring = ring;
    admin->folder = open(config->journal_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (admin->folder < 0)
        return -errno;
    rc = listen_in(admin);
    if (rc != 0)
        admin_close(admin);
    return rc;
}

static void
hang_up(struct admin *admin, struct admin_client *client)
{
    if (admin->asker == (int)(client - admin->clients))
        admin->asker = -1;
    close(client->fd);
    client->fd = -1;
}

/* answer says the one line and hangs up. It fits into the socket's buffer, where
 * nothing lies yet; who does not take it does not get it. */
static __attribute__((format(printf, 3, 4))) void
answer(struct admin *admin, struct admin_client *client, const char *format, ...)
{
    char line[2 * ADMIN_LINE_BYTES];
    va_list args;

    va_start(args, format);
    const int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len > 0 && (size_t)len < sizeof line)
        (void)!send(client->fd, line, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
    hang_up(admin, client);
}

/* is_ours tells whether the peer runs as the user that we do, or as root. */
static bool
is_ours(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && len == sizeof peer &&
           (peer.uid == geteuid() || peer.uid == 0);
}

/* welcome takes one more client if there is a place; false if there is none or
 * nobody is waiting. */
static bool
welcome(struct admin *admin, uint64_t now_ns)
{
    for (unsigned i = 0; i < ADMIN_CLIENTS_MAX; i++) {
        struct admin_client *client = &admin->clients[i];

        if (client->fd >= 0)
            continue;
        const int fd = accept4(admin->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return false;
        if (is_ours(fd))
            *client = (struct admin_client){.fd = fd, .since_ns = now_ns};
        else
            close(fd);
        return true;
    }
    return false;
}

/* take reads what there is of a client's line; whole when its end has come. */
static void
take(struct admin *admin, struct admin_client *client, uint64_t now_ns)
{
    const ssize_t got =
        recv(client->fd, client->line + client->len, ADMIN_LINE_BYTES - client->len, MSG_DONTWAIT);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        hang_up(admin, client);
        return;
    }
    client->len += got > 0 ? (size_t)got : 0;

    char *end = memchr(client->line, '\n', client->len);

    if (end != NULL && end + 1 == client->line + client->len) {
        *end = '\0';
        client->whole = true;
    } else if (end != NULL) {
        answer(admin, client, "error one line is expected\n");
    } else if (client->len == ADMIN_LINE_BYTES) {
        answer(admin, client, "error a line has less than %u bytes\n", ADMIN_LINE_BYTES);
    } else if (now_ns < client->since_ns || now_ns - client->since_ns > PATIENCE_NS) {
        hang_up(admin, client);
    }
}

/* parse reads VERB SYMBOL; false if it is no such line. A NUL within it ends it
 * early: then it is none either. */
static bool
parse(const struct admin *admin, struct admin_client *client, union cell *cell)
{
    char *symbol = strchr(client->line, ' ');
    const struct config_instrument *instrument;

    if (symbol == NULL || strlen(client->line) + 1 != client->len)
        return false;
    *symbol++ = '\0';
    instrument = config_instrument(admin->config, symbol);
    for (unsigned state = 0; state < ARRAY_LEN(verbs); state++) {
        if (instrument == NULL || strcmp(client->line, verbs[state]) != 0)
            continue;
        memset(cell, 0, sizeof *cell);
        cell->instrument_state_set = (struct cell_instrument_state_set){
            .kind = CELL_KIND_INSTRUMENT_STATE_SET,
            .shape = 1,
            .instrument = instrument->id,
            .state = (uint8_t)state,
            .session = CELL_SESSION,
        };
        return true;
    }
    return false;
}

/* submit writes the client's command; the ring has room, for it is alone. */
static void
submit(struct admin *admin, struct admin_client *client, uint64_t now_ns)
{
    union cell cell;

    if (!parse(admin, client, &cell)) {
        answer(admin, client,
               "error expected open, halt or close and a symbol of the configuration\n");
        return;
    }
    cell.instrument_state_set.time = now_ns;
    ASSERT(ring_writer_room(admin->ring, 1) >= 1);
    ring_write(admin->ring, &cell, 1);
    ring_publish(admin->ring);
    admin->on_its_way = true;
    admin->asker = (int)(client - admin->clients);
}

int
admin_poll(struct admin *admin, uint64_t now_ns)
{
    int submitted = 0;

    if (LIKELY(now_ns - admin->looked_ns < LOOK_NS) || admin->listener < 0)
        return 0;
    admin->looked_ns = now_ns;
    for (unsigned i = 0; i < ADMIN_CLIENTS_MAX && welcome(admin, now_ns); i++)
        continue;
    for (unsigned i = 0; i < ADMIN_CLIENTS_MAX; i++) {
        struct admin_client *client = &admin->clients[i];

        if (client->fd >= 0 && !client->whole)
            take(admin, client, now_ns);
        if (client->fd >= 0 && client->whole && !admin->on_its_way) {
            submit(admin, client, now_ns);
            submitted += admin->on_its_way;
        }
    }
    return submitted;
}

void
admin_came_back(struct admin *admin, const union cell *cell)
{
    const struct cell_instrument_state_set *set = &cell->instrument_state_set;

    ASSERT(cell_kind(cell) == CELL_KIND_INSTRUMENT_STATE_SET);
    ASSERT(admin->on_its_way);
    admin->on_its_way = false;
    if (admin->asker < 0)
        return;

    struct admin_client *client = &admin->clients[admin->asker];
    const char *symbol = client->line + strlen(client->line) + 1;

    if (set->outcome == OE_REJECT_REASON_NONE)
        answer(admin, client, "ok %s %s seq %" PRIu64 "\n", symbol, states[set->state], set->seq);
    else
        answer(admin, client, "refused %s\n", oe_reject_reason_name(set->outcome));
}

void
admin_close(struct admin *admin)
{
    for (unsigned i = 0; i < ADMIN_CLIENTS_MAX; i++)
        if (admin->clients[i].fd >= 0)
            hang_up(admin, &admin->clients[i]);
    if (admin->listener >= 0) {
        close(admin->listener);
        (void)unlinkat(admin->folder, ADMIN_NAME, 0);
    }
    if (admin->folder >= 0)
        close(admin->folder);
    admin_init(admin);
}
