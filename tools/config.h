/*
 * Config: the YAML file of an exchange, read strictly into one struct.
 *
 *   FILE --libyaml--> document --schema--> struct config --> commands, rings, ports
 *
 * tools/outcry.yaml is the example: every key with its default and what it
 * means. Reading is strict: an unknown key, a key given twice, a value of
 * another type, out of range or in contradiction to another one is refused
 * with one line
 *
 *   FILE:LINE: message, expected ...
 *
 * Prices and money are decimal text turned into 10^-8 without a float; what
 * has more than 8 decimals is refused. Lists are in the order of the file.
 *
 * Invariants of a config that was loaded:
 *  1. Ids are below their pool, unique, and so are names.
 *  2. Every name that something refers to exists, and is an index here.
 *  3. Each stage is in exactly one thread, the door in one at most; the threads that spin are no
 * more than the cores of this machine.
 *  4. config_print writes YAML that loads to the same config.
 *
 * Only reading and printing: what is done with it is in tools/exchange.h. Read
 * once at start, never changed, so any thread may look.
 */
#ifndef OUTCRY_TOOLS_CONFIG_H
#define OUTCRY_TOOLS_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/engine.h"
#include "gateway/gateway.h"
#include "proto/base.h"
#include "proto/px_qty.h"

#define CONFIG_NAME_MAX   16u /* characters of a name; a symbol has 8 */
#define CONFIG_SYMBOL_MAX 8u
#define CONFIG_KEY_MAX    32u
#define CONFIG_PORTS_MAX  4u
#define CONFIG_EAL_MAX    64u /* arguments of one device */
#define CONFIG_ADMINS_MAX 16u
#define CONFIG_DEVICE_MAX 63u /* as long as names are in DPDK */
#define CONFIG_WHY_BYTES  (PATH_MAX + 512)

enum config_stage {
    CONFIG_GATEWAY,
    CONFIG_ENGINE,
    CONFIG_JOURNAL,
    CONFIG_DOOR, /* a second gateway, for the ports that are its; without it the first has all */
    CONFIG_STAGES_CNT
};

enum config_idle {
    CONFIG_SPIN,  /* never gives the core away */
    CONFIG_YIELD, /* gives it away when there is nothing to do */
    CONFIG_BLOCK  /* sleeps; for a thread that has the journal alone */
};

struct config_thread {
    char name[CONFIG_NAME_MAX + 1];
    int core; /* -1: not pinned */
    enum config_idle idle;
    unsigned stages_cnt;
    enum config_stage stages[CONFIG_STAGES_CNT]; /* in the order of polling */
};

enum config_port_kind {
    CONFIG_PORT_UDP, /* kernel socket */
    CONFIG_PORT_DPDK,
    CONFIG_PORT_TCP /* kernel sockets */
};

/* Of a port of kind tcp. */
struct config_port_tcp {
    uint32_t connections;
    uint32_t unsent_bytes; /* kept for one connection */
    uint32_t slow_ms;      /* how long it may be full */
    uint32_t idle_ms;      /* 0: for ever */
    uint32_t half_open;    /* connections without a login */
    uint32_t login_ms;     /* how long one may have none; 0: for ever */
    uint32_t busy_poll_us; /* 0: what the system does */
};

/* The other side of a port, for `load`, `send` and `demo` on this machine. */
struct config_port_client {
    bool given;
    uint32_t address;       /* host order */
    unsigned eal_cnt;       /* arguments, without the NULL behind them */
    const char *const *eal; /* NULL terminated, never NULL */
};

struct config_port {
    char name[CONFIG_NAME_MAX + 1];
    enum config_port_kind kind;
    uint32_t address;  /* host order; 0.0.0.0 is any, kernel sockets only */
    uint16_t udp_port; /* of kind tcp: tcp_port; 0: any free one, kernel sockets only */
    struct config_port_tcp tcp;
    enum config_stage stage; /* the gateway or the door: which of them polls it */
    uint8_t dialect;         /* enum gateway_dialect: OUCH under SoupBinTCP on some of kind tcp */
    char device[CONFIG_DEVICE_MAX + 1]; /* of kind dpdk: its name; empty: the next one */
    uint16_t vlan;                      /* of a dpdk device; 0: none */
    bool flow_rule;                     /* likewise: datagrams to the queues behind the first */
    uint16_t rx_queues;                 /* likewise; 0: not given, one */
    unsigned eal_cnt;
    const char *const *eal; /* NULL terminated, never NULL */
    struct config_port_client client;
};

struct config_firm {
    uint32_t id;
    char name[CONFIG_NAME_MAX + 1];
};

struct config_group {
    uint32_t id;
    char name[CONFIG_NAME_MAX + 1];
    unsigned firm; /* index in firms */
    unsigned restricted_cnt;
    const unsigned *restricted; /* indexes in instruments, sorted */
};

/* Limits that are not given are the largest number of their type, positions
 * POSITION_LIMIT_MAX: no limit. */
struct config_account {
    uint32_t id;
    char name[CONFIG_NAME_MAX + 1];
    unsigned group; /* index in groups */
    uint8_t state;  /* enum cell_account_state */
    qty_t order_qty_max;
    px_t order_value_max;
    uint64_t long_max;
    uint64_t short_max;
};

struct config_position {
    unsigned account;    /* index in accounts */
    unsigned instrument; /* index in instruments */
    uint64_t long_max;
    uint64_t short_max;
};

struct config_instrument {
    uint32_t id;
    char symbol[CONFIG_SYMBOL_MAX + 1];
    px_t tick_px;
    qty_t lot_qty;
    uint8_t px_decimals;
    uint8_t state;           /* enum cell_instrument_state */
    bool state_given;        /* false: as it is in the journal, a new one is open */
    uint8_t algorithm;       /* enum cell_match_algorithm */
    uint32_t allocation_min; /* of pro-rata and split */
    uint16_t fifo_permille;  /* of split */
    uint32_t top_max;        /* of pro-rata and split; 0: no order has top status */
    qty_t order_qty_min;
    qty_t order_qty_max;
    px_t order_value_max;
    px_t reference_px;        /* 0: none */
    uint32_t collar_ticks;    /* 0: none */
    uint32_t collar_permille; /* 0: none */
    px_t band_low_px;         /* 0: none */
    px_t band_high_px;        /* 0: none */
    bool fees_given;          /* false: as they are in the journal */
    int32_t maker_ppm;
    int32_t taker_ppm;
};

struct config_session {
    uint32_t id;
    char name[CONFIG_NAME_MAX + 1];
    char key[CONFIG_KEY_MAX + 1];
    unsigned firm; /* index in firms */
    struct gateway_throttle throttle;
    uint32_t cancel_on_disconnect_ms;
    bool blocked;
    bool drop_copy;
    uint8_t dialect;    /* enum gateway_dialect */
    unsigned account;   /* of an OUCH session, index in accounts */
    char mpid[5];       /* what OUCH calls the account */
    uint8_t self_match; /* of its orders, enum oe_self_match_prevention_instruction */
};

/* Words of `dialect` and `self_match`, in the order of their numbers. */
#define CONFIG_DIALECT_WORDS    "fixp ouch"
#define CONFIG_SELF_MATCH_WORDS "none cancel_aggressive cancel_passive cancel_both decrement"

struct config {
    char file[PATH_MAX]; /* as it was named */

    struct engine_cfg engine; /* exchange.shard and the pools of the engine */
    uint8_t ack_mode;         /* enum cell_ack_mode */
    uint32_t interval_ms;     /* of ack mode interval */

    char journal_folder[PATH_MAX]; /* absolute, or relative to where we run */
    uint32_t segment_mib;
    uint32_t reserve_mib;       /* below so much free, new orders are refused */
    uint32_t retain_years;      /* 0: nothing is ever pruned */
    char archive_key[PATH_MAX]; /* file of the key of encrypted segments; empty: none */

    uint32_t in_ring_cells;
    uint32_t out_ring_cells;
    uint32_t retransmit; /* reports kept per session */
    uint32_t keepalive_ms;
    uint32_t credentials_window_ms;
    bool plain_credentials;
    bool require_context;
    uint32_t login_rate;
    struct gateway_throttle throttle; /* of sessions that have none of their own */
    uint32_t throttle_burst_ms;
    bool throttle_queue;
    uint32_t message_bytes;

    unsigned threads_cnt;
    struct config_thread threads[CONFIG_STAGES_CNT];
    unsigned ports_cnt;
    struct config_port ports[CONFIG_PORTS_MAX];

    unsigned admins_cnt; /* user ids that may give an operator's word, besides ours and root */
    uint32_t admins[CONFIG_ADMINS_MAX];

    unsigned firms_cnt;
    struct config_firm *firms;
    unsigned groups_cnt;
    struct config_group *groups;
    unsigned accounts_cnt;
    struct config_account *accounts;
    unsigned positions_cnt;
    struct config_position *positions;
    unsigned instruments_cnt;
    struct config_instrument *instruments;
    unsigned sessions_cnt;
    struct config_session *sessions;
    unsigned limits_cnt; /* those that have no key with their subject */
    struct cell_limit_set *limits;
    unsigned rules_cnt;
    struct cell_order_rule_set *rules;
};

/* config_load reads the file at path. NULL, and then one line in why. */
NODISCARD struct config *config_load(const char *path, char why[CONFIG_WHY_BYTES]);

/* config_parse is config_load of text in memory; name stands for the file in
 * messages, and its folder is where a relative journal.folder starts. */
NODISCARD struct config *
config_parse(const char *text, size_t len, const char *name, char why[CONFIG_WHY_BYTES]);

void config_free(struct config *config);

/* config_print writes the effective configuration as YAML, defaults and access
 * keys included. */
void config_print(const struct config *config, FILE *out);

/* config_hash hashes the effective configuration: the Restart command has it. */
uint64_t config_hash(const struct config *config);

/* Look-ups by name, NULL if there is none. */
const struct config_instrument *config_instrument(const struct config *config, const char *symbol);
const struct config_account *config_account(const struct config *config, const char *name);
const struct config_session *config_session(const struct config *config, const char *name);
const struct config_port *config_port(const struct config *config, const char *name);

/* config_thread_of returns the thread that has the stage, NULL if none has the door. */
const struct config_thread *config_thread_of(const struct config *config, enum config_stage stage);

#endif
