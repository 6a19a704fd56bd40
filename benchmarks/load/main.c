/* The load generator: WebSocket and long-polling clients of one Socket.IO server, with frames that are made beforehand.
 *
 *   load MODE PORTS PIDS CONNECTIONS IN_FLIGHT FRAMES_PER_REPLY FILE
 *
 * MODE      echo       every connection keeps IN_FLIGHT messages under way, and counts what comes back
 *           broadcast  the last connection does so; a message has come back when every connection has got it
 *           slow       the same, but one connection in ten takes next to nothing, and is not counted
 *           idle       answers pings, and counts them
 *           connect    CONNECTIONS threads: handshake, namespace, close, again and again
 *           upgrade    the same, with a handshake by polling, an upgrade and one message
 *           poll       CONNECTIONS threads that POST FILE and GET until FRAMES_PER_REPLY packets have come back
 * PORTS     of one server, or of two, "80,81", whose WebSockets take turns
 * PIDS      theirs, for their CPU time, "1,2"; FILE: what is sent: whole masked WebSocket frames, or the body of a POST.
 *
 * Prints "ready" when all connections are there. Then each line "WARM_UP_S SECONDS" on standard input is answered by a
 * line of JSON: what was counted, in which time, and the CPU time that the server and this program took meanwhile.
 *
 * A third number on such a line, for `echo` with one frame in a reply, is a rate: so many messages a second leave, over
 * all connections in turn, whatever has come back; and the answer tells in which time half of them came back, and 99 of
 * 100. The time of a message begins when it was due, so a server that falls behind cannot hide it. When 1,024 of one
 * connection have not come back, no more are sent: what was counted tells that the server cannot serve this rate.
 */
#include "load.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>

struct load load;

_Noreturn void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static double seconds_of(clockid_t clock) {
    struct timespec at;
    if (clock_gettime(clock, &at)) die("the server is gone");
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static clockid_t server_clocks[MAX_SERVERS]; /* of the CPU time of all their threads */

double now(void) { return seconds_of(CLOCK_MONOTONIC); }

struct sample take_sample(uint64_t count) {
    double servers = 0;
    for (int i = 0; i < load.server_count; i++) servers += seconds_of(server_clocks[i]);
    return (struct sample){now(), servers, seconds_of(CLOCK_PROCESS_CPUTIME_ID), count};
}

void report(struct sample from, struct sample to, const char *more) {
    printf("{\"count\":%llu,\"elapsed_s\":%.6f,\"server_cpu_s\":%.6f,\"generator_cpu_s\":%.6f%s}\n",
           (unsigned long long)(to.count - from.count), to.at - from.at, to.server - from.server, to.own - from.own, more);
    fflush(stdout);
}

static void load_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die("%s: %s", path, strerror(errno));
    char *one = malloc(1 << 20);
    size_t size = fread(one, 1, 1 << 20, file);
    fclose(file);
    load.outgoing_size = size * (size_t)load.in_flight;
    load.outgoing = malloc(load.outgoing_size + 1);
    for (int i = 0; i < load.in_flight; i++) memcpy(load.outgoing + size * (size_t)i, one, size);
    free(one);
}

static void find_servers(const char *ports, const char *pids) {
    char *next_port = (char *)ports, *next_pid = (char *)pids;
    do {
        if (load.server_count == MAX_SERVERS) die("no more than %d servers", MAX_SERVERS);
        load.ports[load.server_count] = (int)strtol(next_port, &next_port, 10);
        if (clock_getcpuclockid((pid_t)strtol(next_pid, &next_pid, 10), &server_clocks[load.server_count++]))
            die("no such process: %s", pids);
    } while (*next_port++ == ',' && *next_pid++ == ',');
}

int main(int count_of_arguments, char **arguments) {
    struct rlimit files;
    if (count_of_arguments != 8) die("usage: load MODE PORTS PIDS CONNECTIONS IN_FLIGHT FRAMES_PER_REPLY FILE");
    const char *mode = arguments[1];
    find_servers(arguments[2], arguments[3]);
    load.connection_count = atoi(arguments[4]);
    load.in_flight = atoi(arguments[5]);
    load.frames_per_reply = atoi(arguments[6]);
    load.sources = 1 + load.connection_count / 20000;
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    load_file(arguments[7]);
    if (!strcmp(mode, "connect")) run_threads(connect_thread);
    else if (!strcmp(mode, "upgrade")) run_threads(upgrade_thread);
    else if (!strcmp(mode, "poll")) run_threads(poll_thread);
    else if (!strcmp(mode, "echo")) run_websockets(ECHO);
    else if (!strcmp(mode, "broadcast")) run_websockets(BROADCAST);
    else if (!strcmp(mode, "slow")) run_websockets(SLOW);
    else if (!strcmp(mode, "idle")) run_websockets(IDLE);
    else die("unknown mode: %s", mode);
    return 0;
}
