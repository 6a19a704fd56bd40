/* The modes with one thread and many WebSockets. */
#include "load.h"

#include <fcntl.h>
#include <sys/epoll.h>

struct connection {
    int fd;
    bool wants_room;      /* the socket did not take everything */
    unsigned char head[10]; /* of the frame that is being read, as far as it is there */
    unsigned head_size;
    uint64_t left;        /* of its payload */
    unsigned char first;  /* byte of its payload */
    unsigned frames;      /* since the last whole reply */
    size_t unsent;        /* bytes */
    double *due;          /* a ring of DUE times: when what is under way had to leave; where messages are paced */
    unsigned due_begin, due_end;
};

enum { DUE = 1 << 10, SLOW_SHARE = 10, SLOW_BUFFER = 4096, SLOW_BYTES = 64 };

static struct connection *connections;
static int poller;
static uint64_t replies, pings;
static int under_way; /* messages that have not come back */
static bool is_echo, is_sending;
static char chunk[CHUNK];
static int slow_count; /* the first connections are the slow ones */
static double pace_s, next_due; /* between two messages, or 0: as they come back */
static double *times;  /* in which messages came back, when that is measured */
static size_t time_count, time_room;

static void watch(struct connection *connection, int operation) {
    struct epoll_event event = {.events = EPOLLIN | (connection->wants_room ? EPOLLOUT : 0u), .data.ptr = connection};
    if (epoll_ctl(poller, operation, connection->fd, &event)) die("epoll_ctl: %s", strerror(errno));
}

static void write_some(struct connection *connection) {
    size_t one = load.outgoing_size / (size_t)load.in_flight;
    while (connection->unsent) {
        size_t begin = (one - connection->unsent % one) % one; /* in the middle of a message, or at its start */
        size_t size = connection->unsent < load.outgoing_size - begin ? connection->unsent : load.outgoing_size - begin;
        ssize_t sent = write(connection->fd, load.outgoing + begin, size);
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
    connection->unsent += load.outgoing_size / (size_t)load.in_flight * (size_t)number;
    write_some(connection);
}

/* Send what is due by now, one message on each connection in turn; no more to a server that is so far behind. */
static void send_paced(double at) {
    static unsigned turn;
    for (; next_due <= at; next_due += pace_s) {
        struct connection *connection = &connections[turn++ % (unsigned)load.connection_count];
        if (!connection->due) connection->due = malloc(DUE * sizeof *connection->due);
        if (connection->due_end - connection->due_begin == DUE) {
            next_due = 1e300;
            return;
        }
        connection->due[connection->due_end++ % DUE] = next_due;
        send_messages(connection, 1);
    }
}

static void note_time(struct connection *connection, double at) {
    double due = connection->due[connection->due_begin++ % DUE];
    if (time_count == time_room) {
        time_room = time_room ? 2 * time_room : 1 << 16;
        times = realloc(times, time_room * sizeof *times);
    }
    times[time_count++] = at - due;
}

static int compare(const void *one, const void *other) {
    double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

/* As JSON: in which time half of the messages came back, and 99 of 100. */
static const char *quantiles(void) {
    static char text[80];
    if (!time_count) return "";
    qsort(times, time_count, sizeof *times, compare);
    snprintf(text, sizeof text, ",\"p50_us\":%.1f,\"p99_us\":%.1f", times[time_count / 2] * 1e6,
             times[time_count - 1 - time_count / 100] * 1e6);
    return text;
}

/* Take a little of what the slow ones were sent; the server may have cut them off. */
static void read_a_little(double at) {
    static double next;
    if (at < next) return;
    next = at + 0.1;
    for (int i = 0; i < slow_count; i++)
        if (read(connections[i].fd, chunk, SLOW_BYTES) < 0 && errno != EAGAIN && errno != ECONNRESET)
            die("read: %s", strerror(errno));
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
    int whole = (int)connection->frames / load.frames_per_reply;
    connection->frames %= (unsigned)load.frames_per_reply;
    replies += (uint64_t)whole;
    if (is_echo) {
        under_way -= whole;
        if (connection->due && whole) {
            double at = now();
            for (int i = 0; i < whole; i++) note_time(connection, at);
        } else if (whole && is_sending) {
            send_messages(connection, whole);
        }
    }
}

/* What was broadcast has arrived when there are as many replies as recipients. */
static void count_broadcasts(uint64_t *counted) {
    struct connection *sender = &connections[load.connection_count - 1];
    uint64_t recipients = (uint64_t)(load.connection_count - slow_count);
    while (!is_echo && under_way && replies - *counted >= recipients) {
        *counted += recipients;
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
        if (slow_count && is_sending) read_a_little(at);
        if (pace_s > 0 && is_sending) send_paced(at);
    }
    if (to_the_end && under_way) die("%d messages did not come back", under_way);
}

void run_websockets(enum websocket_mode mode) {
    bool is_idle = mode == IDLE;
    struct epoll_event input = {.events = EPOLLIN};
    double warm_up_s, seconds, rate;
    char line[128];
    connections = calloc((size_t)load.connection_count, sizeof *connections);
    is_echo = mode == ECHO || mode == IDLE;
    if (mode == SLOW) slow_count = load.connection_count / SLOW_SHARE;
    poller = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < load.connection_count; i++) {
        struct peer peer;
        peer.port = load.ports[i % load.server_count];
        read_slowly(i < slow_count ? SLOW_BUFFER : 0);
        join(&peer);
        if (peer.start != peer.end) die("the server said more than expected");
        connections[i].fd = peer.fd;
        fcntl(peer.fd, F_SETFL, O_NONBLOCK);
        if (i >= slow_count) watch(&connections[i], EPOLL_CTL_ADD);
        if (i % 64 == 63) pump(now() + 1e-4, false); /* answer pings meanwhile */
    }
    if (epoll_ctl(poller, EPOLL_CTL_ADD, 0, &input)) die("standard input must be a pipe");
    setvbuf(stdin, NULL, _IONBF, 0);
    puts("ready");
    fflush(stdout);
    for (;;) {
        pump(1e300, false);
        if (!fgets(line, sizeof line, stdin)) return;
        rate = 0;
        if (sscanf(line, "%lf %lf %lf", &warm_up_s, &seconds, &rate) < 2) die("not understood: %s", line);
        epoll_ctl(poller, EPOLL_CTL_DEL, 0, NULL);
        pace_s = rate > 0 ? 1 / rate : 0;
        next_due = now();
        is_sending = !is_idle;
        if (!is_idle && !pace_s) {
            for (int i = is_echo ? 0 : load.connection_count - 1; i < load.connection_count; i++)
                send_messages(&connections[i], load.in_flight);
        }
        pump(now() + warm_up_s, false);
        struct sample from = take_sample(is_idle ? pings : replies);
        time_count = 0;
        pump(from.at + seconds, false);
        struct sample to = take_sample(is_idle ? pings : replies);
        is_sending = false;
        pump(now() + PATIENCE_S, true);
        report(from, to, quantiles());
        for (int i = 0; i < load.connection_count; i++) {
            free(connections[i].due);
            connections[i].due = NULL;
        }
        epoll_ctl(poller, EPOLL_CTL_ADD, 0, &input);
    }
}
