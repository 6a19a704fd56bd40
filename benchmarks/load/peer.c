/* Blocking clients: HTTP, WebSockets, the namespace. */
#include "load.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static int receive_buffer_bytes;

void read_slowly(int buffer_bytes) { receive_buffer_bytes = buffer_bytes; }

/* Connect from one of several addresses, of which each has its own ports. */
static void choose_source(int fd) {
    static unsigned dialled;
    int one = 1;
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + dialled++ % (unsigned)load.sources);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&source, sizeof source)) die("bind: %s", strerror(errno));
}

void dial(struct peer *peer) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)peer->port)};
    struct timeval patience = {PATIENCE_S, 0};
    int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer->start = peer->end = 0;
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (peer->fd < 0) die("socket: %s", strerror(errno));
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (receive_buffer_bytes) setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof one);
    if (load.sources > 1) choose_source(peer->fd);
    if (connect(peer->fd, (struct sockaddr *)&address, sizeof address)) die("connect: %s", strerror(errno));
}

void hang_up(struct peer *peer) {
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
void read_response(struct peer *peer, char *body, size_t capacity) {
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
void request(struct peer *peer, const char *method, const char *sid, const char *body, size_t size) {
    char head[512 + MAX_POST];
    int length = snprintf(head, 512,
                          "%s /socket.io/?EIO=4&transport=polling%s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                          "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n\r\n",
                          method, *sid ? "&sid=" : "", sid, peer->port, size);
    if (size > MAX_POST) die("POST of more than %d bytes", MAX_POST);
    if (size) memcpy(head + length, body, size);
    send_all(peer, head, (size_t)length + size);
}

/* Send a text of up to 125 bytes; the mask is all zeros, so it stands there as it is. */
void send_text(struct peer *peer, const char *text) {
    char frame[131] = {(char)0x81, (char)(0x80 | strlen(text))};
    memcpy(frame + 6, text, strlen(text));
    send_all(peer, frame, 6 + strlen(text));
}

/* Read frames up to a text that begins with `expected`. */
void expect_text(struct peer *peer, const char *expected) {
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

void open_websocket(struct peer *peer, const char *sid) {
    char head[512];
    size_t size;
    int length = snprintf(head, sizeof head,
                          "GET /socket.io/?EIO=4&transport=websocket%s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                          "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                          *sid ? "&sid=" : "", sid, peer->port);
    dial(peer);
    send_all(peer, head, (size_t)length);
    char *answer = read_until(peer, "\r\n\r\n", &size);
    if (strncmp(answer, "HTTP/1.1 101 ", 13)) die("no WebSocket: %s", answer);
}

void join(struct peer *peer) {
    open_websocket(peer, "");
    expect_text(peer, "0{");
    send_text(peer, "40");
    expect_text(peer, "40{");
}

void leave(struct peer *peer) {
    static const char close_frame[] = {(char)0x88, (char)0x82, 0, 0, 0, 0, 0x03, (char)0xe8}; /* 1000 */
    send_all(peer, close_frame, sizeof close_frame);
    while (peer->start = peer->end = 0, fill(peer)) {
    }
    hang_up(peer);
}
