/*
 * Goal: a login leads to its session and to no other, and a peer to the session
 * last bound to it, whatever was entered and removed before. Method: every way
 * in which credentials can be wrong; and for peers random steps next to a plain
 * array that says what must be found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/credentials.h"
#include "gateway/directory.h"

#define SESSIONS 64u

static struct gateway_session_cfg sessions[SESSIONS];

static struct directory
directory_new(void)
{
    struct directory directory;
    void *mem = aligned_alloc(CACHE_LINE, directory_footprint(SESSIONS));

    memset(sessions, 0, sizeof sessions);
    for (unsigned i = 0; i < SESSIONS; i++) {
        snprintf(sessions[i].name, sizeof sessions[i].name, "S%u", i);
        snprintf(sessions[i].key, sizeof sessions[i].key, "secret%u", i);
        sessions[i].used = i != 5;
    }
    memcpy(sessions[1].name, "SIXTEEN-LETTERS!", 16);
    memset(sessions[2].key, 'k', 32);
    directory_init(&directory, mem, sessions, SESSIONS);
    return directory;
}

static uint16_t
login_bytes(const struct directory *directory, const void *credentials, size_t len)
{
    const struct directory_login login = {
        .credentials = credentials,
        .credentials_len = len,
        .plain = true,
    };

    return directory_login(directory, &login);
}

static uint16_t
login(const struct directory *directory, const char *credentials)
{
    return login_bytes(directory, credentials, strlen(credentials));
}

/* signed_by logs in with a request that was signed so. */
static uint16_t
signed_by(const struct directory *directory, const char *name, const char *key)
{
    uint8_t message[8 + 25] = {25, 0, 1, 0, 0xbc, 0x0a};
    struct credentials credentials;
    const struct directory_login login = {
        .message = message,
        .message_len = sizeof message,
        .credentials = (const uint8_t *)&credentials,
        .credentials_len = sizeof credentials,
    };

    credentials_sign(&credentials, name, key, message, sizeof message);
    return directory_login(directory, &login);
}

Test(directory, signatures_lead_to_their_session)
{
    const struct directory directory = directory_new();

    cr_assert_eq(signed_by(&directory, "S0", "secret0"), 0);
    cr_assert_eq(signed_by(&directory, "S63", "secret63"), 63);
    cr_assert_eq(signed_by(&directory, "SIXTEEN-LETTERS!", "secret1"), 1);
    cr_assert_eq(signed_by(&directory, "S2", "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"), 2);
    cr_assert_eq(signed_by(&directory, "S0", "secret1"), DIRECTORY_NONE);
    cr_assert_eq(signed_by(&directory, "S0", "secret"), DIRECTORY_NONE);
    cr_assert_eq(signed_by(&directory, "S2", "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"), DIRECTORY_NONE);
    cr_assert_eq(signed_by(&directory, "s0", "secret0"), DIRECTORY_NONE);
    free(directory.names);
}

/* What stands in for the key of a name that is not there is no secret. */
Test(directory, name_that_is_not_there_has_no_key)
{
    const struct directory directory = directory_new();

    cr_assert_eq(signed_by(&directory, "S64", ""), DIRECTORY_NONE);
    cr_assert_eq(signed_by(&directory, "S5", ""), DIRECTORY_NONE);
    cr_assert_eq(signed_by(&directory, "", ""), DIRECTORY_NONE);
    free(directory.names);
}

Test(directory, clear_text_is_refused_unless_it_is_asked_for)
{
    const struct directory directory = directory_new();
    const struct directory_login login = {
        .credentials = (const uint8_t *)"S0:secret0",
        .credentials_len = 10,
    };

    cr_assert_eq(directory_login(&directory, &login), DIRECTORY_NONE);
    free(directory.names);
}

Test(directory, credentials_lead_to_their_session)
{
    const struct directory directory = directory_new();

    cr_assert_eq(login(&directory, "S0:secret0"), 0);
    cr_assert_eq(login(&directory, "S63:secret63"), 63);
    cr_assert_eq(login(&directory, "SIXTEEN-LETTERS!:secret1"), 1);
    cr_assert_eq(login(&directory, "S2:kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"), 2);
    free(directory.names);
}

Test(directory, wrong_credentials_lead_nowhere)
{
    static const char *const wrong[] = {
        "",
        ":",
        "S0",
        "S0:",
        ":secret0",
        "S0:secret",
        "S0:secret00",
        "S0:secret1",
        "S1:secret0",
        "s0:secret0",
        "S0 :secret0",
        "S64:secret64",
        "S0:secret0:",
        "S5:secret5", /* not used */
        "SIXTEEN-LETTERS:secret1",
        "SIXTEEN-LETTERS!!:secret1",
        "S2:kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
        "S2:kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
    };
    const struct directory directory = directory_new();

    for (unsigned i = 0; i < ARRAY_LEN(wrong); i++)
        cr_assert_eq(login(&directory, wrong[i]), DIRECTORY_NONE, "%s", wrong[i]);
    /* Zeros are what an unknown name is compared with. */
    cr_assert_eq(login_bytes(&directory, "XX:\0\0", 5), DIRECTORY_NONE);
    cr_assert_eq(login_bytes(&directory, "S0\0:secret0", 11), DIRECTORY_NONE);
    cr_assert_eq(login_bytes(&directory, "S0:secret0\0", 11), DIRECTORY_NONE);
    free(directory.names);
}

static struct transport
transport_of(unsigned n)
{
    /* Few addresses and ports, so that probes run into each other. */
    return (struct transport){
        .peer = {.ip = 0x0a000000 + n % 7, .udp_port = (uint16_t)(1000 + n / 7)},
        .port_idx = (uint8_t)(n % 3),
    };
}

Test(directory, peers_are_found_until_they_are_removed)
{
    struct directory directory = directory_new();
    uint16_t owner_of[2 * SESSIONS];
    uint64_t random = 1;
    unsigned entered = 0;

    for (unsigned i = 0; i < ARRAY_LEN(owner_of); i++)
        owner_of[i] = DIRECTORY_NONE;
    for (unsigned step = 0; step < 20000; step++) {
        random = random * 6364136223846793005ull + 1442695040888963407ull;

        const unsigned n = (unsigned)(random >> 33) % ARRAY_LEN(owner_of);
        const struct transport transport = transport_of(n);

        cr_assert_eq(directory_peer(&directory, &transport), owner_of[n], "step %u", step);
        if (owner_of[n] != DIRECTORY_NONE) {
            directory_remove(&directory, &transport);
            owner_of[n] = DIRECTORY_NONE;
            entered--;
        } else if (entered < SESSIONS) {
            owner_of[n] = (uint16_t)(n % SESSIONS);
            directory_enter(&directory, &transport, owner_of[n]);
            entered++;
        }
    }
    for (unsigned i = 0; i < ARRAY_LEN(owner_of); i++) {
        const struct transport transport = transport_of(i);

        cr_assert_eq(directory_peer(&directory, &transport), owner_of[i]);
    }
    free(directory.names);
}

Test(directory, peers_differ_by_port_address_and_device)
{
    struct directory directory = directory_new();
    const struct transport one = {.peer = {.ip = 1, .udp_port = 2}, .port_idx = 0};
    struct transport other = one;

    directory_enter(&directory, &one, 7);
    other.peer.mac[0] = 1; /* does not matter */
    cr_assert_eq(directory_peer(&directory, &other), 7);
    other = one;
    other.peer.ip = 2;
    cr_assert_eq(directory_peer(&directory, &other), DIRECTORY_NONE);
    other = one;
    other.peer.udp_port = 3;
    cr_assert_eq(directory_peer(&directory, &other), DIRECTORY_NONE);
    other = one;
    other.port_idx = 1;
    cr_assert_eq(directory_peer(&directory, &other), DIRECTORY_NONE);
    free(directory.names);
}
