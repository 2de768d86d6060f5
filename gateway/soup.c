#include "gateway/soup.h"

#include <string.h>

#include "proto/soup.h"

#define NS_PER_MS UINT64_C(1000000)

_Static_assert(sizeof(((struct soup_login_request *)0)->username) == SOUP_USER_LEN &&
                   sizeof(((struct soup_login_request *)0)->password) == SOUP_PASSWORD_LEN &&
                   sizeof(((struct soup_login_request *)0)->requested_session) == SOUP_SESSION_LEN,
               "lengths of the fields");
_Static_assert(sizeof(struct soup_length) + sizeof(struct soup_sequenced_data) == SOUP_DATA_HEAD,
               "what stands before a message");

/* elapsed is whether so much time has passed; not when the clock was set back. */
static bool
elapsed(uint64_t since_ns, uint64_t now_ns, uint64_t ns)
{
    return now_ns > since_ns && now_ns - since_ns >= ns;
}

/* A field without the spaces around it. */
struct trimmed {
    const char *chars;
    size_t len;
};

static struct trimmed
trim(const char *chars, size_t len)
{
    while (len > 0 && chars[len - 1] == ' ')
        len--;
    while (len > 0 && chars[0] == ' ') {
        chars++;
        len--;
    }
    return (struct trimmed){chars, len};
}

/* text_of copies a field as text; false if it is none. */
static bool
text_of(const char *chars, size_t len, bool upper, char *text)
{
    const struct trimmed field = trim(chars, len);

    memset(text, 0, len + 1);
    for (size_t i = 0; i < field.len; i++) {
        const char c = field.chars[i];

        if (c <= ' ' || c > '~')
            return false;
        text[i] = upper && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    return true;
}

/* number_of reads a decimal field; false if it is none or too large. */
static bool
number_of(const char *chars, size_t len, uint64_t *number)
{
    const struct trimmed field = trim(chars, len);

    *number = 0;
    for (size_t i = 0; i < field.len; i++) {
        const unsigned digit = (unsigned)field.chars[i] - '0';

        if (digit > 9 || __builtin_mul_overflow(*number, UINT64_C(10), number) ||
            __builtin_add_overflow(*number, (uint64_t)digit, number))
            return false;
    }
    return true;
}

void
soup_open(struct soup *soup, uint64_t now_ns)
{
    *soup = (struct soup){
        .state = SOUP_NEW,
        .since_ns = now_ns,
        .last_rx_ns = now_ns,
        .last_tx_ns = now_ns,
        .silence_ns = SOUP_SILENCE_NS,
    };
}

/* over ends the connection. */
static enum soup_event
over(struct soup *soup, enum soup_event event)
{
    soup->state = SOUP_OVER;
    return event;
}

/* take_timeout reads what a client of 4.10 has behind its login. */
static bool
take_timeout(struct soup *soup, const uint8_t *packet, size_t len)
{
    const struct soup_login_request_long *msg = soup_login_request_long_view(packet, len);
    uint64_t timeout_ms;

    if (msg == NULL)
        return true;
    if (!number_of(msg->heartbeat_timeout, sizeof msg->heartbeat_timeout, &timeout_ms))
        return false;
    if (timeout_ms == 0)
        return true;
    if (timeout_ms < SOUP_TIMEOUT_MS_MIN)
        timeout_ms = SOUP_TIMEOUT_MS_MIN;
    if (timeout_ms > SOUP_TIMEOUT_MS_MAX)
        timeout_ms = SOUP_TIMEOUT_MS_MAX;
    soup->silence_ns = timeout_ms * NS_PER_MS;
    return true;
}

static enum soup_event
take_login(struct soup *soup, const uint8_t *packet, size_t len, struct soup_login *login)
{
    const struct soup_login_request *msg = soup_login_request_view(packet, len);

    if (soup->state != SOUP_NEW ||
        (len != SOUP_LOGIN_REQUEST_BLOCK && len != SOUP_LOGIN_REQUEST_LONG_BLOCK))
        return over(soup, SOUP_BAD);
    ASSERT(msg != NULL);
    if (!text_of(msg->username, sizeof msg->username, true, login->user) ||
        !text_of(msg->password, sizeof msg->password, true, login->password) ||
        !text_of(msg->requested_session, sizeof msg->requested_session, false, login->session) ||
        !number_of(msg->requested_sequence_number, sizeof msg->requested_sequence_number,
                   &login->no) ||
        !take_timeout(soup, packet, len))
        return over(soup, SOUP_BAD);
    soup->state = SOUP_LOGGING_IN;
    return SOUP_LOGIN;
}

enum soup_event
soup_take(struct soup *soup,
          const uint8_t *packet,
          size_t len,
          uint64_t now_ns,
          struct soup_login *login)
{
    if (soup->state == SOUP_OVER)
        return SOUP_BAD;
    soup->last_rx_ns = now_ns;
    if (len < 1 || len > SOUP_PACKET_MAX)
        return over(soup, SOUP_BAD);
    switch (packet[0]) {
    case SOUP_DEBUG_TYPE:
        return SOUP_NOTHING;
    case SOUP_LOGIN_REQUEST_TYPE:
        return take_login(soup, packet, len, login);
    case SOUP_UNSEQUENCED_DATA_TYPE:
        return soup->state == SOUP_LIVE ? SOUP_DATA : over(soup, SOUP_BAD);
    case SOUP_CLIENT_HEARTBEAT_TYPE:
        return len == 1 && soup->state != SOUP_NEW ? SOUP_NOTHING : over(soup, SOUP_BAD);
    case SOUP_LOGOUT_REQUEST_TYPE:
        return over(soup, len == 1 && soup->state != SOUP_NEW ? SOUP_LOGOUT : SOUP_BAD);
    default:
        return over(soup, SOUP_BAD);
    }
}

void
soup_hear(struct soup *soup, uint64_t now_ns)
{
    soup->last_rx_ns = now_ns;
}

enum soup_due
soup_due(const struct soup *soup, uint64_t now_ns)
{
    switch ((enum soup_state)soup->state) {
    case SOUP_NEW:
        return elapsed(soup->since_ns, now_ns, SOUP_LOGIN_NS) ? SOUP_DUE_END : SOUP_DUE_NOTHING;
    case SOUP_LIVE:
        if (elapsed(soup->last_rx_ns, now_ns, soup->silence_ns))
            return SOUP_DUE_END;
        return elapsed(soup->last_tx_ns, now_ns, SOUP_HEARTBEAT_NS) ? SOUP_DUE_HEARTBEAT
                                                                    : SOUP_DUE_NOTHING;
    case SOUP_LOGGING_IN:
    case SOUP_OVER:
        return SOUP_DUE_NOTHING;
    default:
        UNREACHABLE("no other state");
    }
}

uint64_t
soup_first_no(uint64_t wanted_no, uint64_t next_no)
{
    return wanted_no == 0 || wanted_no > next_no ? next_no : wanted_no;
}

/* put_head writes length and type of a packet with so many bytes behind its type. */
static uint8_t *
put_head(uint8_t *buf, size_t cap, char type, size_t len)
{
    struct soup_length length;

    if (len >= UINT16_MAX || cap < SOUP_DATA_HEAD || cap - SOUP_DATA_HEAD < len)
        return NULL;
    soup_length_set_bytes(&length, (uint16_t)(1 + len));
    (void)soup_length_encode(buf, cap, &length);
    buf[2] = (uint8_t)type;
    return buf + SOUP_DATA_HEAD;
}

/* put_number writes a number with spaces before it. */
static void
put_number(char *chars, size_t len, uint64_t number)
{
    memset(chars, ' ', len);
    do {
        ASSERT(len > 0);
        chars[--len] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
}

size_t
soup_accept(struct soup *soup,
            const char session[SOUP_SESSION_LEN],
            uint64_t first_no,
            uint64_t now_ns,
            uint8_t *buf,
            size_t cap)
{
    struct soup_login_accepted msg;
    const size_t head = sizeof(struct soup_length);

    ASSERT(soup->state == SOUP_LOGGING_IN);
    ASSERT(first_no >= 1);
    if (put_head(buf, cap, SOUP_LOGIN_ACCEPTED_TYPE, SOUP_LOGIN_ACCEPTED_BLOCK - 1) == NULL)
        return 0;
    memcpy(msg.session, session, sizeof msg.session);
    put_number(msg.sequence_number, sizeof msg.sequence_number, first_no);
    soup->state = SOUP_LIVE;
    soup->next_no = first_no;
    soup->last_rx_ns = now_ns;
    soup->last_tx_ns = now_ns;
    return head + soup_login_accepted_encode(buf + head, cap - head, &msg);
}

size_t
soup_reject(struct soup *soup, uint8_t reason, uint8_t *buf, size_t cap)
{
    uint8_t *body;

    ASSERT(soup->state == SOUP_LOGGING_IN);
    ASSERT(soup_reject_reason_valid(reason));
    body = put_head(buf, cap, SOUP_LOGIN_REJECTED_TYPE, 1);
    if (body == NULL)
        return 0;
    body[0] = reason;
    soup->state = SOUP_OVER;
    return SOUP_DATA_HEAD + 1;
}

size_t
soup_data(struct soup *soup,
          const uint8_t *message,
          size_t len,
          uint64_t now_ns,
          uint8_t *buf,
          size_t cap)
{
    uint8_t *body;

    ASSERT(soup->state == SOUP_LIVE);
    body = put_head(buf, cap, SOUP_SEQUENCED_DATA_TYPE, len);
    if (body == NULL)
        return 0;
    memcpy(body, message, len);
    soup->next_no++;
    soup->last_tx_ns = now_ns;
    return SOUP_DATA_HEAD + len;
}

size_t
soup_heartbeat(struct soup *soup, uint64_t now_ns, uint8_t *buf, size_t cap)
{
    ASSERT(soup->state == SOUP_LIVE);
    if (put_head(buf, cap, SOUP_SERVER_HEARTBEAT_TYPE, 0) == NULL)
        return 0;
    soup->last_tx_ns = now_ns;
    return SOUP_DATA_HEAD;
}

size_t
soup_end(struct soup *soup, uint8_t *buf, size_t cap)
{
    ASSERT(soup->state == SOUP_LIVE);
    if (put_head(buf, cap, SOUP_END_OF_SESSION_TYPE, 0) == NULL)
        return 0;
    soup->state = SOUP_OVER;
    return SOUP_DATA_HEAD;
}

void
soup_session_name(const uint8_t uuid[16], char name[SOUP_SESSION_LEN])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint64_t bits;

    /* The first bytes but for the four bits of the version. */
    memcpy(&bits, uuid, sizeof bits);
    bits = __builtin_bswap64(bits) >> 16;
    bits = bits << 2 | (uuid[7] & 3u);
    for (unsigned i = SOUP_SESSION_LEN; i-- > 0; bits >>= 5)
        name[i] = digits[bits & 31];
}
