/*
 * Credentials of Negotiate and Establish: who holds the key of a session signed
 * this very request.
 *
 *   0  form   u8        1: HMAC-SHA256
 *   1  name   char[16]  the session's, zeros behind it
 *  17  mac    u8[32]    HMAC-SHA256(key, message | form | name)
 *
 * message is the request from its SBE header to the end of its fixed block as it
 * is sent, so it binds template, UUID, Timestamp and all else that is asked for;
 * key is the session's access key, its characters without a NUL. The key itself
 * is never on the wire. That an old request cannot be used again is for the
 * Timestamp in it, which the exchange takes within a window alone.
 *
 * Cost: about a microsecond, the same for every name and key.
 */
#ifndef OUTCRY_GATEWAY_CREDENTIALS_H
#define OUTCRY_GATEWAY_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

#define CREDENTIALS_NAME_BYTES 16u
#define CREDENTIALS_KEY_BYTES  32u /* at most */
#define CREDENTIALS_MAC_BYTES  32u
#define CREDENTIALS_FORM_HMAC  1u /* no name begins with it, so NAME:KEY differs */

struct credentials {
    uint8_t form;
    uint8_t name[CREDENTIALS_NAME_BYTES];
    uint8_t mac[CREDENTIALS_MAC_BYTES];
};
_Static_assert(sizeof(struct credentials) == 49, "as on the wire");

/* credentials_message returns the bytes of a session message of len bytes that are
 * signed: header and fixed block. 0 if they are not all there. */
size_t credentials_message(const uint8_t *message, size_t len);

/* credentials_sign fills all of it. Of name at most 16 characters count, of key 32. */
void credentials_sign(struct credentials *credentials,
                      const char *name,
                      const char *key,
                      const uint8_t *message,
                      size_t len);

/* credentials_good tells whether the holder of the key signed the message, in the
 * same time for a good and for any bad one. key: zeros behind it. */
NODISCARD bool credentials_good(const struct credentials *credentials,
                                const uint8_t key[CREDENTIALS_KEY_BYTES],
                                const uint8_t *message,
                                size_t len);

/* credentials_equal compares secrets in constant time. */
NODISCARD bool credentials_equal(const void *a, const void *b, size_t bytes);

#endif
