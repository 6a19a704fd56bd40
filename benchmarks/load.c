/* The load generator: WebSocket and long-polling clients of one Socket.IO server, with frames that are made beforehand.
 *
 *   load MODE PORT PID CONNECTIONS IN_FLIGHT FRAMES_PER_REPLY FILE
 *
 * MODE      echo       every connection keeps IN_FLIGHT messages under way, and counts what comes back
 *           broadcast  the last connection does so; a message has come back when every connection has got it
 *           idle       answers pings, and counts them
 *           connect    CONNECTIONS threads: handshake, namespace, close, again and again
 *           upgrade    the same, with a handshake by polling, an upgrade and one message
 *           poll       CONNECTIONS threads that POST FILE and GET until FRAMES_PER_REPLY packets have come back
 * PID       the server's, for its CPU time; FILE: what is sent: whole masked WebSocket frames, or the body of a POST.
 *
 * Prints "ready" when all connections are there. Then each line "WARM_UP_S SECONDS" on standard input is answered by a
 * line of JSON: what was counted, in which time, and the CPU time that the server and this program took meanwhile.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 1 << 18, PATIENCE_S = 20, MAX_POST = 1 << 16 };

static int port, connection_count, in_flight, frames_per_reply;
static char *outgoing; /* IN_FLIGHT copies of FILE, one behind the other */
static size_t outgoing_size;

static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

/* -- time ---------------------------------------------------------------------------------------------------------- */

static double seconds_of(clockid_t clock) {
    struct timespec at;
    if (clock_gettime(clock, &at)) die("the server is gone");
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static clockid_t server_clock; /* of the CPU time of all its threads */

static double now(void) { return seconds_of(CLOCK_MONOTONIC); }

struct sample {
    double at, server, own;
    uint64_t count;
};

static struct sample take_sample(uint64_t count) { 
    return (struct sample){now(), seconds_of(server_clock), seconds_of(CLOCK_PROCESS_CPUTIME_ID), count};
}

static void report(struct sample from, struct sample to) {
    printf("{\"count\":%llu,\"elapsed_s\":%.6f,\"server_cpu_s\":%.6f,\"generator_cpu_s\":%.6f}\n",
           (unsigned long long)(to.count - from.count), to.at - from.at, to.server - from.server, to.own - from.own);
    fflush(stdout);
}

/* -- blocking clients, for setting up and for the modes with threads ------------------------------------------------ */

struct peer {
    int fd;
    size_t start, end;
    char buffer[8192];
};

static void dial(struct peer *peer) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval patience = {PATIENCE_S, 0};
    int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer->start = peer->end = 0;
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (peer->fd < 0) die("socket: %s", strerror(errno));
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(peer->fd, (struct sockaddr *)&address, sizeof address)) die("connect: %s", strerror(errno));
}

static void hang_up(struct peer *peer) {
    struct linger at_once = {1, 0}; /* no TIME_WAIT, or the ports of this machine would run out */
    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(peer->fd);
}

static void send_all(struct peer *peer, const char *data, size_t size) {
    while (size) {
        ssize_t sent = write(peer->fd, data, size);
        if (sent < 0) die("write: %s", strerror(errno));
        data += sent;
        size -= (size_t)sent;
    }
}

static bool fill(struct peer *peer) {
    memmove(peer->buffer, peer->buffer + peer->start, peer->end - peer->start);
    peer->end -= peer->start;
    peer->start = 0;
    if (peer->end == sizeof peer->buffer) die("the server's answer is too long");
    ssize_t size = read(peer->fd, peer->buffer + peer->end, sizeof peer->buffer - peer->end);
    if (size < 0 && errno != ECONNRESET) die("read: %s", strerror(errno));
    if (size <= 0) return false;
    peer->end += (size_t)size;
    return true;
}

static void need(struct peer *peer, size_t size) {
    while (peer->end - peer->start < size)
        if (!fill(peer)) die("the server closed the connection");
}

/* Read up to an end mark and return what was before it, terminated by 0. */
static char *read_until(struct peer *peer, const char *mark, size_t *size) {
    for (;;) {
        char *begin = peer->buffer + peer->start;
        char *found = memmem(begin, peer->end - peer->start, mark, strlen(mark));
        if (found) {
            *found = 0;
            *size = (size_t)(found - begin);
            peer->start += *size + strlen(mark);
            return begin;
        }
        need(peer, peer->end - peer->start + 1);
    }
}

/* Read a response of status 200 and return its body. */
static void read_response(struct peer *peer, char *body, size_t capacity) {
    size_t size, length = 0;
    char *head = read_until(peer, "\r\n\r\n", &size);
    if (strncmp(head, "HTTP/1.1 200 ", 13)) die("unexpected answer: %s", head);
    char *field = strcasestr(head, "\r\ncontent-length:");
    bool is_chunked = !field && strcasestr(head, "\r\ntransfer-encoding: chunked");
    if (!field && !is_chunked) die("answer without a length: %s", head);
    size_t chunk = is_chunked ? 1 : strtoul(field + 17, NULL, 10);
    while (chunk) {
        if (is_chunked && !(chunk = strtoul(read_until(peer, "\r\n", &size), NULL, 16))) {
            read_until(peer, "\r\n", &size);
            break;
        }
        if (length + chunk >= capacity) die("the server's answer is too long");
        for (size_t left = chunk; left;) { /* a body may be longer than the buffer */
            need(peer, 1);
            size_t some = peer->end - peer->start < left ? peer->end - peer->start : left;
            memcpy(body + length, peer->buffer + peer->start, some);
            peer->start += some;
            length += some;
            left -= some;
        }
        if (!is_chunked) break;
        read_until(peer, "\r\n", &size);
    }
    body[length] = 0;
}

/* Head and body leave in one packet, as browsers and Node send small ones. */
static void request(struct peer *peer, const char *method, const char *sid, const char *body, size_t size) {
    char head[512 + MAX_POST];
    int length = snprintf(head, 512,
                          "%s /socket.io/?EIO=4&transport=polling%s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                          "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n\r\n",
                          method, *sid ? "&sid=" : "", sid, port, size);
    if (size > MAX_POST) die("POST of more than %d bytes", MAX_POST);
    if (size) memcpy(head + length, body, size);
    send_all(peer, head, (size_t)length + size);
}

/* Send a text of up to 125 bytes; the mask is all zeros, so it stands there as it is. */
static void send_text(struct peer *peer, const char *text) {
    char frame[131] = {(char)0x81, (char)(0x80 | strlen(text))};
    memcpy(frame + 6, text, strlen(text));
    send_all(peer, frame, 6 + strlen(text));
}

/* Read frames up to a text that begins with `expected`. */
static void expect_text(struct peer *peer, const char *expected) {
    for (;;) {
        need(peer, 2);
        unsigned char *head = (unsigned char *)peer->buffer + peer->start;
        size_t header = head[1] == 126 ? 4 : 2;
        if (head[1] > 126) die("unexpected frame");
        need(peer, header);
        head = (unsigned char *)peer->buffer + peer->start;
        size_t size = header == 4 ? (size_t)head[2] << 8 | head[3] : head[1];
        need(peer, header + size);
        char *text = peer->buffer + peer->start + header;
        bool is_it = size >= strlen(expected) && !memcmp(text, expected, strlen(expected));
        if (!is_it && *text == '4') die("expected %s, got %.*s", expected, (int)size, text);
        peer->start += header + size;
        if (is_it) return;
    }
}

static void open_websocket(struct peer *peer, const char *sid) {
    char head[512];
    size_t size;
    int length = snprintf(head, sizeof head,
                          "GET /socket.io/?EIO=4&transport=websocket%s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                          "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                          *sid ? "&sid=" : "", sid, port);
    dial(peer);
    send_all(peer, head, (size_t)length);
    char *answer = read_until(peer, "\r\n\r\n", &size);
    if (strncmp(answer, "HTTP/1.1 101 ", 13)) die("no WebSocket: %s", answer);
}

static void join(struct peer *peer) {
    open_websocket(peer, "");
    expect_text(peer, "0{");
    send_text(peer, "40");
    expect_text(peer, "40{");
}

static void leave(struct peer *peer) {
    static const char close_frame[] = {(char)0x88, (char)0x82, 0, 0, 0, 0, 0x03, (char)0xe8}; /* 1000 */
    send_all(peer, close_frame, sizeof close_frame);
    while (peer->start = peer->end = 0, fill(peer)) {
    }
    hang_up(peer);
}

/* -- the modes with threads ----------------------------------------------------------------------------------------- */

static bool is_over;  /* atomic */
static uint64_t done; /* atomic */

static bool goes_on(void) { return !__atomic_load_n(&is_over, __ATOMIC_RELAXED); }

static void count(uint64_t more) { __atomic_add_fetch(&done, more, __ATOMIC_RELAXED); }

static void *connect_thread(void *unused) {
    struct peer peer;
    while (goes_on()) {
        join(&peer);
        leave(&peer);
        count(1);
    }
    return unused;
}

static void poll_handshake(struct peer *peer, char *sid) {
    char body[4096];
    dial(peer);
    request(peer, "GET", "", NULL, 0);
    read_response(peer, body, sizeof body);
    if (sscanf(body, "0{\"sid\":\"%127[^\"]", sid) != 1) die("no handshake: %s", body);
    request(peer, "POST", sid, "40", 2);
    read_response(peer, body, sizeof body);
    request(peer, "GET", sid, NULL, 0);
    read_response(peer, body, sizeof body);
    if (strncmp(body, "40{", 3)) die("not in the namespace: %s", body);
}

static void *upgrade_thread(void *unused) {
    struct peer poll, socket;
    char sid[128], body[4096];
    while (goes_on()) {
        poll_handshake(&poll, sid);
        request(&poll, "GET", sid, NULL, 0);
        open_websocket(&socket, sid);
        send_text(&socket, "2probe");
        expect_text(&socket, "3probe");
        read_response(&poll, body, sizeof body);
        send_text(&socket, "5");
        send_text(&socket, "42[\"echo\",1]");
        expect_text(&socket, "42[");
        leave(&socket);
        hang_up(&poll);
        count(1);
    }
    return unused;
}

static void *poll_thread(void *unused) {
    struct peer get, post;
    static __thread char body[1 << 20];
    char sid[128];
    poll_handshake(&get, sid);
    dial(&post);
    while (goes_on()) {
        request(&get, "GET", sid, NULL, 0);
        request(&post, "POST", sid, outgoing, outgoing_size);
        read_response(&post, body, sizeof body);
        for (int missing = frames_per_reply;;) {
            read_response(&get, body, sizeof body);
            for (char *at = body; at; at = strchr(at, 0x1e)) { /* pings come among the messages */
                at += *at == 0x1e;
                missing -= *at == '4';
            }
            if (missing <= 0) break;
            request(&get, "GET", sid, NULL, 0);
        }
        count((uint64_t)frames_per_reply);
    }
    hang_up(&get);
    hang_up(&post);
    return unused;
}

static void sleep_s(double seconds) {
    struct timespec pause = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&pause, NULL);
}

static void run_threads(void *(*body)(void *)) {
    double warm_up_s, seconds;
    pthread_t *threads = calloc((size_t)connection_count, sizeof *threads);
    puts("ready");
    fflush(stdout);
    while (scanf("%lf %lf", &warm_up_s, &seconds) == 2) {
        __atomic_store_n(&is_over, false, __ATOMIC_RELAXED);
        for (int i = 0; i < connection_count; i++)
            if (pthread_create(&threads[i], NULL, body, NULL)) die("no thread: %s", strerror(errno));
        sleep_s(warm_up_s);
        struct sample from = take_sample(__atomic_load_n(&done, __ATOMIC_RELAXED));
        sleep_s(seconds);
        struct sample to = take_sample(__atomic_load_n(&done, __ATOMIC_RELAXED));
        __atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
        for (int i = 0; i < connection_count; i++) pthread_join(threads[i], NULL);
        report(from, to);
    }
}

/* -- the modes with one thread and many WebSockets ------------------------------------------------------------------ */

struct connection {
    int fd;
    bool wants_room;      /* the socket did not take everything */
    unsigned char head[10]; /* of the frame that is being read, as far as it is there */
    unsigned head_size;
    uint64_t left;        /* of its payload */
    unsigned char first;  /* byte of its payload */
    unsigned frames;      /* since the last whole reply */
    size_t unsent;        /* bytes */
};

static struct connection *connections;
static int poller;
static uint64_t replies, pings;
static int under_way; /* messages that have not come back */
static bool is_echo, is_sending;
static char chunk[CHUNK];

static void watch(struct connection *connection, int operation) {
    struct epoll_event event = {.events = EPOLLIN | (connection->wants_room ? EPOLLOUT : 0u), .data.ptr = connection};
    if (epoll_ctl(poller, operation, connection->fd, &event)) die("epoll_ctl: %s", strerror(errno));
}

static void write_some(struct connection *connection) {
    size_t one = outgoing_size / (size_t)in_flight;
    while (connection->unsent) {
        size_t begin = (one - connection->unsent % one) % one; /* in the middle of a message, or at its start */
        size_t size = connection->unsent < outgoing_size - begin ? connection->unsent : outgoing_size - begin;
        ssize_t sent = write(connection->fd, outgoing + begin, size);
        if (sent < 0 && errno != EAGAIN) die("write: %s", strerror(errno));
        if (sent > 0) connection->unsent -= (size_t)sent;
        if (sent < (ssize_t)size) break;
    }
    if (connection->wants_room != (connection->unsent > 0)) {
        connection->wants_room = connection->unsent > 0;
        watch(connection, EPOLL_CTL_MOD);
    }
}

static void send_messages(struct connection *connection, int number) {
    under_way += number;
    connection->unsent += outgoing_size / (size_t)in_flight * (size_t)number;
    write_some(connection);
}

static void frame_ended(struct connection *connection) {
    static const char pong[] = {(char)0x81, (char)0x81, 0, 0, 0, 0, '3'};
    if ((connection->head[0] & 15) == 8) die("the server closed a connection");
    if (connection->head[1] == 1 && connection->first == '2') {
        if (connection->unsent || write(connection->fd, pong, sizeof pong) != sizeof pong) die("no room for a pong");
        pings++;
    } else {
        connection->frames++;
    }
}

static void parse(struct connection *connection, const unsigned char *data, size_t size) {
    const unsigned char *end = data + size;
    while (data < end) {
        if (connection->left) {
            size_t some = (size_t)(end - data) < connection->left ? (size_t)(end - data) : connection->left;
            data += some;
            connection->left -= some;
            if (!connection->left) frame_ended(connection);
            continue;
        }
        if (connection->head_size >= 2 && connection->head[1] == 127) die("frames over 64 kB are not expected");
        connection->head[connection->head_size++] = *data++;
        if (connection->head_size < 2 || (connection->head[1] == 126 && connection->head_size < 4)) continue;
        connection->left = connection->head[1];
        if (connection->left == 126) connection->left = (uint64_t)connection->head[2] << 8 | connection->head[3];
        connection->head_size = 0;
        if (!connection->left) frame_ended(connection);
        else if (data < end) connection->first = *data;
    }
}

static void serve_connection(struct connection *connection) {
    ssize_t size = read(connection->fd, chunk, sizeof chunk);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) die("the server dropped a connection");
    parse(connection, (unsigned char *)chunk, (size_t)size);
    int whole = (int)connection->frames / frames_per_reply;
    connection->frames %= (unsigned)frames_per_reply;
    replies += (uint64_t)whole;
    if (is_echo) {
        under_way -= whole;
        if (whole && is_sending) send_messages(connection, whole);
    }
}

/* What was broadcast has arrived when there are as many replies as recipients. */
static void count_broadcasts(uint64_t *counted) {
    struct connection *sender = &connections[connection_count - 1];
    while (!is_echo && under_way && replies - *counted >= (uint64_t)connection_count) {
        *counted += (uint64_t)connection_count;
        under_way--;
        if (is_sending) send_messages(sender, 1);
    }
}

static void pump(double until, bool to_the_end) {
    static uint64_t counted;
    struct epoll_event events[512];
    double at;
    while ((at = now()) < until && !(to_the_end && !under_way)) {
        /* Under load it never sleeps, or every write of a server would pay for waking it, the more the slower it is. */
        int patience_ms = is_sending ? 0 : until - at > 1e6 ? -1 : (int)((until - at) * 1e3) + 1;
        int number = epoll_wait(poller, events, 512, patience_ms);
        for (int i = 0; i < number; i++) {
            if (!events[i].data.ptr) return; /* standard input */
            if (events[i].events & EPOLLOUT) write_some(events[i].data.ptr);
            if (events[i].events & ~(unsigned)EPOLLOUT) serve_connection(events[i].data.ptr);
        }
        count_broadcasts(&counted);
    }
    if (to_the_end && under_way) die("%d messages did not come back", under_way);
}

static void run_websockets(bool is_idle) {
    struct epoll_event input = {.events = EPOLLIN};
    double warm_up_s, seconds;
    connections = calloc((size_t)connection_count, sizeof *connections);
    poller = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < connection_count; i++) {
        struct peer peer;
        join(&peer);
        if (peer.start != peer.end) die("the server said more than expected");
        connections[i].fd = peer.fd;
        fcntl(peer.fd, F_SETFL, O_NONBLOCK);
        watch(&connections[i], EPOLL_CTL_ADD);
        if (i % 64 == 63) pump(now() + 1e-4, false); /* answer pings meanwhile */
    }
    if (epoll_ctl(poller, EPOLL_CTL_ADD, 0, &input)) die("standard input must be a pipe");
    setvbuf(stdin, NULL, _IONBF, 0);
    puts("ready");
    fflush(stdout);
    for (;;) {
        pump(1e300, false);
        if (scanf("%lf %lf%*c", &warm_up_s, &seconds) != 2) return;
        epoll_ctl(poller, EPOLL_CTL_DEL, 0, NULL);
        if (!is_idle) {
            is_sending = true;
            for (int i = is_echo ? 0 : connection_count - 1; i < connection_count; i++)
                send_messages(&connections[i], in_flight);
        }
        pump(now() + warm_up_s, false);
        struct sample from = take_sample(is_idle ? pings : replies);
        pump(from.at + seconds, false);
        struct sample to = take_sample(is_idle ? pings : replies);
        is_sending = false;
        pump(now() + PATIENCE_S, true);
        report(from, to);
        epoll_ctl(poller, EPOLL_CTL_ADD, 0, &input);
    }
}

static void load_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die("%s: %s", path, strerror(errno));
    char *one = malloc(1 << 20);
    size_t size = fread(one, 1, 1 << 20, file);
    fclose(file);
    outgoing_size = size * (size_t)in_flight;
    outgoing = malloc(outgoing_size + 1);
    for (int i = 0; i < in_flight; i++) memcpy(outgoing + size * (size_t)i, one, size);
    free(one);
}

int main(int count_of_arguments, char **arguments) {
    struct rlimit files;
    if (count_of_arguments != 8) die("usage: load MODE PORT PID CONNECTIONS IN_FLIGHT FRAMES_PER_REPLY FILE");
    const char *mode = arguments[1];
    port = atoi(arguments[2]);
    if (clock_getcpuclockid(atoi(arguments[3]), &server_clock)) die("no such process: %s", arguments[3]);
    connection_count = atoi(arguments[4]);
    in_flight = atoi(arguments[5]);
    frames_per_reply = atoi(arguments[6]);
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    load_file(arguments[7]);
    is_echo = strcmp(mode, "broadcast") != 0;
    if (!strcmp(mode, "connect")) run_threads(connect_thread);
    else if (!strcmp(mode, "upgrade")) run_threads(upgrade_thread);
    else if (!strcmp(mode, "poll")) run_threads(poll_thread);
    else if (!strcmp(mode, "echo") || !strcmp(mode, "broadcast") || !strcmp(mode, "idle"))
        run_websockets(!strcmp(mode, "idle"));
    else die("unknown mode: %s", mode);
    return 0;
}
