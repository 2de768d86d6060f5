/*
 * The parts of the configuration that name hardware: threads and ports.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/gateway.h"
#include "gateway/port.h"

#include "tools/config_read.h"
#include "tools/text.h"

#define TCP_CONNECTIONS  1024u
#define TCP_UNSENT_BYTES 65536u
#define TCP_SLOW_MS      1000u
#define TCP_IDLE_MS      150000u
#define TCP_LOGIN_MS     30000u
#define TCP_MS_MAX       3600000u
#define TCP_BUSY_US_MAX  10000u
_Static_assert(TCP_IDLE_MS > 2 * KEEPALIVE_MS_MAX, "what lives is not idle");

_Static_assert(CONFIG_PORTS_MAX == GATEWAY_PORTS_MAX, "the gateway takes as many");

/* A port that says nothing of it belongs to the door if it is of kind tcp and there is one. */
#define STAGE_NOT_GIVEN CONFIG_STAGES_CNT

/* wants_door tells whether a port would be the door's. */
static bool
wants_door(const struct config *config)
{
    for (unsigned i = 0; i < config->ports_cnt; i++) {
        const struct config_port *port = &config->ports[i];

        if (port->stage == CONFIG_DOOR ||
            (port->stage == STAGE_NOT_GIVEN && port->kind == CONFIG_PORT_TCP))
            return true;
    }
    return false;
}

/* The default layout: one thread for what must be fast, one that sleeps until there
 * is something to write, and one for TCP if there is a port for it, whose system calls
 * would hold up the first, or for what is said to be the door's. */
static void
default_threads(struct config *config)
{
    config->threads_cnt = wants_door(config) ? 3 : 2;
    config->threads[0] = (struct config_thread){
        .name = "exchange",
        .core = -1,
        .idle = CONFIG_YIELD,
        .stages_cnt = 2,
        .stages = {CONFIG_GATEWAY, CONFIG_ENGINE},
    };
    config->threads[1] = (struct config_thread){
        .name = "journal",
        .core = -1,
        .idle = CONFIG_BLOCK,
        .stages_cnt = 1,
        .stages = {CONFIG_JOURNAL},
    };
    config->threads[2] = (struct config_thread){
        .name = "door",
        .core = -1,
        .idle = CONFIG_YIELD,
        .stages_cnt = 1,
        .stages = {CONFIG_DOOR},
    };
}

static void
read_stages(const struct doc_map *map, struct config_thread *thread)
{
    struct doc_list list;

    doc_list(map, "stages", CONFIG_STAGES_CNT, &list);
    if (list.cnt == 0)
        doc_refuse(map, "stages",
                   "has no stage, expected one or more of gateway, engine, journal, door");
    for (unsigned i = 0; i < list.cnt; i++) {
        const char *text = doc_item_text(&list, i);
        const uint32_t stage = doc_word_of(CONFIG_STAGE_WORDS, text);

        if (stage == DOC_NEEDED_WORD) {
            doc_refuse_item(&list, i, "is %.40s, expected one of gateway, engine, journal, door",
                            text);
            return;
        }
        thread->stages[thread->stages_cnt++] = (enum config_stage)stage;
    }
}

/* read_thread reads one thread; cores are those this process may run on. */
static void
read_thread(const struct doc_map *map, const cpu_set_t *cores, struct config_thread *thread)
{
    config_read_name(map, "name", CONFIG_NAME_MAX, CONFIG_NAME_EXPECTED, thread->name);
    thread->core = (int)doc_i64(map, "core", -1, CPU_SETSIZE - 1, -1);
    thread->idle = (enum config_idle)doc_word(map, "idle", CONFIG_IDLE_WORDS, CONFIG_YIELD);
    read_stages(map, thread);
    if (thread->core >= 0 && !CPU_ISSET((size_t)thread->core, cores))
        doc_refuse(map, "core", "is %d, expected -1 or one of the %d cores that may be used here",
                   thread->core, CPU_COUNT(cores));
    if (thread->idle == CONFIG_BLOCK &&
        (thread->stages_cnt != 1 || thread->stages[0] != CONFIG_JOURNAL))
        doc_refuse(map, "idle",
                   "is block, expected spin or yield: only a thread that has the "
                   "stage journal alone can sleep");
}

/* check_stages refuses a stage that is in two threads or in none, and a door that
 * has nothing to do. */
static void
check_stages(const struct doc_map *root, const struct config *config)
{
    const char *owner[CONFIG_STAGES_CNT] = {NULL};
    char word[16];

    for (unsigned i = 0; i < config->threads_cnt; i++)
        for (unsigned k = 0; k < config->threads[i].stages_cnt; k++) {
            const enum config_stage stage = config->threads[i].stages[k];

            if (owner[stage] != NULL)
                doc_refuse(root, "threads", "have the stage %s in %s and in %s, expected it once",
                           config_word(CONFIG_STAGE_WORDS, stage, word), owner[stage],
                           config->threads[i].name);
            owner[stage] = config->threads[i].name;
        }
    if (owner[CONFIG_DOOR] != NULL && !wants_door(config))
        doc_refuse(
            root, "threads",
            "have the stage door, expected it only with a port of kind tcp, or of stage door");
    for (unsigned stage = 0; stage < CONFIG_STAGES_CNT; stage++)
        if (owner[stage] == NULL && stage != CONFIG_DOOR)
            doc_refuse(root, "threads", "have the stage %s nowhere, expected it once",
                       config_word(CONFIG_STAGE_WORDS, stage, word));
}

/* give_ports gives each port to the gateway or to the door. */
static void
give_ports(const struct doc_map *root, struct config *config)
{
    const bool door = config_thread_of(config, CONFIG_DOOR) != NULL;

    for (unsigned i = 0; i < config->ports_cnt; i++) {
        struct config_port *port = &config->ports[i];

        if (port->stage == STAGE_NOT_GIVEN)
            port->stage = door && port->kind == CONFIG_PORT_TCP ? CONFIG_DOOR : CONFIG_GATEWAY;
        if (port->stage == CONFIG_DOOR && !door)
            doc_refuse(root, "threads",
                       "have the stage door nowhere, expected it once for the port %s", port->name);
    }
}

/* check_cores refuses a layout in which threads that never sleep would starve
 * each other. */
static void
check_cores(const struct doc_map *root, const struct config *config, unsigned cores_cnt)
{
    unsigned spinning = 0;

    for (unsigned i = 0; i < config->threads_cnt; i++) {
        const struct config_thread *thread = &config->threads[i];

        spinning += thread->idle == CONFIG_SPIN;
        for (unsigned k = 0; k < i; k++) {
            const struct config_thread *other = &config->threads[k];

            if (strcmp(thread->name, other->name) == 0)
                doc_refuse(root, "threads", "have the name %s twice, expected a name for each",
                           thread->name);
            if (thread->idle == CONFIG_SPIN && other->idle == CONFIG_SPIN && thread->core >= 0 &&
                thread->core == other->core)
                doc_refuse(root, "threads",
                           "have %s and %s both spin on core %d, expected a core "
                           "for each thread that spins",
                           other->name, thread->name, thread->core);
        }
    }
    if (spinning > cores_cnt)
        doc_refuse(
            root, "threads",
            "have %u threads that spin on %u core%s, expected no more threads that spin than "
            "cores (idle: yield gives the core away)",
            spinning, cores_cnt, cores_cnt == 1 ? "" : "s");
}

void
config_read_threads(struct config *config, const struct doc_map *root)
{
    struct doc_list list;
    cpu_set_t cores;

    CPU_ZERO(&cores);
    if (sched_getaffinity(0, sizeof cores, &cores) != 0)
        CPU_SET(0, &cores);
    doc_list(root, "threads", CONFIG_STAGES_CNT, &list);
    if (!doc_given(root, "threads"))
        default_threads(config);
    for (unsigned i = 0; i < list.cnt; i++) {
        struct doc_map map;

        doc_item(&list, i, "name core stages idle", &map);
        read_thread(&map, &cores, &config->threads[config->threads_cnt++]);
    }
    if (doc_failed(root->doc))
        return;
    check_stages(root, config);
    check_cores(root, config, (unsigned)CPU_COUNT(&cores));
    if (!doc_failed(root->doc))
        give_ports(root, config);
}

#define DEVICE_EXPECTED "a name of DPDK's of up to 63 characters, like net_memif0 or 0000:01:00.0"

static const char *const *
read_args(const struct doc_map *map, const char *key, unsigned *cnt)
{
    struct doc_list list;

    doc_list(map, key, CONFIG_EAL_MAX, &list);
    const char **args = config_array(list.cnt + 1u, sizeof *args);
    for (unsigned i = 0; i < list.cnt; i++) {
        const char *text = doc_item_text(&list, i);
        char *copy = config_array(strlen(text) + 1, 1);

        memcpy(copy, text, strlen(text) + 1);
        args[i] = copy;
    }
    *cnt = list.cnt;
    return args;
}

static uint32_t
read_address(const struct doc_map *map)
{
    const char *text = doc_text(map, "address", NULL, CONFIG_ADDRESS_EXPECTED);
    uint32_t ip = 0;

    if (!doc_failed(map->doc) && !text_ipv4_parse(text, &ip))
        doc_refuse(map, "address", "is %.40s, expected %s", text, CONFIG_ADDRESS_EXPECTED);
    return ip;
}

static void
read_client(const struct doc_map *port_map, struct config_port *port)
{
    struct doc_map map;

    doc_map(port_map, "client", "address eal", &map);
    port->client.eal = read_args(&map, "eal", &port->client.eal_cnt);
    port->client.given = doc_given(port_map, "client");
    if (!port->client.given)
        return;
    port->client.address = read_address(&map);
    if (port->client.address == 0 || port->client.address == port->address)
        doc_refuse(&map, "address", "is 0.0.0.0 or that of the port, expected one of its own");
    if (port->client.eal_cnt == 0)
        doc_refuse(&map, "eal", "is missing, expected the EAL arguments of the client's device");
}

/* read_tcp reads what only ports of kind tcp have. A session that lives says
 * something within twice the longest keepalive interval. */
static void
read_tcp(const struct doc_map *map, struct config_port *port)
{
    static const char *const keys[] = {"tcp_port", "connections",  "unsent_bytes",
                                       "slow_ms",  "idle_ms",      "half_open",
                                       "login_ms", "busy_poll_us", "dialect"};
    struct config_port_tcp *tcp = &port->tcp;

    if (port->kind != CONFIG_PORT_TCP) {
        for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++)
            if (doc_given(map, keys[i]))
                doc_refuse(map, keys[i], "is given, expected only with kind: tcp");
        return;
    }
    port->udp_port = (uint16_t)doc_u64(map, "tcp_port", 0, UINT16_MAX, DOC_NEEDED);
    port->dialect = (uint8_t)doc_word(map, "dialect", CONFIG_DIALECT_WORDS, GATEWAY_FIXP);
    tcp->connections =
        (uint32_t)doc_u64(map, "connections", 1, PORT_TCP_CONNECTIONS_MAX, TCP_CONNECTIONS);
    tcp->unsent_bytes = (uint32_t)doc_u64(map, "unsent_bytes", 2 * PORT_TCP_ROOM,
                                          PORT_TCP_UNSENT_MAX, TCP_UNSENT_BYTES);
    tcp->slow_ms = (uint32_t)doc_u64(map, "slow_ms", 0, TCP_MS_MAX, TCP_SLOW_MS);
    tcp->idle_ms = (uint32_t)doc_u64(map, "idle_ms", 0, TCP_MS_MAX, TCP_IDLE_MS);
    tcp->half_open =
        (uint32_t)doc_u64(map, "half_open", 1, PORT_TCP_CONNECTIONS_MAX, tcp->connections);
    tcp->login_ms = (uint32_t)doc_u64(map, "login_ms", 0, TCP_MS_MAX, TCP_LOGIN_MS);
    if (tcp->half_open > tcp->connections)
        doc_refuse(map, "half_open", "is %u, expected no more than the %u connections",
                   tcp->half_open, tcp->connections);
    tcp->busy_poll_us = (uint32_t)doc_u64(map, "busy_poll_us", 0, TCP_BUSY_US_MAX, 0);
    if (!is_pow2_u64(tcp->unsent_bytes))
        doc_refuse(map, "unsent_bytes", "is %u, expected a power of two", tcp->unsent_bytes);
    if (doc_given(map, "udp_port"))
        doc_refuse(map, "udp_port", "is given, expected tcp_port with kind: tcp");
}

/* read_device reads what only ports of kind dpdk have. */
static void
read_device(const struct doc_map *map, struct config_port *port)
{
    static const char *const keys[] = {"vlan", "rx_queues", "flow_rule", "device", "eal", "client"};
    const char *device = doc_text(map, "device", "", DEVICE_EXPECTED);

    port->vlan = (uint16_t)doc_u64(map, "vlan", 1, VLAN_MAX, 0);
    port->rx_queues = (uint16_t)doc_u64(map, "rx_queues", 1, PORT_DPDK_QUEUES_MAX, 0);
    port->flow_rule = doc_bool(map, "flow_rule", false);
    port->eal = read_args(map, "eal", &port->eal_cnt);
    read_client(map, port);
    if (doc_failed(map->doc))
        return;
    if (doc_given(map, "device") && (*device == '\0' || strlen(device) > CONFIG_DEVICE_MAX))
        doc_refuse(map, "device", "is \"%.80s\", expected %s", device, DEVICE_EXPECTED);
    else
        memcpy(port->device, device, strlen(device) + 1);
    if (port->kind == CONFIG_PORT_DPDK && port->eal_cnt == 0)
        doc_refuse(map, "eal", "is missing, expected the EAL arguments of a dpdk device");
    if (port->kind == CONFIG_PORT_DPDK && port->address == 0)
        doc_refuse(map, "address", "is 0.0.0.0, expected the address of a dpdk device");
    if (port->flow_rule && port->rx_queues < 2)
        doc_refuse(map, "flow_rule", "is true, expected it with two rx_queues or more");
    for (unsigned i = 0; port->kind != CONFIG_PORT_DPDK && i < sizeof keys / sizeof keys[0]; i++)
        if (doc_given(map, keys[i]))
            doc_refuse(map, keys[i], "is given, expected only with kind: dpdk");
}

static void
read_port(const struct doc_map *map, struct config_port *port)
{
    config_read_name(map, "name", CONFIG_NAME_MAX, CONFIG_NAME_EXPECTED, port->name);
    port->kind = (enum config_port_kind)doc_word(map, "kind", CONFIG_KIND_WORDS, DOC_NEEDED_WORD);
    port->address = read_address(map);
    const bool dpdk = port->kind == CONFIG_PORT_DPDK;
    if (port->kind != CONFIG_PORT_TCP)
        port->udp_port = (uint16_t)doc_u64(map, "udp_port", dpdk ? 1 : 0, UINT16_MAX, DOC_NEEDED);
    read_tcp(map, port);
    read_device(map, port);
    port->stage = STAGE_NOT_GIVEN;
    if (doc_given(map, "stage")) {
        const uint32_t word = doc_word(map, "stage", CONFIG_PORT_STAGE_WORDS, 0);

        port->stage = word == 1 ? CONFIG_DOOR : CONFIG_GATEWAY;
    }
}

static void
check_ports(const struct doc_map *root, const struct config *config)
{
    for (unsigned i = 0; i < config->ports_cnt; i++) {
        const struct config_port *port = &config->ports[i];

        for (unsigned k = 0; k < i; k++) {
            const struct config_port *other = &config->ports[k];

            if (strcmp(port->name, other->name) == 0)
                doc_refuse(root, "ports", "have the name %s twice, expected a name for each",
                           port->name);
            if (port->device[0] != '\0' && strcmp(port->device, other->device) == 0)
                doc_refuse(root, "ports",
                           "have %s and %s at the same device, expected one for each", other->name,
                           port->name);
            if (port->udp_port != 0 && port->udp_port == other->udp_port &&
                (port->kind == CONFIG_PORT_TCP) == (other->kind == CONFIG_PORT_TCP) &&
                (port->address == other->address || port->address == 0 || other->address == 0))
                doc_refuse(root, "ports",
                           "have %s and %s at the same address and %s port, "
                           "expected another for each",
                           other->name, port->name, port->kind == CONFIG_PORT_TCP ? "TCP" : "UDP");
        }
    }
}

void
config_read_ports(struct config *config, const struct doc_map *root)
{
    struct doc_list list;

    doc_list(root, "ports", CONFIG_PORTS_MAX, &list);
    if (list.cnt == 0)
        doc_refuse(root, "ports", "has no port, expected a list of 1 to %u", CONFIG_PORTS_MAX);
    for (unsigned i = 0; i < list.cnt; i++) {
        struct doc_map map;

        doc_item(
            &list, i,
            "name kind address udp_port stage device vlan rx_queues flow_rule eal client tcp_port "
            "connections unsent_bytes slow_ms idle_ms half_open login_ms busy_poll_us "
            "dialect",
            &map);
        read_port(&map, &config->ports[config->ports_cnt++]);
    }
    if (!doc_failed(root->doc))
        check_ports(root, config);
}
