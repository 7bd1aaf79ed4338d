/* An HTTP server that takes everything and keeps nothing, made to be faster than what it measures.
 *
 *   sink [--think-ms N] [--copy]
 *
 * Listens on a free loopback port, prints the port, and runs until it is killed. One thread.
 * Bodies are dropped inside the kernel (recv with MSG_TRUNC), or with --copy taken into memory as any
 * real server does; only their lengths are kept, as WebDAV clients ask for the size of what they just
 * sent. Keep-alive, Content-Length, chunked and
 * Expect: 100-continue (RFC 9112, RFC 9110 10.1.1); enough WebDAV (RFC 4918) for `rclone move`.
 * With --think-ms an upload is answered that long after its last byte; any number can wait.
 * GET /stats answers what was received so far.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { INPUT = 32768, ONE_DROP = 16 << 20, ONE_COPY = 1 << 20, SLOTS = 1 << 18, EVENTS = 64, THINKERS = 1 << 16 };

enum phase { READ_HEAD, DROP_BODY, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILERS, THINKING };
enum method { PUT, POST, GET, HEAD, PROPFIND, MKCOL, MOVE, DELETE, OPTIONS, OTHER };

static const char *const METHODS[] = {"PUT ",   "POST ", "GET ",    "HEAD ",   "PROPFIND ",
                                      "MKCOL ", "MOVE ", "DELETE ", "OPTIONS "};

struct connection {
    int socket;
    enum phase phase;
    enum method method;
    int closing;
    int filled;          /* bytes of input not yet understood */
    long long remaining; /* of the body, or of the current chunk */
    long long received;  /* of this request's body */
    uint64_t path, destination;
    char is_folder;
    char input[INPUT];
};

struct thought {
    uint64_t due; /* nanoseconds, monotonic */
    struct connection *connection;
};

/* Sizes of what was uploaded, by a hash of the path; a slot with key 0 is free. */
static struct { uint64_t key; long long size; } known[SLOTS];
static struct thought thoughts[THINKERS]; /* a ring; all wait equally long, so it is in order */
static unsigned first_thought, last_thought;
static uint64_t think_time;
static int timer;
static char *taken; /* where bodies are copied to; NULL drops them */
static long long requests, uploads, bytes;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* FNV-1a, 64 bits, never 0 (draft-eastlake-fnv). */
static uint64_t hash(const char *text, size_t length) {
    uint64_t value = 14695981039346656037u;
    for (size_t i = 0; i < length; i++) value = (value ^ (unsigned char)text[i]) * 1099511628211u;
    return value ? value : 1;
}

static long long *slot(uint64_t key) {
    unsigned at = key % SLOTS;
    while (known[at].key && known[at].key != key) at = (at + 1) % SLOTS;
    if (!known[at].key) { known[at].key = key; known[at].size = -1; }
    return &known[at].size;
}

static void say(struct connection *c, const char *text, size_t length) {
    while (length) {
        ssize_t sent = send(c->socket, text, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) continue; /* answers are small: the buffer empties soon */
        if (sent <= 0) { c->closing = 1; return; }
        text += sent;
        length -= (size_t)sent;
    }
}

static void reply(struct connection *c, const char *status, const char *type, const char *body) {
    char text[2048];
    int length = snprintf(text, sizeof text,
                          "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n%s",
                          status, type, strlen(body), c->closing ? "Connection: close\r\n" : "",
                          c->method == HEAD ? "" : body);
    say(c, text, (size_t)length);
    c->phase = READ_HEAD;
}

static void describe(struct connection *c) {
    long long size = c->is_folder ? 0 : *slot(c->path);
    char body[1024], length[64];
    if (size < 0) { reply(c, "404 Not Found", "text/plain", ""); return; }
    snprintf(length, sizeof length, "<d:getcontentlength>%lld</d:getcontentlength>", size);
    snprintf(body, sizeof body,
             "<?xml version=\"1.0\"?><d:multistatus xmlns:d=\"DAV:\"><d:response><d:href>/</d:href>"
             "<d:propstat><d:prop><d:getlastmodified>Thu, 01 Jan 2026 00:00:00 GMT"
             "</d:getlastmodified>%s<d:resourcetype>%s</d:resourcetype></d:prop>"
             "<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>",
             c->is_folder ? "" : length, c->is_folder ? "<d:collection/>" : "");
    reply(c, "207 Multi-Status", "application/xml", body);
}

static void answer(struct connection *c) {
    char body[128];
    switch (c->method) {
    case PUT:
    case POST:
        if (c->method == PUT) *slot(c->path) = c->received;
        uploads++;
        reply(c, "201 Created", "text/plain", "");
        break;
    case GET:
        snprintf(body, sizeof body, "{\"requests\": %lld, \"uploads\": %lld, \"bytes\": %lld}",
                 requests, uploads, bytes);
        reply(c, "200 OK", "application/json", body);
        break;
    case HEAD: reply(c, "200 OK", "text/plain", ""); break;
    case PROPFIND: describe(c); break;
    case MKCOL: reply(c, "201 Created", "text/plain", ""); break;
    case MOVE:
        *slot(c->destination) = *slot(c->path);
        *slot(c->path) = -1;
        reply(c, "201 Created", "text/plain", "");
        break;
    case DELETE:
        *slot(c->path) = -1;
        reply(c, "204 No Content", "text/plain", "");
        break;
    case OPTIONS: reply(c, "200 OK", "text/plain", ""); break;
    default: reply(c, "405 Method Not Allowed", "text/plain", "");
    }
}

static void wake_at(uint64_t due) {
    struct itimerspec when = {.it_value = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void finish(struct connection *c) {
    requests++;
    if (c->method == PUT || c->method == POST) bytes += c->received;
    if (!think_time || (c->method != PUT && c->method != POST)) { answer(c); return; }
    c->phase = THINKING;
    struct thought thought = {now() + think_time, c};
    thoughts[last_thought++ % THINKERS] = thought;
    if (last_thought - first_thought == 1) wake_at(thought.due);
}

static const char *header(const char *head, const char *name) {
    size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
        if (!strncasecmp(line + 2, name, length) && line[2 + length] == ':')
            return line + 3 + length + strspn(line + 3 + length, " \t");
    return NULL;
}

static uint64_t path_of(const char *url, char *is_folder) {
    if (!strncmp(url, "http://", 7)) url = strchrnul(url + 7, '/');
    size_t length = strcspn(url, " \r\n");
    *is_folder = length && url[length - 1] == '/';
    return hash(url, length);
}

/* Understand a request's head that ends at `end`; the head is zero-terminated there. */
static void begin(struct connection *c, const char *head) {
    const char *value;
    char ignored;
    for (c->method = PUT; c->method < OTHER; c->method++)
        if (!strncmp(head, METHODS[c->method], strlen(METHODS[c->method]))) break;
    c->received = c->remaining = 0;
    c->path = path_of(head + strcspn(head, " ") + 1, &c->is_folder);
    if ((value = header(head, "Destination"))) c->destination = path_of(value, &ignored);
    if ((value = header(head, "Content-Length"))) c->remaining = atoll(value);
    if ((value = header(head, "Connection"))) c->closing = !strncasecmp(value, "close", 5);
    if ((value = header(head, "Expect"))) say(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    value = header(head, "Transfer-Encoding");
    c->phase = value && !strncasecmp(value, "chunked", 7) ? CHUNK_SIZE : DROP_BODY;
    if (c->phase == DROP_BODY && !c->remaining) finish(c);
}

static void consume(struct connection *c, int length) {
    c->filled -= length;
    memmove(c->input, c->input + length, (size_t)c->filled);
}

/* Take one step with what is in the input; 0 when more is needed. */
static int step(struct connection *c) {
    char *end;
    if (c->phase == THINKING || !c->filled) return 0;
    if (c->phase == DROP_BODY || c->phase == CHUNK_DATA) {
        int part = c->remaining < c->filled ? (int)c->remaining : c->filled;
        consume(c, part);
        c->remaining -= part;
        c->received += part;
        if (c->remaining) return 0;
        if (c->phase == CHUNK_DATA) c->phase = CHUNK_END;
        else finish(c);
        return 1;
    }
    if (c->phase == READ_HEAD) {
        if (!(end = memmem(c->input, (size_t)c->filled, "\r\n\r\n", 4))) return 0;
        end[2] = 0;
        begin(c, c->input);
        consume(c, (int)(end - c->input) + 4);
        return 1;
    }
    if (!(end = memchr(c->input, '\n', (size_t)c->filled))) return 0; /* one line at a time */
    int length = (int)(end - c->input) + 1, ended = c->phase == TRAILERS && length <= 2;
    if (c->phase == CHUNK_SIZE) {
        c->remaining = strtoll(c->input, NULL, 16);
        c->phase = c->remaining ? CHUNK_DATA : TRAILERS;
    } else if (c->phase == CHUNK_END) {
        c->phase = CHUNK_SIZE;
    }
    consume(c, length);
    if (ended) finish(c);
    return 1;
}

static void pump(struct connection *c) {
    for (;;) {
        while (step(c)) {}
        if (c->phase == THINKING) return;
        if (c->closing && c->phase == READ_HEAD && !c->filled) break;
        ssize_t got;
        int dropping = (c->phase == DROP_BODY || c->phase == CHUNK_DATA) && !c->filled;
        if (dropping) {
            size_t want = c->remaining < ONE_DROP ? (size_t)c->remaining : ONE_DROP;
            if (taken && want > ONE_COPY) want = ONE_COPY;
            got = recv(c->socket, taken, want, taken ? 0 : MSG_TRUNC);
        } else if (c->filled == INPUT) {
            break; /* a head this long is no request of ours */
        } else {
            got = recv(c->socket, c->input + c->filled, INPUT - (size_t)c->filled, 0);
        }
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) break;
        if (!dropping) { c->filled += (int)got; continue; }
        c->remaining -= got;
        c->received += got;
        if (!c->remaining && c->phase == CHUNK_DATA) c->phase = CHUNK_END;
        else if (!c->remaining) finish(c);
    }
    close(c->socket);
    free(c);
}

static void think(void) {
    uint64_t expirations, moment = now();
    if (read(timer, &expirations, sizeof expirations) < 0) return;
    while (first_thought != last_thought && thoughts[first_thought % THINKERS].due <= moment) {
        struct connection *c = thoughts[first_thought++ % THINKERS].connection;
        answer(c);
        pump(c);
    }
    if (first_thought != last_thought) wake_at(thoughts[first_thought % THINKERS].due);
}

static void welcome(int listener, int events) {
    int one = 1, socket;
    while ((socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        struct epoll_event event = {EPOLLIN | EPOLLRDHUP | EPOLLET, {.ptr = c}};
        if (!c) { close(socket); continue; }
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c->socket = socket;
        epoll_ctl(events, EPOLL_CTL_ADD, socket, &event);
    }
}

int main(int count, char **words) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    struct epoll_event event = {.events = EPOLLIN}, happened[EVENTS];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), events = epoll_create1(0);
    for (int i = 1; i < count; i++) {
        if (!strcmp(words[i], "--copy")) taken = malloc(ONE_COPY);
        else if (!strcmp(words[i], "--think-ms") && i + 1 < count)
            think_time = (uint64_t)(atof(words[++i]) * 1e6);
    }
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1024)) {
        perror("sink");
        return 1;
    }
    getsockname(listener, (struct sockaddr *)&address, &length);
    event.data.ptr = &listener;
    epoll_ctl(events, EPOLL_CTL_ADD, listener, &event);
    event.data.ptr = &timer;
    epoll_ctl(events, EPOLL_CTL_ADD, timer, &event);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int ready = epoll_wait(events, happened, EVENTS, -1), time_to_answer = 0;
        for (int i = 0; i < ready; i++) {
            if (happened[i].data.ptr == &listener) welcome(listener, events);
            else if (happened[i].data.ptr == &timer) time_to_answer = 1;
            else pump(happened[i].data.ptr);
        }
        if (time_to_answer) think(); /* last, as it may close what `happened` still names */
    }
}
