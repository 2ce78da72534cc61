/* The limit: a WebSocket server that does nothing but what a kernel makes everybody do. One thread, epoll, no library.

   Arguments: a port, the open socket that commands come from, how many people will come, the text of an announcement,
   the text of person 0's notification. Person N connects to the path /N. A command is a byte: 'a' sends everybody the
   announcement, 't' each person their own notification. Announcements that wait together go out in one write, as the
   hub's do. Frames are not compressed (RFC 6455, 5.2: unmasked, as a server's are). */

#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 512, HEAD = 2048, TOGETHER = 16, DIGITS = 7, PLACES = 8, COMMANDS = 64 };

struct link {
    int fd, number, open;
    char *head; /* of the request, until it is complete; then what could not be written yet */
    size_t used;
};

static struct link **people; /* by number */
static int count, most, epoll;
static char *announcements, *notification; /* frames: TOGETHER of the one, in a row; one of the other */
static size_t announcement_bytes, notification_bytes, places[PLACES], place_count;
static const char WELCOME[] = "\x81\x12{\"type\":\"welcome\"}";
static const char FIRST[] = "1000000"; /* the id of person 0's notification */

static void die(const char *what) {
    perror(what);
    exit(1);
}

/* SHA-1 (RFC 3174) of less than 120 bytes, in base64: what Sec-WebSocket-Accept asks for. */
static uint32_t turn(uint32_t x, int by) { return x << by | x >> (32 - by); }

static void answer_to(const char *key, char *out) {
    unsigned char block[128] = {0};
    int length = snprintf((char *)block, sizeof block, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    int blocks = length + 9 > 64 ? 2 : 1;
    block[length] = 0x80;
    block[blocks * 64 - 2] = (unsigned char)(length * 8 >> 8);
    block[blocks * 64 - 1] = (unsigned char)(length * 8);
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}, w[80];
    for (int b = 0; b < blocks; b++) {
        for (int i = 0; i < 16; i++) {
            unsigned char *p = block + b * 64 + i * 4;
            w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        }
        for (int i = 16; i < 80; i++) w[i] = turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        uint32_t v[5];
        memcpy(v, h, sizeof v);
        for (int i = 0; i < 80; i++) {
            uint32_t f = i < 20   ? ((v[1] & v[2]) | (~v[1] & v[3])) + 0x5A827999
                         : i < 40 ? (v[1] ^ v[2] ^ v[3]) + 0x6ED9EBA1
                         : i < 60 ? ((v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3])) + 0x8F1BBCDC
                                  : (v[1] ^ v[2] ^ v[3]) + 0xCA62C1D6;
            uint32_t next = turn(v[0], 5) + f + v[4] + w[i];
            v[4] = v[3], v[3] = v[2], v[2] = turn(v[1], 30), v[1] = v[0], v[0] = next;
        }
        for (int i = 0; i < 5; i++) h[i] += v[i];
    }
    unsigned char digest[21] = {0};
    for (int i = 0; i < 20; i++) digest[i] = (unsigned char)(h[i / 4] >> (24 - i % 4 * 8));
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < 7; i++) {
        uint32_t three = (uint32_t)digest[i * 3] << 16 | (uint32_t)digest[i * 3 + 1] << 8 | digest[i * 3 + 2];
        for (int j = 0; j < 4; j++) *out++ = set[three >> (18 - j * 6) & 63];
    }
    out[-1] = '='; /* 20 bytes are 27 digits */
    *out = 0;
}

static size_t frame(char *to, const char *text) {
    size_t length = strlen(text), at = 0;
    to[at++] = (char)0x81;
    if (length < 126) {
        to[at++] = (char)length;
    } else {
        to[at++] = 126;
        to[at++] = (char)(length >> 8);
        to[at++] = (char)length;
    }
    memcpy(to + at, text, length);
    return at + length;
}

static void watch(struct link *link, uint32_t events, int how) {
    struct epoll_event event = {.events = events, .data.ptr = link};
    if (epoll_ctl(epoll, how, link->fd, &event)) die("epoll_ctl");
}

static void leave(struct link *link) {
    if (link->open && people[link->number] == link) people[link->number] = NULL;
    close(link->fd);
    free(link->head);
    free(link);
}

/* What the kernel does not take is kept, and written when it does: nothing is left out, and nobody is waited for. */
static void put(struct link *link, const char *data, size_t size) {
    ssize_t sent = link->head ? 0 : send(link->fd, data, size, MSG_NOSIGNAL);
    if (sent == (ssize_t)size) return;
    if (sent < 0) {
        if (errno != EAGAIN) return; /* epoll will say that it has gone */
        sent = 0;
    }
    if (!link->head) watch(link, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    link->head = realloc(link->head, link->used + size - (size_t)sent);
    memcpy(link->head + link->used, data + sent, size - (size_t)sent);
    link->used += size - (size_t)sent;
}

static void put_rest(struct link *link) {
    ssize_t sent = send(link->fd, link->head, link->used, MSG_NOSIGNAL);
    if (sent < 0) return;
    link->used -= (size_t)sent;
    memmove(link->head, link->head + sent, link->used);
    if (link->used) return;
    free(link->head);
    link->head = NULL;
    watch(link, EPOLLIN, EPOLL_CTL_MOD);
}

/* 0: it has gone. */
static int take(struct link *link) {
    char ignored[4096];
    if (link->open) return recv(link->fd, ignored, sizeof ignored, 0) > 0 || errno == EAGAIN;
    if (!link->head) link->head = malloc(HEAD);
    ssize_t got = recv(link->fd, link->head + link->used, HEAD - 1 - link->used, 0);
    if (got <= 0) return 0;
    link->used += (size_t)got;
    link->head[link->used] = 0;
    if (!strstr(link->head, "\r\n\r\n")) return link->used < HEAD - 1;
    char key[64], accept[32], reply[256], *line = strcasestr(link->head, "\r\nSec-WebSocket-Key:");
    if (sscanf(link->head, "GET /%d ", &link->number) != 1 || link->number < 0 || link->number >= most) return 0;
    if (!line || sscanf(line + 20, " %63[^\r ]", key) != 1) return 0;
    free(link->head);
    link->head = NULL;
    link->used = 0;
    link->open = 1;
    answer_to(key, accept);
    int size = snprintf(reply, sizeof reply,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\n\r\n%s",
                        accept, WELCOME);
    people[link->number] = link;
    if (link->number >= count) count = link->number + 1;
    put(link, reply, (size_t)size);
    return 1;
}

static void tell(void) {
    for (int n = 0; n < count; n++) {
        if (!people[n]) continue;
        char digits[16];
        snprintf(digits, sizeof digits, "%d", atoi(FIRST) + n);
        for (size_t i = 0; i < place_count; i++) memcpy(notification + places[i], digits, DIGITS);
        put(people[n], notification, notification_bytes);
    }
}

static void announce(size_t times) {
    for (int n = 0; n < count; n++)
        if (people[n]) put(people[n], announcements, announcement_bytes * times);
}

static void obey(int commands) {
    char given[COMMANDS];
    ssize_t got = read(commands, given, sizeof given);
    if (got <= 0) exit(0);
    for (ssize_t i = 0; i < got; i++) {
        if (given[i] == 't') {
            tell();
            continue;
        }
        size_t times = 1;
        while (i + 1 < got && given[i + 1] == 'a' && times < TOGETHER) times++, i++;
        announce(times);
    }
}

static void welcome_all(int listener) {
    int fd, yes = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        struct link *link = calloc(1, sizeof *link);
        link->fd = fd;
        watch(link, EPOLLIN, EPOLL_CTL_ADD);
    }
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1, commands = atoi(argv[2]);
    struct sockaddr_in here = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    most = atoi(argv[3]) + 1000;
    people = calloc((size_t)most, sizeof *people);
    announcements = malloc(TOGETHER * (strlen(argv[4]) + 4));
    for (int i = 0; i < TOGETHER; i++) announcement_bytes = frame(announcements + announcement_bytes * (size_t)i, argv[4]);
    notification = malloc(strlen(argv[5]) + 5);
    notification_bytes = frame(notification, argv[5]);
    notification[notification_bytes] = 0;
    char *at = notification + 4;
    while (place_count < PLACES && (at = strstr(at, FIRST))) places[place_count++] = (size_t)(at++ - notification);
    signal(SIGUSR1, SIG_IGN); /* others collect garbage */
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 4096)) die("listen");
    epoll = epoll_create1(0);
    struct link door = {.fd = listener}, orders = {.fd = commands};
    watch(&door, EPOLLIN, EPOLL_CTL_ADD);
    watch(&orders, EPOLLIN, EPOLL_CTL_ADD);
    for (;;) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            struct link *link = events[i].data.ptr;
            if (link == &door)
                welcome_all(listener);
            else if (link == &orders)
                obey(commands);
            else if (events[i].events & EPOLLOUT && link->open && link->head)
                put_rest(link);
            else if (!take(link))
                leave(link);
        }
    }
}
