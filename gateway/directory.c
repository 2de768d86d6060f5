#include "gateway/directory.h"

#include <string.h>

#include "gateway/credentials.h"
#include "proto/hash.h"
#include "proto/limits.h"

#define NAME_BYTES CREDENTIALS_NAME_BYTES
#define KEY_BYTES  CREDENTIALS_KEY_BYTES

_Static_assert(sizeof(((struct gateway_session_cfg *)0)->name) == NAME_BYTES, "a name");
_Static_assert(sizeof(((struct gateway_session_cfg *)0)->key) == KEY_BYTES + 1, "a key and NUL");

static uint32_t
slots_for(uint32_t sessions_max)
{
    uint32_t slots_cnt = 2;

    while (slots_cnt < 2 * sessions_max)
        slots_cnt *= 2;
    return slots_cnt;
}

static size_t
round_up(size_t bytes)
{
    return (bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

size_t
directory_footprint(uint32_t sessions_max)
{
    const size_t slots_cnt = slots_for(sessions_max);

    return round_up(slots_cnt * sizeof(uint16_t)) +
           round_up(slots_cnt * sizeof(struct directory_peer));
}

static uint32_t
name_slot(const struct directory *directory, const uint8_t name[NAME_BYTES])
{
    return (uint32_t)hash64_of(name, NAME_BYTES) & (directory->slots_cnt - 1);
}

/* peer_slot: only who has logged in is in the table, so no more is asked of the hash than
 * that neighbours in address or port are spread; and it is needed for each datagram. */
static inline uint32_t
peer_slot(const struct directory *directory, const struct transport *transport)
{
    const uint64_t word = (uint64_t)transport->peer.ip << 24 ^ (uint64_t)transport->port_idx << 16 ^
                          transport->peer.udp_port;

    return (uint32_t)(word * 0x9e3779b97f4a7c15ull >> 32) & (directory->slots_cnt - 1);
}

static uint32_t
next_slot(const struct directory *directory, uint32_t slot)
{
    return (slot + 1) & (directory->slots_cnt - 1);
}

/* padded copies text of at most max bytes; what lies behind its NUL is not ours. */
static void
padded(uint8_t *out, const char *text, size_t max)
{
    memset(out, 0, max);
    memcpy(out, text, strnlen(text, max));
}

static COLD void
names_enter(struct directory *directory, uint16_t session)
{
    uint8_t name[NAME_BYTES];

    padded(name, directory->sessions[session].name, NAME_BYTES);

    uint32_t slot = name_slot(directory, name);
    while (directory->names[slot] != DIRECTORY_NONE)
        slot = next_slot(directory, slot);
    directory->names[slot] = session;
}

COLD void
directory_init(struct directory *directory,
               void *mem,
               const struct gateway_session_cfg *sessions,
               uint32_t sessions_max)
{
    const uint32_t slots_cnt = slots_for(sessions_max);
    uint8_t *bytes = mem;

    ASSERT(sessions_max <= SESSIONS_MAX);
    *directory = (struct directory){
        .sessions = sessions,
        .names = (uint16_t *)(void *)bytes,
        .peers = (struct directory_peer *)(void *)(bytes + round_up(slots_cnt * sizeof(uint16_t))),
        .slots_cnt = slots_cnt,
        .sessions_max = sessions_max,
    };
    for (uint32_t i = 0; i < slots_cnt; i++) {
        directory->names[i] = DIRECTORY_NONE;
        directory->peers[i] = (struct directory_peer){.session = DIRECTORY_NONE};
    }
    for (uint16_t i = 0; i < sessions_max; i++) {
        if (sessions[i].used && sessions[i].dialect == GATEWAY_FIXP)
            names_enter(directory, i);
    }
}

/* name_find returns the session of that name. */
static uint16_t
name_find(const struct directory *directory, const uint8_t name[NAME_BYTES])
{
    uint32_t slot = name_slot(directory, name);

    for (uint32_t i = 0; i < directory->slots_cnt; i++) {
        const uint16_t session = directory->names[slot];

        if (session == DIRECTORY_NONE)
            break;
        if (strncmp(directory->sessions[session].name, (const char *)name, NAME_BYTES) == 0)
            return session;
        slot = next_slot(directory, slot);
    }
    return DIRECTORY_NONE;
}

/* key_of returns the name's session and its key, zeros if there is none such. */
static uint16_t
key_of(const struct directory *directory, const uint8_t name[NAME_BYTES], uint8_t key[KEY_BYTES])
{
    const uint16_t session = name_find(directory, name);

    padded(key, session == DIRECTORY_NONE ? "" : directory->sessions[session].key, KEY_BYTES);
    return session;
}

/* login_signed: an unknown name is tried as well, with a key of zeros, with which
 * anybody can sign: so what comes of that is not looked at. */
static uint16_t
login_signed(const struct directory *directory, const struct directory_login *login)
{
    const struct credentials *credentials = (const struct credentials *)login->credentials;
    const size_t len = credentials_message(login->message, login->message_len);
    uint8_t key[KEY_BYTES];

    if (len == 0)
        return DIRECTORY_NONE;

    const uint16_t session = key_of(directory, credentials->name, key);
    const bool good = credentials_good(credentials, key, login->message, len);

    return good && session != DIRECTORY_NONE ? session : DIRECTORY_NONE;
}

/* login_plain takes NAME:KEY. */
static uint16_t
login_plain(const struct directory *directory, const uint8_t *credentials, size_t len)
{
    const uint8_t *colon = len > 0 ? memchr(credentials, ':', len) : NULL;
    uint8_t name[NAME_BYTES] = {0};
    uint8_t key[KEY_BYTES] = {0};
    uint8_t expected[KEY_BYTES];

    /* A NUL would vanish in the padding. */
    if (colon == NULL || memchr(credentials, '\0', len) != NULL)
        return DIRECTORY_NONE;

    const size_t name_len = (size_t)(colon - credentials);
    const size_t key_len = len - name_len - 1;

    if (name_len < 1 || name_len > NAME_BYTES || key_len < 1 || key_len > KEY_BYTES)
        return DIRECTORY_NONE;
    memcpy(name, credentials, name_len);
    memcpy(key, colon + 1, key_len);

    /* An unknown name is compared as well, against zeros, which no key is. */
    const uint16_t session = key_of(directory, name, expected);

    return credentials_equal(key, expected, KEY_BYTES) ? session : DIRECTORY_NONE;
}

uint16_t
directory_login(const struct directory *directory, const struct directory_login *login)
{
    if (login->credentials_len == sizeof(struct credentials) &&
        login->credentials[0] == CREDENTIALS_FORM_HMAC)
        return login_signed(directory, login);
    if (login->plain)
        return login_plain(directory, login->credentials, login->credentials_len);
    return DIRECTORY_NONE;
}

uint16_t
directory_peer(const struct directory *directory, const struct transport *transport)
{
    uint32_t slot = peer_slot(directory, transport);

    for (uint32_t i = 0; i < directory->slots_cnt; i++) {
        const struct directory_peer *entry = &directory->peers[slot];

        if (entry->session == DIRECTORY_NONE)
            break;
        if (transport_equal(&entry->transport, transport))
            return entry->session;
        slot = next_slot(directory, slot);
    }
    return DIRECTORY_NONE;
}

void
directory_enter(struct directory *directory, const struct transport *transport, uint16_t session)
{
    uint32_t slot = peer_slot(directory, transport);

    ASSERT(session < directory->sessions_max);
    ASSERT(directory_peer(directory, transport) == DIRECTORY_NONE);
    while (directory->peers[slot].session != DIRECTORY_NONE)
        slot = next_slot(directory, slot);
    directory->peers[slot] = (struct directory_peer){
        .transport = *transport,
        .session = session,
    };
}

/* directory_remove moves the entries behind the hole back, so that no probe
 * ends too early and the table never fills up with tombstones. */
void
directory_remove(struct directory *directory, const struct transport *transport)
{
    struct directory_peer *peers = directory->peers;
    uint32_t hole = peer_slot(directory, transport);

    while (!transport_equal(&peers[hole].transport, transport)) {
        ASSERT(peers[hole].session != DIRECTORY_NONE);
        hole = next_slot(directory, hole);
    }
    ASSERT(peers[hole].session != DIRECTORY_NONE);

    const uint32_t mask = directory->slots_cnt - 1;
    for (uint32_t slot = next_slot(directory, hole); peers[slot].session != DIRECTORY_NONE;
         slot = next_slot(directory, slot)) {
        const uint32_t home = peer_slot(directory, &peers[slot].transport);

        /* Stays if its home lies behind the hole on the way to it. */
        if (((slot - home) & mask) < ((slot - hole) & mask))
            continue;
        peers[hole] = peers[slot];
        hole = slot;
    }
    peers[hole] = (struct directory_peer){.session = DIRECTORY_NONE};
}
