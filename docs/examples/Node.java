// A node in one file, with nothing but Java 17: the hashrate on stdin, a line a sample, in H/s.
//     (umask 077; rigwatch enroll rig9 --long > token); my-miner-figures | java Node.java token
// It does what node.mjs does beside it; the notes there hold here as well.
import java.io.*;
import java.net.URI;
import java.nio.file.*;
import java.security.*;
import java.security.cert.CertificateFactory;
import java.util.*;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.regex.*;
import javax.crypto.*;
import javax.crypto.spec.*;
import javax.net.ssl.*;
import static java.nio.charset.StandardCharsets.UTF_8;

public class Node {
    static final SortedMap<Long, String> waiting = new ConcurrentSkipListMap<>();
    static byte[] sealKey, head;
    static String base, status;
    static long session;
    static OutputStream out;
    static volatile boolean ended;

    static byte[] join(Object... parts) { // texts, bytes and arrays of bytes
        var all = new ByteArrayOutputStream();
        for (var each : parts)
            if (each instanceof Integer number) all.write(number);
            else all.writeBytes(each instanceof String text ? text.getBytes(UTF_8) : (byte[]) each);
        return all.toByteArray();
    }

    static byte[] derive(byte[] key, String info) throws Exception { // HKDF (RFC 5869) for 32 bytes is two HMACs
        var mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(join("rigwatch/v1"), "HmacSHA256"));
        mac.init(new SecretKeySpec(mac.doFinal(key), "HmacSHA256"));
        return mac.doFinal(join(info, 1));
    }

    static byte[] crypt(int mode, String level, byte[] nonce, byte[] data) throws Exception {
        var cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(mode, new SecretKeySpec(sealKey, "AES"), new GCMParameterSpec(128, nonce));
        cipher.updateAAD(join(head, base + level)); // bound to this key and this topic (§6)
        return cipher.doFinal(data);
    }

    static byte[] seal(String level, String message) throws Exception {
        var nonce = new byte[12];
        new SecureRandom().nextBytes(nonce);
        return join(head, nonce, crypt(Cipher.ENCRYPT_MODE, level, nonce, join(message)));
    }

    static byte[] part(Object content) { var body = join(content); return join(body.length >> 8, body.length, body); }

    static synchronized void packet(int type, Object... parts) throws IOException { // MQTT 3.1.1, §2.2
        var body = join(parts);
        var length = new ByteArrayOutputStream();
        int left = body.length;
        do { length.write(left & 127 | (left > 127 ? 128 : 0)); } while ((left >>= 7) > 0);
        out.write(join(type, length.toByteArray(), body));
        out.flush();
    }

    static void publish(int type, String level, String message, int id) throws Exception {
        packet(type, part(base + level), 0, id, seal(level, message));
    }

    static void finish() throws Exception {
        if (ended && waiting.isEmpty()) publish(0x33, "status", status.formatted("offline"), 9);
    }

    static String field(String json, String pattern) { // what stands in its parentheses; null where it is not there
        var found = Pattern.compile(pattern).matcher(json);
        return found.find() ? found.group(1).replace("\\n", "\n") : null;
    }

    static String text(String json, String name) { return field(json, "\"" + name + "\":\"(.*?)\""); }

    static SSLContext trusting(String pem) throws Exception {
        if (pem == null) return SSLContext.getDefault();
        var store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        var authority = CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(join(pem)));
        store.setCertificateEntry("ca", authority);
        var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        var context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    public static void main(String[] arguments) throws Exception {
        var written = Files.readString(Path.of(arguments[0])).strip(); // a file: every user of a machine sees arguments
        var token = new String(Base64.getUrlDecoder().decode(written.substring(4)), UTF_8);
        var account = text(token, "site") + "/" + text(token, "node");
        var key = Base64.getUrlDecoder().decode(text(token, "key"));
        sealKey = derive(key, "seal");
        base = "rigwatch/v1/" + account + "/";
        head = join(1, Arrays.copyOf(MessageDigest.getInstance("SHA-256").digest(join("rigwatch key id", sealKey)), 4));
        var kept = Path.of("session"); // written before it is used: it only grows (§7)
        var last = Files.exists(kept) ? Long.parseLong(Files.readString(kept)) : 0;
        session = Math.max(last + 1, System.currentTimeMillis());
        Files.writeString(kept, "" + session);
        status = "{\"state\":\"%s\",\"session\":" + session + ",\"host\":\"" + text(token, "node") + "\",\"interval\":10}";
        var url = URI.create(text(token, "url"));
        var socket = (SSLSocket) trusting(text(token, "ca")).getSocketFactory().createSocket(url.getHost(), url.getPort());
        var parameters = socket.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS"); // Java checks the certificate's name only when told to
        socket.setSSLParameters(parameters);
        out = socket.getOutputStream();
        var in = new DataInputStream(new BufferedInputStream(socket.getInputStream()));
        var password = Base64.getUrlEncoder().withoutPadding().encodeToString(derive(key, "mqtt"));
        packet(0x10, part("MQTT"), 4, 0xee, 0, 10, part(account), part(base + "status"), // keep-alive 10 s
            part(seal("status", status.formatted("lost"))), part(account), part(password));
        for (;;) {
            int type = in.readUnsignedByte(), length = 0, shift = 0, more;
            do { more = in.readUnsignedByte(); length |= (more & 127) << shift; shift += 7; } while (more > 127);
            var body = in.readNBytes(length);
            if (type == 0x20) { // CONNACK: anything but 0 is a refusal
                if (body[1] != 0) throw new IOException("refused with " + body[1]);
                packet(0x82, 0, 1, part(base + "ack"), 0);
                publish(0x33, "status", status.formatted("online"), 3);
                aside(Node::ping);
                aside(Node::read);
            } else if (type >> 4 == 3) { // an ack, at QoS 0
                var sealed = Arrays.copyOfRange(body, 2 + (body[0] << 8 | body[1] & 255), length);
                var ack = new String(crypt(Cipher.DECRYPT_MODE, "ack", Arrays.copyOfRange(sealed, 5, 17),
                    Arrays.copyOfRange(sealed, 17, sealed.length)), UTF_8);
                var stored = field(ack, "\"n\":\\[([\\d,]+)]");
                var current = Long.parseLong(field(ack, "\"session\":(\\d+)"));
                if (stored == null && current > session) {
                    Files.writeString(kept, "" + current);
                    throw new IOException("start again");
                }
                for (var n : stored == null ? new String[0] : stored.split(","))
                    if (waiting.remove(Long.parseLong(n)) != null) System.out.println("stored " + n);
                finish();
            } else if (type == 0x40 && body[1] == 9) { // the goodbye has arrived
                packet(0xe0);
                System.exit(0);
            }
        }
    }

    interface Job { void run() throws Exception; }

    static void aside(Job job) {
        new Thread(() -> {
            try { job.run(); } catch (Exception broken) { broken.printStackTrace(); System.exit(1); }
        }) {{ setDaemon(true); }}.start(); // what ends the reader of packets ends the program
    }

    static void ping() throws Exception { for (;; Thread.sleep(5000)) packet(0xc0); }

    static void read() throws Exception {
        for (var lines = new Scanner(System.in); lines.hasNextLine();) {
            long now = System.currentTimeMillis(), n = waiting.isEmpty() ? now : Math.max(now, waiting.lastKey() + 1);
            var rate = Double.parseDouble(lines.nextLine());
            waiting.put(n, "{\"n\":" + n + ",\"at\":" + now + ",\"hashrate\":" + rate + "}");
            if (waiting.size() > 200) waiting.remove(waiting.firstKey());
            publish(0x32, "report", "{\"session\":" + session + ",\"sent_at\":" + now + ",\"samples\":["
                + String.join(",", waiting.values()) + "]}", 2);
        }
        ended = true;
        finish();
    }
}
