/* An HTTPS server that takes everything and keeps nothing; one thread for each connection.
 *
 *   tls_sink CERTIFICATE KEY
 *
 * Listens on a free loopback port, prints the port, and runs until it is killed. Bodies with a
 * Content-Length only. Compile with -lssl -lcrypto -pthread.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEAD = 65536, BLOCK = 1 << 20 };
static const char CONTINUE[] = "HTTP/1.1 100 Continue\r\n\r\n";
static const char CREATED[] = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
static SSL_CTX *context;

/* Take one request and answer it; 0 at the end of the connection. */
static int serve(SSL *tls, char *head, char *block) {
    int filled = 0, got;
    char *end;
    while (!(end = memmem(head, (size_t)filled, "\r\n\r\n", 4))) {
        if (filled == HEAD - 1 || (got = SSL_read(tls, head + filled, HEAD - 1 - filled)) <= 0)
            return 0;
        filled += got;
    }
    *end = 0;
    char *length = strcasestr(head, "\r\nContent-Length:");
    long long left = (length ? atoll(length + 17) : 0) - (filled - (end + 4 - head));
    if (strcasestr(head, "\r\nExpect:")) SSL_write(tls, CONTINUE, sizeof CONTINUE - 1);
    for (; left > 0; left -= got)
        if ((got = SSL_read(tls, block, left < BLOCK ? (int)left : BLOCK)) <= 0) return 0;
    return SSL_write(tls, CREATED, sizeof CREATED - 1) > 0;
}

static void *attend(void *at) {
    int socket = (int)(long)at;
    char *head = malloc(HEAD), *block = malloc(BLOCK);
    SSL *tls = SSL_new(context);
    SSL_set_fd(tls, socket);
    if (head && block && SSL_accept(tls) == 1)
        while (serve(tls, head, block)) {}
    SSL_free(tls);
    close(socket);
    free(head);
    free(block);
    return NULL;
}

int main(int count, char **words) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    signal(SIGPIPE, SIG_IGN);
    context = SSL_CTX_new(TLS_server_method());
    if (count != 3 || SSL_CTX_use_certificate_chain_file(context, words[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, words[2], SSL_FILETYPE_PEM) != 1 ||
        bind(listener, (struct sockaddr *)&address, length) || listen(listener, 64)) {
        fputs("tls_sink CERTIFICATE KEY\n", stderr);
        return 1;
    }
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        pthread_t thread;
        int socket = accept(listener, NULL, NULL);
        if (socket < 0) continue;
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (pthread_create(&thread, NULL, attend, (void *)(long)socket)) close(socket);
        else pthread_detach(thread);
    }
}
