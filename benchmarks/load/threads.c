/* The modes with a thread for each connection. */
#include "load.h"

#include <pthread.h>

static bool is_over;  /* atomic */
static uint64_t done; /* atomic */

static bool goes_on(void) { return !__atomic_load_n(&is_over, __ATOMIC_RELAXED); }

static void count(uint64_t more) { __atomic_add_fetch(&done, more, __ATOMIC_RELAXED); }

void *connect_thread(void *unused) {
    struct peer peer;
    peer.port = load.ports[0];
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

void *upgrade_thread(void *unused) {
    struct peer poll, socket;
    poll.port = socket.port = load.ports[0];
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

void *poll_thread(void *unused) {
    struct peer get, post;
    get.port = post.port = load.ports[0];
    static __thread char body[1 << 20];
    char sid[128];
    poll_handshake(&get, sid);
    dial(&post);
    while (goes_on()) {
        request(&get, "GET", sid, NULL, 0);
        request(&post, "POST", sid, load.outgoing, load.outgoing_size);
        read_response(&post, body, sizeof body);
        for (int missing = load.frames_per_reply;;) {
            read_response(&get, body, sizeof body);
            for (char *at = body; at; at = strchr(at, 0x1e)) { /* pings come among the messages */
                at += *at == 0x1e;
                missing -= *at == '4';
            }
            if (missing <= 0) break;
            request(&get, "GET", sid, NULL, 0);
        }
        count((uint64_t)load.frames_per_reply);
    }
    hang_up(&get);
    hang_up(&post);
    return unused;
}

static void sleep_s(double seconds) {
    struct timespec pause = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&pause, NULL);
}

void run_threads(void *(*body)(void *)) {
    double warm_up_s, seconds;
    pthread_t *threads = calloc((size_t)load.connection_count, sizeof *threads);
    puts("ready");
    fflush(stdout);
    while (scanf("%lf %lf", &warm_up_s, &seconds) == 2) {
        __atomic_store_n(&is_over, false, __ATOMIC_RELAXED);
        for (int i = 0; i < load.connection_count; i++)
            if (pthread_create(&threads[i], NULL, body, NULL)) die("no thread: %s", strerror(errno));
        sleep_s(warm_up_s);
        struct sample from = take_sample(__atomic_load_n(&done, __ATOMIC_RELAXED));
        sleep_s(seconds);
        struct sample to = take_sample(__atomic_load_n(&done, __ATOMIC_RELAXED));
        __atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
        for (int i = 0; i < load.connection_count; i++) pthread_join(threads[i], NULL);
        report(from, to, "");
    }
}
