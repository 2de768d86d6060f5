/*
 * The client's inside, shared by client.c (handshake, sending, timers),
 * client_recv.c (datagrams of the exchange) and client_finish.c (the end of a session).
 *
 *   reports:   ... delivered | next_report_no ... held back ... | known_no
 *                              first hole                         the exchange
 *                                                                 said it will
 *                                                                 send next
 *
 * Reports ahead of a hole are held in CLIENT_HELD_MAX slots, each under number
 * & mask; one that is too far ahead is dropped and asked for later.
 * One RetransmitRequest is on its way at a time, for the first hole; it is
 * repeated when it is not answered.
 */
#ifndef OUTCRY_GATEWAY_CLIENT_STATE_H
#define OUTCRY_GATEWAY_CLIENT_STATE_H

#include "gateway/client.h"
#include "proto/fixp.h"
#include "proto/limits.h"

#define CLIENT_HELD_MAX    1024u
#define CLIENT_REPORT_MAX  256u /* bytes of a report that can be held back */
#define CLIENT_CONTEXT_LEN (sizeof(struct fixp_header) + FIXP_CONTEXT_BLOCK)
_Static_assert(CLIENT_MESSAGE_MAX ==
                   sizeof(struct oe_header) + OE_MASS_QUOTE_BLOCK + sizeof(struct oe_group_size) +
                       QUOTE_ENTRIES_MAX * sizeof(struct oe_mass_quote_quote_entries),
               "the longest request");
_Static_assert(CLIENT_CONTEXT_LEN + CLIENT_MESSAGE_MAX <= DATAGRAM_BYTES_MAX,
               "a message fits into a datagram");

/* Messages asked for at once: what the exchange serves of one request. */
#define CLIENT_ASK_MAX 64u

#define CLIENT_NS_PER_MS 1000000ull

/* An unanswered request is repeated after this, and given up after so many;
 * Terminate also when the exchange is silent: one that was restarted does not
 * know us and answers nothing. */
#define CLIENT_REPEAT_NS  (100 * CLIENT_NS_PER_MS)
#define CLIENT_REPEAT_MAX 100u

/* After so many repeats one is signed anew: the exchange takes requests of its own
 * time alone, and this one may have waited there. */
#define CLIENT_RESIGN 20u

/* An unanswered RetransmitRequest is repeated after this. */
#define CLIENT_ASK_NS (20 * CLIENT_NS_PER_MS)

/* LatencyReceiptRequest is repeated after this, and given up after so many: an exchange
 * that knows none leaves it unanswered. */
#define CLIENT_RECEIPT_NS  (100 * CLIENT_NS_PER_MS)
#define CLIENT_RECEIPT_MAX 20u

/* As the gateway has it: twice the interval and this is silence. */
#define CLIENT_GRACE_NS (50 * CLIENT_NS_PER_MS)

struct client_held {
    uint64_t no; /* 0: empty */
    uint32_t len;
    uint8_t bytes[CLIENT_REPORT_MAX];
};

struct client {
    struct client_cfg cfg;
    enum client_state state;
    uint64_t request_ns; /* time in the request that waits for its answer */
    uint64_t first_ns;   /* time in the first of its repeats: they wait too */
    uint64_t sent_ns;    /* when it was sent last */
    bool lost;           /* the connection has ended since */
    uint32_t repeats;
    uint64_t last_tx_ns;
    uint64_t last_rx_ns;
    uint32_t server_keepalive_ms;

    /* Ours. */
    uint64_t next_no;
    bool say_no;       /* of a stream: Sequence is due before the next message */
    size_t queued_len; /* bytes of the datagram that is being filled */
    uint64_t queued_no;
    uint8_t queued[DATAGRAM_BYTES_MAX];

    /* Theirs. */
    uint64_t next_report_no;
    uint64_t known_no;
    uint64_t stream_no; /* of the next report on a stream; 0: not known */
    uint64_t asked_ns;  /* 0: nothing is asked for */
    uint64_t asked_end;
    uint64_t asks;
    uint64_t end_report_no; /* one past their last; 0: they go on */
    bool farewell_said;     /* FinishedReceiving, and all is here */
    uint64_t receipts_ns;   /* when they were asked for last */
    uint32_t receipts_asks;
    bool receipts;     /* are sent */
    uint32_t held_cnt; /* reports that are held; without any their lines are not touched */
    struct client_held held[CLIENT_HELD_MAX];

    char error[128];
    char name[CLIENT_NAME_MAX + 1];
    char key[CLIENT_KEY_MAX + 1];
};

/* client_claim gives a datagram to the exchange, or NULL; client_push sends it. */
uint8_t *client_claim(struct client *client);
void client_push(struct client *client, size_t len, uint64_t now_ns);

/* client_begin puts at buf what a datagram begins with that is to prove whose it is:
 * Context, if that is asked for; returns its bytes. */
size_t client_begin(const struct client *client, uint8_t *buf);

/* client_close ends the session for this client, with the reason. */
void client_close(struct client *client, const char *error, const char *detail, size_t detail_len);

/* client_say_terminate sends one Terminate. */
void client_say_terminate(struct client *client, enum fixp_termination_code code, uint64_t now_ns);

/* client_finish.c: client_say_finished sends what the end of the session waits for;
 * client_finish_due tells whether there is something new to say;
 * client_take_finished_sending takes theirs, false if it is none. */
void client_say_finished(struct client *client, uint64_t now_ns);
bool client_finish_due(const struct client *client);
bool client_take_finished_sending(struct client *client, const uint8_t *buf, size_t len);

/* client_request says what the state asks for. */
void client_request(struct client *client, uint64_t now_ns);

/* client_establish goes on to the second half of the handshake. */
void client_establish(struct client *client, uint64_t now_ns);

/* client_ask asks for the first hole, if there is one and it is time. */
void client_ask(struct client *client, uint64_t now_ns);

#endif
