// A node in C with libmosquitto and OpenSSL 3: the hashrate on stdin, a line a sample, in H/s.
//     cc -O2 -o node node.c -lmosquitto -lcrypto
//     (umask 077; rigwatch enroll rig9 --long > token); my-miner-figures | ./node token
// It does what node.mjs does beside it; the notes there hold here as well.
#include <mosquitto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MUST(it, why) do { if (!(it)) { fprintf(stderr, "node: %s\n", why); exit(1); } } while (0)
typedef unsigned char byte;
static byte node_key[36], seal_key[32], head[5] = {1}, said[1 << 15];
static char token[8192], json[8192], samples[1 << 14], text[1 << 15], account[140], topic[180];
static long long session, newest; // `samples` are those that wait for an ack, `newest` the last one's number
static int greeted, goodbye;

static long long now(void) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    return at.tv_sec * 1000LL + at.tv_nsec / 1000000;
}

static void derive(const char *info, byte result[32]) { // HKDF-SHA256 of the node key
    EVP_PKEY_CTX *kdf = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
    size_t length = 32;
    MUST(EVP_PKEY_derive_init(kdf) > 0 && EVP_PKEY_CTX_set_hkdf_md(kdf, EVP_sha256()) > 0
        && EVP_PKEY_CTX_set1_hkdf_salt(kdf, (const byte *)"rigwatch/v1", 11) > 0
        && EVP_PKEY_CTX_set1_hkdf_key(kdf, node_key, 32) > 0
        && EVP_PKEY_CTX_add1_hkdf_info(kdf, (const byte *)info, (int)strlen(info)) > 0
        && EVP_PKEY_derive(kdf, result, &length) > 0, "no HKDF");
    EVP_PKEY_CTX_free(kdf);
}

static int crypt(int sealing, const byte *nonce, const byte *data, int length, byte *result, byte *tag) {
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int part, done;
    EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, seal_key, nonce, sealing);
    EVP_CipherUpdate(cipher, NULL, &part, head, 5); // bound to this key and this topic (§6)
    EVP_CipherUpdate(cipher, NULL, &part, (const byte *)topic, (int)strlen(topic));
    EVP_CipherUpdate(cipher, result, &part, data, length);
    if (!sealing) EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, 16, tag);
    done = EVP_CipherFinal_ex(cipher, result + part, &part);
    if (sealing) EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, 16, tag);
    EVP_CIPHER_CTX_free(cipher);
    return done;
}

static int seal(const char *level, const char *format, ...) { // into `said`, for `topic`; returns the length
    va_list values;
    va_start(values, format);
    int length = vsnprintf(text, sizeof text - 33, format, values);
    va_end(values);
    snprintf(topic, sizeof topic, "rigwatch/v1/%s/%s", account, level);
    memcpy(said, head, 5);
    MUST(length < (int)sizeof text - 33 && RAND_bytes(said + 5, 12) > 0
        && crypt(1, said + 5, (byte *)text, length, said + 17, said + 17 + length), "not sealed");
    return 33 + length;
}

static int status(const char *state) {
    const char *format = "{\"state\":\"%s\",\"session\":%lld,\"host\":\"%s\",\"interval\":10}";
    return seal("status", format, state, session, strchr(account, '/') + 1);
}

static void publish(struct mosquitto *broker, int *id, int length, bool retained) {
    MUST(!mosquitto_publish(broker, id, topic, length, said, 1, retained), "the broker is gone");
}

static void sample(struct mosquitto *broker, double rate) {
    newest = now() > newest ? now() : newest + 1;
    size_t length = strlen(samples) < sizeof samples - 128 ? strlen(samples) : 0; // full: without the older ones
    const char *format = "%s{\"n\":%lld,\"at\":%lld,\"hashrate\":%.17g}";
    snprintf(samples + length, 128, format, length ? "," : "", newest, now(), rate);
    format = "{\"session\":%lld,\"sent_at\":%lld,\"samples\":[%s]}";
    publish(broker, NULL, seal("report", format, session, now(), samples), false);
}

static void keep(long long number) {
    FILE *file = fopen("session", "w");
    MUST(file && fprintf(file, "%lld", number) > 0 && !fclose(file), "the session cannot be kept");
}

static void on_connect(struct mosquitto *broker, void *own, int refused) {
    MUST(!refused, mosquitto_connack_string(refused));
    snprintf(topic, sizeof topic, "rigwatch/v1/%s/ack", account);
    MUST(!mosquitto_subscribe(broker, NULL, topic, 0), "the broker is gone");
    publish(broker, NULL, status("online"), true);
    greeted = 1;
}

static void on_message(struct mosquitto *broker, void *own, const struct mosquitto_message *ack) {
    byte *sealed = ack->payload;
    int length = ack->payloadlen - 33;
    snprintf(topic, sizeof topic, "rigwatch/v1/%s/ack", account);
    MUST(length >= 0 && length < (int)sizeof text
        && crypt(0, sealed + 5, sealed + 17, length, (byte *)text, sealed + 17 + length), "an ack of somebody else");
    text[length] = 0;
    char *current = strstr(text, "\"session\":"), *at = strstr(text, "\"n\":[");
    long long other = current ? atoll(current + 10) : 0;
    if ((!at || at[5] == ']') && other > session) { keep(other); MUST(0, "start again"); }
    for (at = at ? at + 4 : ""; *at == '[' || *at == ',';) {
        long long number = strtoll(at + 1, &at, 10);
        printf("stored %lld\n", number), fflush(stdout);
        if (number == newest) *samples = 0; // it came with all before it
    }
}

static void on_publish(struct mosquitto *broker, void *own, int id) { if (id == goodbye) goodbye = -1; }

static void decode(char *code, byte *result) { // base64url without padding; both have room for three more
    size_t length = strlen(code);
    for (char *each = code; *each; each++) *each = *each == '-' ? '+' : *each == '_' ? '/' : *each;
    for (; length % 4; length++) code[length] = '=';
    MUST(EVP_DecodeBlock(result, (byte *)code, (int)length) > 0, "no token");
}

static char *field(const char *name) { // of the token; empty where it is null
    char key[16], *result = calloc(1, sizeof json), *end = result;
    snprintf(key, sizeof key, "\"%s\":\"", name);
    char *at = strstr(json, key);
    for (at = at ? at + strlen(key) : ""; *at && *at != '"'; at++)
        *end++ = at[0] == '\\' && at[1] == 'n' ? (at++, '\n') : *at;
    return result;
}

int main(int count, char **arguments) {
    FILE *file = count > 1 ? fopen(arguments[1], "r") : NULL; // a file: every user of a machine sees arguments
    MUST(file && fgets(token, sizeof token - 4, file) && !strncmp(token, "rw1.", 4), "a file with a long token is needed");
    token[strcspn(token, "\r\n")] = 0;
    decode(token + 4, (byte *)json);
    char *key = field("key"), *ca = field("ca"), *host = strstr(field("url"), "://"), *port = host ? strrchr(host + 3, ':') : NULL;
    MUST(port && strlen(key) == 43, "no token");
    *port++ = 0;
    decode(key, node_key), derive("seal", seal_key);
    snprintf(account, sizeof account, "%.64s/%.64s", field("site"), field("node"));
    byte named[15 + 32] = "rigwatch key id", digest[32], secret[32], password[45];
    memcpy(named + 15, seal_key, 32);
    EVP_Digest(named, sizeof named, digest, NULL, EVP_sha256(), NULL);
    memcpy(head + 1, digest, 4);
    if ((file = fopen("session", "r"))) MUST(fscanf(file, "%lld", &session) == 1, "the session is not a number");
    session = session + 1 > now() ? session + 1 : now();
    keep(session); // before it is used: it only grows (§7)
    if (*ca) MUST((file = fopen("ca.pem", "w")) && fputs(ca, file) >= 0 && !fclose(file), "ca.pem cannot be written");

    mosquitto_lib_init();
    struct mosquitto *broker = mosquitto_new(account, true, NULL);
    derive("mqtt", secret), EVP_EncodeBlock(password, secret, 32);
    for (byte *each = password; *each; each++) *each = *each == '+' ? '-' : *each == '/' ? '_' : *each == '=' ? 0 : *each;
    mosquitto_connect_callback_set(broker, on_connect), mosquitto_message_callback_set(broker, on_message);
    mosquitto_publish_callback_set(broker, on_publish);
    int length = status("lost");
    MUST(!mosquitto_username_pw_set(broker, account, (char *)password) && !mosquitto_will_set(broker, topic, length, said, 1, true)
        && !mosquitto_tls_set(broker, *ca ? "ca.pem" : NULL, *ca ? NULL : "/etc/ssl/certs", NULL, NULL, NULL)
        && !mosquitto_connect(broker, host + 3, atoi(port), 10), "no connection");
    setvbuf(stdin, NULL, _IONBF, 0); // what is read ahead, poll does not see
    for (struct pollfd in = {0, POLLIN, 0};;) {
        MUST(!mosquitto_loop(broker, 100, 1), "the broker is gone");
        if (goodbye < 0) return mosquitto_disconnect(broker);
        if (!greeted || goodbye || poll(&in, 1, 0) < 1) continue;
        if (fgets(text, sizeof text, stdin)) sample(broker, atof(text));
        else if (!*samples) publish(broker, &goodbye, status("offline"), true);
    }
}
