/* What the parts of the load generator share; see main.c. */
#ifndef LOAD_H
#define LOAD_H

#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 1 << 18, PATIENCE_S = 20, MAX_POST = 1 << 16, MAX_SERVERS = 2 };

/* -- main.c: what is to be done, and how it is counted ---------------------------------------------------------------- */

struct load {
    int ports[MAX_SERVERS], server_count, connection_count, in_flight, frames_per_reply;
    char *outgoing; /* IN_FLIGHT copies of FILE, one behind the other */
    size_t outgoing_size;
    int sources; /* addresses to connect from: one has ports for some 28,000 connections */
};

struct sample {
    double at, server, own; /* seconds: the time, and the CPU time of the server and of this program */
    uint64_t count;
};

extern struct load load;

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
double now(void);
struct sample take_sample(uint64_t count);
void report(struct sample from, struct sample to, const char *more);

/* -- peer.c: blocking clients, for setting up and for the modes with threads ------------------------------------------ */

struct peer {
    int fd, port;
    size_t start, end;
    char buffer[8192];
};

void dial(struct peer *peer); /* its port */
void read_slowly(int buffer_bytes); /* what is dialled from now on; 0: as others */
void hang_up(struct peer *peer);
void request(struct peer *peer, const char *method, const char *sid, const char *body, size_t size);
void read_response(struct peer *peer, char *body, size_t capacity);
void send_text(struct peer *peer, const char *text);
void expect_text(struct peer *peer, const char *expected);
void open_websocket(struct peer *peer, const char *sid);
void join(struct peer *peer);
void leave(struct peer *peer);

/* -- the modes -------------------------------------------------------------------------------------------------------- */

void *connect_thread(void *unused);
void *upgrade_thread(void *unused);
void *poll_thread(void *unused);
void run_threads(void *(*body)(void *));

enum websocket_mode { ECHO, BROADCAST, SLOW, IDLE };

void run_websockets(enum websocket_mode mode);

#endif
