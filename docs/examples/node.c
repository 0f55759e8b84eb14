// A node in one file of C, with nothing but OpenSSL 3: the hashrate on stdin, a line a sample, in H/s.
//     cc -O2 -o node node.c -lssl -lcrypto
//     (umask 077; rigwatch enroll rig9 > token); my-miner-figures | ./node token
// It does what node.mjs does beside it; the notes there hold here as well.
#define _POSIX_C_SOURCE 200809L
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST = 1 << 16, WAITING_MOST = 200 };
typedef unsigned char byte;
static byte node_key[32], seal_key[32], head[5], *packet_end, packet_body[MOST];
static char account[160], json[4096], out[MOST];
static long long session, waiting[WAITING_MOST][2];
static double rates[WAITING_MOST];
static int waits, greeted, ended;
static BIO *broker;

static void fail(const char *why) { fprintf(stderr, "node: %s\n", why); exit(1); }

static long long now(void) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    return at.tv_sec * 1000LL + at.tv_nsec / 1000000;
}

static void derive(const char *info, byte result[32]) { // HKDF-SHA256 of the node key
    EVP_PKEY_CTX *kdf = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
    size_t length = 32;
    if (EVP_PKEY_derive_init(kdf) < 1 || EVP_PKEY_CTX_set_hkdf_md(kdf, EVP_sha256()) < 1 ||
        EVP_PKEY_CTX_set1_hkdf_salt(kdf, (const byte *)"rigwatch/v1", 11) < 1 ||
        EVP_PKEY_CTX_set1_hkdf_key(kdf, node_key, 32) < 1 ||
        EVP_PKEY_CTX_add1_hkdf_info(kdf, (const byte *)info, (int)strlen(info)) < 1 ||
        EVP_PKEY_derive(kdf, result, &length) < 1) fail("no HKDF");
    EVP_PKEY_CTX_free(kdf);
}

static int crypt(int sealing, const char *level, const byte *nonce, const byte *data, int length, byte *result,
                 byte *tag) {
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    char topic[256];
    int part, done;
    snprintf(topic, sizeof topic, "rigwatch/v1/%s/%s", account, level);
    EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, seal_key, nonce, sealing);
    EVP_CipherUpdate(cipher, NULL, &part, head, 5);
    EVP_CipherUpdate(cipher, NULL, &part, (const byte *)topic, (int)strlen(topic));
    EVP_CipherUpdate(cipher, result, &part, data, length);
    if (!sealing) EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, 16, tag);
    done = EVP_CipherFinal_ex(cipher, result + part, &part);
    if (sealing) EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, 16, tag);
    EVP_CIPHER_CTX_free(cipher);
    return done;
}

static void put(const void *data, size_t length) { // behind what is in the packet already
    if (packet_end + length > packet_body + MOST) fail("too long");
    memcpy(packet_end, data, length);
    packet_end += length;
}

static void put_part(const void *data, size_t length) {
    put((byte[]){(byte)(length >> 8), (byte)length}, 2);
    put(data, length);
}

static size_t sealed(const char *level, const char *message, byte *result) {
    int length = (int)strlen(message);
    memcpy(result, head, 5);
    if (RAND_bytes(result + 5, 12) < 1) fail("no random numbers");
    if (!crypt(1, level, result + 5, (const byte *)message, length, result + 17, result + 17 + length))
        fail("not sealed");
    return 33 + (size_t)length;
}

static void send_packet(byte type) { // MQTT 3.1.1, §2.2
    size_t left = (size_t)(packet_end - packet_body);
    byte length[5] = {type};
    int count = 1;
    do length[count++] = (left & 127) | (left > 127 ? 128 : 0); while (left >>= 7);
    if (BIO_write(broker, length, count) < count) fail("the broker is gone");
    int length_of_body = (int)(packet_end - packet_body);
    if (length_of_body && BIO_write(broker, packet_body, length_of_body) < 1) fail("the broker is gone");
    packet_end = packet_body;
}

static void publish(byte type, const char *level, const char *message, byte id) {
    static byte body[MOST];
    char topic[256];
    snprintf(topic, sizeof topic, "rigwatch/v1/%s/%s", account, level);
    put_part(topic, strlen(topic));
    put((byte[]){0, id}, 2);
    put(body, sealed(level, message, body));
    send_packet(type);
}

static const char *status(const char *state) {
    snprintf(out, sizeof out, "{\"state\":\"%s\",\"session\":%lld,\"host\":\"%s\",\"interval\":10}", state, session,
             strchr(account, '/') + 1);
    return out;
}

static void forget(int each) {
    waits--;
    memmove(waiting + each, waiting + each + 1, (size_t)(waits - each) * sizeof *waiting);
    memmove(rates + each, rates + each + 1, (size_t)(waits - each) * sizeof *rates);
}

static void report(double rate) {
    if (waits == WAITING_MOST) forget(0);
    long long at = now(), n = waits && waiting[waits - 1][0] >= at ? waiting[waits - 1][0] + 1 : at;
    waiting[waits][0] = n, waiting[waits][1] = at, rates[waits++] = rate;
    int length = snprintf(out, sizeof out, "{\"session\":%lld,\"sent_at\":%lld,\"samples\":[", session, at);
    for (int each = 0; each < waits; each++)
        length += snprintf(out + length, sizeof out - (size_t)length, "%s{\"n\":%lld,\"at\":%lld,\"hashrate\":%.17g}",
                           each ? "," : "", waiting[each][0], waiting[each][1], rates[each]);
    snprintf(out + length, sizeof out - (size_t)length, "]}");
    publish(0x32, "report", out, 2);
}

static void acknowledged(byte *body, int length) {
    int topic = body[0] << 8 | body[1], size = length - 2 - topic - 33;
    byte *envelope = body + 2 + topic;
    char *text = calloc(1, MOST), *n;
    if (size < 0 || !crypt(0, "ack", envelope + 5, envelope + 17, size, (byte *)text, envelope + 17 + size))
        fail("an ack of somebody else");
    char *current_at = strstr(text, "\"session\":");
    long long current = current_at ? strtoll(current_at + 10, NULL, 10) : 0;
    if (!(n = strstr(text, "\"n\":["))) {
        if (current > session) {
            FILE *kept = fopen("session", "w");
            if (kept) fprintf(kept, "%lld", current), fclose(kept);
            fail("start again");
        }
    } else for (char *end = n + 4; *end == '[' || *end == ',';) {
        long long number = strtoll(end + 1, &end, 10);
        for (int each = 0; each < waits; each++) if (waiting[each][0] == number) {
            forget(each--);
            printf("stored %lld\n", number), fflush(stdout);
        }
    }
    free(text);
}

static int get(byte *data, int length) { // 0 where TLS had something to say, and the broker nothing
    for (int got = 0, part; got < length; got += part > 0 ? part : 0)
        if ((part = BIO_read(broker, data + got, length - got)) < 1) {
            if (!BIO_should_retry(broker)) fail("the broker is gone");
            if (!got) return 0;
        }
    return 1;
}

static void received(void) {
    byte type, more;
    int length = 0, shift = 0;
    if (!get(&type, 1)) return;
    do {
        if (shift > 21) fail("not MQTT");
        while (!get(&more, 1)) {}
        length |= (more & 127) << shift;
        shift += 7;
    } while (more > 127);
    if (length >= MOST || (length < 2 && type != 0xd0)) fail("not MQTT, or more than a server says");
    byte *body = malloc((size_t)length + 1);
    while (!get(body, length)) {}
    if (type == 0x20) { // CONNACK: anything but 0 is a refusal
        if (body[1]) fail("refused");
        char topic[256];
        snprintf(topic, sizeof topic, "rigwatch/v1/%s/ack", account);
        put((byte[]){0, 1}, 2), put_part(topic, strlen(topic)), put("", 1), send_packet(0x82);
        publish(0x33, "status", status("online"), 3);
        greeted = 1;
    } else if (type >> 4 == 3) acknowledged(body, length); // at QoS 0
    else if (type == 0x40 && body[1] == 9) { send_packet(0xe0); exit(0); } // the goodbye has arrived
    free(body);
}

static char *field(const char *name, char *result, size_t most) { // of the token; NULL where it is null
    char key[32], *at;
    snprintf(key, sizeof key, "\"%s\":\"", name);
    if (!(at = strstr(json, key))) return NULL;
    size_t length = 0;
    for (at += strlen(key); *at && *at != '"' && length + 1 < most; at++)
        result[length++] = at[0] == '\\' && at[1] == 'n' ? (at++, '\n') : *at;
    result[length] = 0;
    return result;
}

static void decode(char *text, byte *result) { // base64url without padding, with room for four more
    size_t length = strlen(text);
    for (char *each = text; *each; each++) *each = *each == '-' ? '+' : *each == '_' ? '/' : *each;
    for (; length % 4; length++) text[length] = '=';
    text[length] = 0;
    if (EVP_DecodeBlock(result, (byte *)text, (int)length) < 0) fail("no token");
}

static BIO *connection(SSL_CTX *trust, const char *host, const char *where, SSL **tls) {
    BIO *made = BIO_new_ssl_connect(trust);
    BIO_set_conn_hostname(made, where);
    BIO_get_ssl(made, tls);
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(*tls), host) < 1) SSL_set1_host(*tls, host); // the certificate's name
    if (BIO_do_connect(made) < 1) fail("no connection, or another certificate");
    return made;
}

static X509 *authority(const byte *pin, const char *host, const char *where) { // as the server shows it; nothing is said
    SSL_CTX *nobody = SSL_CTX_new(TLS_client_method());
    SSL *tls;
    BIO *first = connection(nobody, host, where, &tls);
    STACK_OF(X509) *shown = SSL_get_peer_cert_chain(tls);
    X509 *found = NULL;
    for (int at = 0; shown && !found && at < sk_X509_num(shown); at++) {
        X509 *each = sk_X509_value(shown, at);
        byte *key = NULL, digest[32];
        int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(each), &key);
        if (length > 0 && EVP_Digest(key, (size_t)length, digest, NULL, EVP_sha256(), NULL)
            && !memcmp(digest, pin, 32) && X509_verify(each, X509_get0_pubkey(each)) == 1)
            found = each, X509_up_ref(found);
        OPENSSL_free(key);
    }
    BIO_free_all(first);
    SSL_CTX_free(nobody);
    if (!found) fail("not the server that the token is for");
    return found;
}

static void brief(const byte *plain, size_t length, char *url, char *site, char *node) { // a short token's text, §4
    char text[512];
    if (length < 69 || length - 68 >= sizeof text) fail("no token");
    memcpy(text, plain + 64, length - 68); // a node of your own checks the last four bytes as well
    text[length - 68] = 0;
    if (sscanf(text, "%64[^/ ]/%64[^/ ] %255s", site, node, url) != 3) fail("no token");
}

int main(int count, char **arguments) {
    char token[8192] = "", url[256], site[65], node[65], key[64], ca[4096], where[256], will[256], password[64];
    byte plain[8192] = {0}, pin[32] = {0}, digest[32], raw[32], text[15 + 32] = "rigwatch key id", envelope[MOST];
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdin, NULL, _IONBF, 0); // what is read ahead, poll does not see
    FILE *kept = count < 2 ? NULL : fopen(arguments[1], "r"); // a file: every user of a machine sees arguments
    if (!kept || !fgets(token, sizeof token - 8, kept) || (strncmp(token, "rw1.", 4) && strncmp(token, "rw2.", 4)))
        fail("a file with a join token is needed");
    fclose(kept);
    token[strcspn(token, "\r\n")] = 0;
    int is_short = token[2] == '2';
    memmove(token, token + 4, strlen(token + 4) + 1);
    size_t length = strlen(token) * 3 / 4;
    decode(token, plain);
    if (is_short) {
        brief(plain, length, url, site, node);
        memcpy(node_key, plain, 32), memcpy(pin, plain + 32, 32);
    } else {
        memcpy(json, plain, sizeof json - 1);
        if (!field("url", url, sizeof url) || !field("site", site, 65) || !field("node", node, 65)
            || !field("key", key, 60)) fail("no token");
        decode(key, plain), memcpy(node_key, plain, 32);
    }
    derive("seal", seal_key);
    memcpy(text + 15, seal_key, 32);
    EVP_Digest(text, sizeof text, digest, NULL, EVP_sha256(), NULL);
    head[0] = 1, memcpy(head + 1, digest, 4);
    snprintf(account, sizeof account, "%s/%s", site, node);
    kept = fopen("session", "r"); // written before it is used: it only grows (§7)
    if (kept) { if (fscanf(kept, "%lld", &session) < 1) session = 0; fclose(kept); }
    session = session + 1 > now() ? session + 1 : now();
    if (!(kept = fopen("session", "w")) || fprintf(kept, "%lld", session) < 0 || fclose(kept)) fail("the session cannot be kept");

    SSL_CTX *trust = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(trust, SSL_VERIFY_PEER, NULL);
    SSL_CTX_clear_mode(trust, SSL_MODE_AUTO_RETRY);
    if (!strstr(url, "://")) fail("no token");
    char *host = strstr(url, "://") + 3, *port = strrchr(host, ':');
    snprintf(where, sizeof where, "%s%s", host, port ? "" : ":8883");
    if (port) *port = 0;
    if (memcmp(pin, (byte[32]){0}, 32)) X509_STORE_add_cert(SSL_CTX_get_cert_store(trust), authority(pin, host, where));
    else if (!is_short && field("ca", ca, sizeof ca)) {
        BIO *pem = BIO_new_mem_buf(ca, -1);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(trust), PEM_read_bio_X509(pem, NULL, NULL, NULL));
    } else SSL_CTX_set_default_verify_paths(trust);
    SSL *tls;
    broker = connection(trust, host, where, &tls);

    packet_end = packet_body;
    snprintf(will, sizeof will, "rigwatch/v1/%s/status", account);
    derive("mqtt", raw);
    EVP_EncodeBlock((byte *)password, raw, 32);
    for (char *each = password; *each; each++)
        *each = *each == '+' ? '-' : *each == '/' ? '_' : *each == '=' ? 0 : *each;
    put_part("MQTT", 4), put((byte[]){4, 0xee, 0, 10}, 4), put_part(account, strlen(account)); // keep-alive 10 s
    put_part(will, strlen(will)), put_part(envelope, sealed("status", status("lost"), envelope));
    put_part(account, strlen(account)), put_part(password, strlen(password)), send_packet(0x10);
    for (long long pinged = now();;) {
        struct pollfd both[] = {{BIO_get_fd(broker, NULL), POLLIN, 0}, {greeted && !ended ? 0 : -1, POLLIN, 0}};
        if (!SSL_pending(tls)) poll(both, 2, 1000);
        if (SSL_pending(tls) || both[0].revents) received();
        else if (both[1].revents && fgets(out, sizeof out, stdin)) report(atof(out));
        else if (both[1].revents) ended = 1;
        if (now() - pinged > 5000) { pinged = now(); send_packet(0xc0); } // PINGREQ
        if (ended == 1 && !waits) { ended = 2; publish(0x33, "status", status("offline"), 9); }
    }
}
