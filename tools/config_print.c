/*
 * Prints a configuration so that it reads back to the same.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "gateway/gateway.h"
#include "proto/hash.h"
#include "proto/limits.h"

#include "tools/config_read.h"
#include "tools/text.h"

/* put_text writes a double-quoted scalar; all we take as text can be one. */
static void
put_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\x%02x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void
put_px(FILE *out, const char *key, px_t px)
{
    char text[TEXT_PX_BYTES];

    fprintf(out, "%s: \"%s\"", key, text_px(px, 0, text));
}

/* Limits are written only where they limit. `first` tells whether a comma is
 * due. */
static void
put_limit(FILE *out, bool *first, const char *key, uint64_t value, uint64_t none)
{
    if (value == none)
        return;
    fprintf(out, "%s%s: %" PRIu64, *first ? "" : ", ", key, value);
    *first = false;
}

static void
put_limit_px(FILE *out, bool *first, const char *key, px_t px, px_t none)
{
    if (px == none)
        return;
    fputs(*first ? "" : ", ", out);
    put_px(out, key, px);
    *first = false;
}

static void
put_args(FILE *out, const char *const *args)
{
    fputs("eal: [", out);
    for (unsigned i = 0; args[i] != NULL; i++) {
        fputs(i > 0 ? ", " : "", out);
        put_text(out, args[i]);
    }
    fputc(']', out);
}

/* print_rates prints what a session may send; keys in front of which others stand. */
static void
print_rates(const struct gateway_throttle *throttle, FILE *out)
{
    fprintf(out, ", messages_per_s: %u, cancels_per_s: %u, bytes_per_s: %u",
            throttle->messages_per_s, throttle->cancels_per_s, throttle->bytes_per_s);
}

static void
print_gateway(const struct config *config, FILE *out)
{
    char word[16];

    fprintf(out,
            "gateway: {keepalive_ms: %u, credentials_window_ms: %u, plain_credentials: %s, "
            "require_context: %s, login_rate: %u",
            config->keepalive_ms, config->credentials_window_ms,
            config->plain_credentials ? "true" : "false",
            config->require_context ? "true" : "false", config->login_rate);
    print_rates(&config->throttle, out);
    fprintf(out, ", burst_ms: %u, throttle: %s, message_bytes: %u}\n", config->throttle_burst_ms,
            config_word(CONFIG_THROTTLE_WORDS, config->throttle_queue, word),
            config->message_bytes);
}

static void
print_general(const struct config *config, FILE *out)
{
    const struct engine_cfg *engine = &config->engine;
    char word[16];

    fprintf(out, "exchange: {shard: %u, ack: %s", engine->shard,
            config_word(CONFIG_ACK_WORDS, config->ack_mode, word));
    if (config->ack_mode == CELL_ACK_MODE_INTERVAL)
        fprintf(out, ", interval_ms: %u", config->interval_ms);
    fputs("}\njournal: {folder: ", out);
    put_text(out, config->journal_folder);
    fprintf(out, ", segment_mib: %u, reserve_mib: %u", config->segment_mib, config->reserve_mib);
    if (config->retain_years != 0)
        fprintf(out, ", retain_years: %u", config->retain_years);
    if (config->archive_key[0] != '\0') {
        fputs(", archive_key: ", out);
        put_text(out, config->archive_key);
    }
    fputs("}\n", out);
    fprintf(out,
            "pools: {orders: %u, instruments: %u, accounts: %u, groups: %u, firms: %u, "
            "sessions: %u, positions: %u, pages: %u, extras: %u, in_ring_cells: %u, "
            "out_ring_cells: %u, retransmit: %u}\n",
            engine->orders_max, engine->instruments_max, engine->accounts_max, engine->groups_max,
            engine->firms_max, engine->sessions_max, engine->positions_max, engine->pages_max,
            engine->extras_max, config->in_ring_cells, config->out_ring_cells, config->retransmit);
    print_gateway(config, out);
    fputs("admins: [", out);
    for (unsigned i = 0; i < config->admins_cnt; i++)
        fprintf(out, "%s{uid: %u}", i > 0 ? ", " : "", config->admins[i]);
    fputs("]\n", out);
}

static void
print_wiring(const struct config *config, FILE *out)
{
    char word[16];
    char ip[16];

    fputs("threads:\n", out);
    for (unsigned i = 0; i < config->threads_cnt; i++) {
        const struct config_thread *thread = &config->threads[i];

        fprintf(out, "  - {name: \"%s\", core: %d, stages: [", thread->name, thread->core);
        for (unsigned k = 0; k < thread->stages_cnt; k++)
            fprintf(out, "%s%s", k > 0 ? ", " : "",
                    config_word(CONFIG_STAGE_WORDS, thread->stages[k], word));
        fprintf(out, "], idle: %s}\n", config_word(CONFIG_IDLE_WORDS, thread->idle, word));
    }
    fputs("ports:\n", out);
    for (unsigned i = 0; i < config->ports_cnt; i++) {
        const struct config_port *port = &config->ports[i];

        fprintf(out, "  - {name: \"%s\", kind: %s, address: \"%s\", %s_port: %u", port->name,
                config_word(CONFIG_KIND_WORDS, port->kind, word), text_ipv4(port->address, ip),
                port->kind == CONFIG_PORT_TCP ? "tcp" : "udp", port->udp_port);
        fprintf(out, ", stage: %s", port->stage == CONFIG_DOOR ? "door" : "gateway");
        if (port->device[0] != '\0') {
            fputs(", device: ", out);
            put_text(out, port->device);
        }
        if (port->vlan != 0)
            fprintf(out, ", vlan: %u", port->vlan);
        if (port->rx_queues != 0)
            fprintf(out, ", rx_queues: %u", port->rx_queues);
        if (port->flow_rule)
            fputs(", flow_rule: true", out);
        if (port->kind == CONFIG_PORT_TCP)
            fprintf(out,
                    ", dialect: %s, connections: %u, unsent_bytes: %u, slow_ms: %u, idle_ms: %u, "
                    "half_open: %u, login_ms: %u, busy_poll_us: %u",
                    config_word(CONFIG_DIALECT_WORDS, port->dialect, word), port->tcp.connections,
                    port->tcp.unsent_bytes, port->tcp.slow_ms, port->tcp.idle_ms,
                    port->tcp.half_open, port->tcp.login_ms, port->tcp.busy_poll_us);
        if (port->eal_cnt > 0) {
            fputs(", ", out);
            put_args(out, port->eal);
        }
        if (port->client.given) {
            fprintf(out, ", client: {address: \"%s\", ", text_ipv4(port->client.address, ip));
            put_args(out, port->client.eal);
            fputc('}', out);
        }
        fputs("}\n", out);
    }
}

static void
print_members(const struct config *config, FILE *out)
{
    char word[16];

    fputs(config->firms_cnt > 0 ? "firms:\n" : "firms: []\n", out);
    for (unsigned i = 0; i < config->firms_cnt; i++)
        fprintf(out, "  - {id: %u, name: \"%s\"}\n", config->firms[i].id, config->firms[i].name);

    fputs(config->groups_cnt > 0 ? "groups:\n" : "groups: []\n", out);
    for (unsigned i = 0; i < config->groups_cnt; i++) {
        const struct config_group *group = &config->groups[i];

        fprintf(out, "  - {id: %u, name: \"%s\", firm: \"%s\", restricted: [", group->id,
                group->name, config->firms[group->firm].name);
        for (unsigned k = 0; k < group->restricted_cnt; k++)
            fprintf(out, "%s\"%s\"", k > 0 ? ", " : "",
                    config->instruments[group->restricted[k]].symbol);
        fputs("]}\n", out);
    }

    fputs(config->accounts_cnt > 0 ? "accounts:\n" : "accounts: []\n", out);
    for (unsigned i = 0; i < config->accounts_cnt; i++) {
        const struct config_account *account = &config->accounts[i];
        bool first = true;

        fprintf(out, "  - {id: %u, name: \"%s\", group: \"%s\", state: %s, limits: {", account->id,
                account->name, config->groups[account->group].name,
                config_word(CONFIG_STATE_WORDS, account->state, word));
        put_limit(out, &first, "order_qty", account->order_qty_max, QTY_MAX);
        put_limit_px(out, &first, "order_value", account->order_value_max, PX_MAX);
        put_limit(out, &first, "long", account->long_max, POSITION_LIMIT_MAX);
        put_limit(out, &first, "short", account->short_max, POSITION_LIMIT_MAX);
        fputs("}}\n", out);
    }
}

static void
print_matching(const struct config_instrument *instrument, FILE *out)
{
    char word[16];

    fprintf(out, "algorithm: %s, ",
            config_word(CONFIG_ALGORITHM_WORDS, instrument->algorithm, word));
    if (instrument->algorithm == CELL_MATCH_ALGORITHM_PRICE_TIME)
        return;
    fprintf(out, "allocation_min: %u, top_max: %u, ", instrument->allocation_min,
            instrument->top_max);
    if (instrument->algorithm == CELL_MATCH_ALGORITHM_SPLIT)
        fprintf(out, "fifo_permille: %u, ", instrument->fifo_permille);
}

static void
print_instruments(const struct config *config, FILE *out)
{
    char word[16];

    fputs(config->instruments_cnt > 0 ? "instruments:\n" : "instruments: []\n", out);
    for (unsigned i = 0; i < config->instruments_cnt; i++) {
        const struct config_instrument *instrument = &config->instruments[i];
        bool first = true;

        fprintf(out, "  - {id: %u, symbol: \"%s\", ", instrument->id, instrument->symbol);
        put_px(out, "tick", instrument->tick_px);
        fprintf(out, ", lot: %u, price_decimals: %u, ", instrument->lot_qty,
                instrument->px_decimals);
        if (instrument->state_given)
            fprintf(out, "state: %s, ",
                    config_word(CONFIG_INSTRUMENT_WORDS, instrument->state, word));
        print_matching(instrument, out);
        if (instrument->fees_given)
            fprintf(out, "fees: {maker_ppm: %d, taker_ppm: %d}, ", instrument->maker_ppm,
                    instrument->taker_ppm);
        fputs("limits: {", out);
        put_limit(out, &first, "order_qty", instrument->order_qty_max, QTY_MAX);
        put_limit(out, &first, "order_qty_min", instrument->order_qty_min, 0);
        put_limit_px(out, &first, "order_value", instrument->order_value_max, PX_MAX);
        put_limit_px(out, &first, "reference", instrument->reference_px, 0);
        put_limit(out, &first, "collar_ticks", instrument->collar_ticks, 0);
        put_limit(out, &first, "collar_permille", instrument->collar_permille, 0);
        put_limit_px(out, &first, "band_low", instrument->band_low_px, 0);
        put_limit_px(out, &first, "band_high", instrument->band_high_px, 0);
        fputs("}}\n", out);
    }
}

static void
print_positions(const struct config *config, FILE *out)
{
    fputs(config->positions_cnt > 0 ? "positions:\n" : "positions: []\n", out);
    for (unsigned i = 0; i < config->positions_cnt; i++) {
        const struct config_position *position = &config->positions[i];
        bool first = false;

        fprintf(out, "  - {account: \"%s\", instrument: \"%s\"",
                config->accounts[position->account].name,
                config->instruments[position->instrument].symbol);
        put_limit(out, &first, "long", position->long_max, POSITION_LIMIT_MAX);
        put_limit(out, &first, "short", position->short_max, POSITION_LIMIT_MAX);
        fputs("}\n", out);
    }
}

static const char *
self_match_word(unsigned number)
{
    static const char *const words[] = {"none", "cancel_aggressive", "cancel_passive",
                                        "cancel_both", "decrement"};

    ASSERT(number < ARRAY_LEN(words));
    return words[number];
}

static void
print_sessions(const struct config *config, FILE *out)
{
    fputs(config->sessions_cnt > 0 ? "sessions:\n" : "sessions: []\n", out);
    for (unsigned i = 0; i < config->sessions_cnt; i++) {
        const struct config_session *session = &config->sessions[i];

        fprintf(out, "  - {id: %u, name: \"%s\", firm: \"%s\", key: ", session->id, session->name,
                config->firms[session->firm].name);
        put_text(out, session->key);
        print_rates(&session->throttle, out);
        fprintf(out, ", cancel_on_disconnect_ms: %u, blocked: %s, drop_copy: %s",
                session->cancel_on_disconnect_ms, session->blocked ? "true" : "false",
                session->drop_copy ? "true" : "false");
        if (session->dialect == GATEWAY_OUCH)
            fprintf(out, ", dialect: ouch, account: \"%s\", mpid: \"%s\", self_match: %s",
                    config->accounts[session->account].name, session->mpid,
                    self_match_word(session->self_match));
        fputs("}\n", out);
    }
}

void
config_print(const struct config *config, FILE *out)
{
    print_general(config, out);
    print_wiring(config, out);
    print_members(config, out);
    print_instruments(config, out);
    print_positions(config, out);
    print_sessions(config, out);
    config_print_risk(config, out);
}

uint64_t
config_hash(const struct config *config)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);

    ASSERT(out != NULL);
    config_print(config, out);
    const int failed = fclose(out);
    ASSERT(failed == 0);
    const uint64_t hash = hash64_of(text, bytes);
    free(text);
    return hash;
}
