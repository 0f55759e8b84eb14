// A node in one file, with nothing but Java 17: the hashrate on stdin, a line a sample, in H/s.
//     (umask 077; rigwatch enroll rig9 > token); my-miner-figures | java Node.java token
// It does what node.mjs does beside it; the notes there hold here as well.
import java.io.*;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.*;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.*;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.regex.*;
import javax.crypto.*;
import javax.crypto.spec.*;
import javax.net.ssl.*;

public class Node {
    static byte[] sealKey, head;
    static String base;
    static OutputStream out;
    static volatile boolean ended;
    static final SortedMap<Long, String> waiting = new ConcurrentSkipListMap<>();

    static byte[] bytes(String text) { return text.getBytes(StandardCharsets.UTF_8); }

    static byte[] join(byte[]... parts) {
        var all = new ByteArrayOutputStream();
        for (var each : parts) all.writeBytes(each);
        return all.toByteArray();
    }

    static byte[] hmac(byte[] key, byte[] data) throws Exception {
        var mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(data);
    }

    static byte[] derive(byte[] key, String info) throws Exception { // HKDF (RFC 5869) for 32 bytes is two HMACs
        return hmac(hmac(bytes("rigwatch/v1"), key), join(bytes(info), new byte[] {1}));
    }

    static byte[] crypt(int mode, String level, byte[] nonce, byte[] data) throws Exception {
        var cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(mode, new SecretKeySpec(sealKey, "AES"), new GCMParameterSpec(128, nonce));
        cipher.updateAAD(join(head, bytes(base + level)));
        return cipher.doFinal(data);
    }

    static byte[] seal(String level, String message) throws Exception {
        var nonce = new byte[12];
        new SecureRandom().nextBytes(nonce);
        return join(head, nonce, crypt(Cipher.ENCRYPT_MODE, level, nonce, bytes(message)));
    }

    static byte[] part(byte[] body) { return join(new byte[] {(byte) (body.length >> 8), (byte) body.length}, body); }

    static synchronized void packet(int type, byte[]... parts) throws IOException { // MQTT 3.1.1, §2.2
        var body = join(parts);
        var length = new ByteArrayOutputStream();
        int left = body.length;
        do { length.write(left & 127 | (left > 127 ? 128 : 0)); } while ((left >>= 7) > 0);
        out.write(join(new byte[] {(byte) type}, length.toByteArray(), body));
        out.flush();
    }

    static void publish(int type, String level, String message, int id) throws Exception {
        packet(type, part(bytes(base + level)), new byte[] {0, (byte) id}, seal(level, message));
    }

    static String field(String json, String name) {
        var found = Pattern.compile("\"" + name + "\"\\s*:\\s*\"((?:[^\"\\\\]|\\\\.)*)\"").matcher(json);
        return found.find() ? found.group(1).replace("\\n", "\n") : null;
    }

    static SSLSocket connection(SSLContext context, java.net.URI url) throws Exception {
        return (SSLSocket) context.getSocketFactory()
            .createSocket(url.getHost(), url.getPort() < 0 ? 8883 : url.getPort());
    }

    static Certificate authority(byte[] pin, java.net.URI url) throws Exception { // as the server shows it; nothing is said
        var anybody = new X509ExtendedTrustManager() {
            public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}
            public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}
            public void checkServerTrusted(X509Certificate[] chain, String type) {}
            public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}
            public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}
            public void checkClientTrusted(X509Certificate[] chain, String type) {}
            public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
        };
        var context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {anybody}, null);
        try (var first = connection(context, url)) {
            for (var each : first.getSession().getPeerCertificates()) {
                var key = MessageDigest.getInstance("SHA-256").digest(each.getPublicKey().getEncoded());
                if (!Arrays.equals(key, pin)) continue;
                each.verify(each.getPublicKey());
                return each;
            }
        }
        throw new IOException("not the server that the token is for");
    }

    static Certificate certificate(String pem) throws Exception {
        return CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(bytes(pem)));
    }

    static SSLContext trusting(Certificate authority) throws Exception {
        var store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        store.setCertificateEntry("ca", authority);
        var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        var context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    public static void main(String[] arguments) throws Exception {
        var written = Files.readString(Path.of(arguments[0])).replaceAll("\\s", "");
        var raw = Base64.getUrlDecoder().decode(written.substring(4));
        var brief = written.startsWith("rw2."); // §4; a node of your own checks the last four bytes as well
        var token = new String(brief ? Arrays.copyOfRange(raw, 64, raw.length - 4) : raw, StandardCharsets.UTF_8);
        var words = token.split(" ");
        var url = java.net.URI.create(brief ? words[1] : field(token, "url"));
        var account = brief ? words[0] : field(token, "site") + "/" + field(token, "node");
        var node = account.substring(account.indexOf('/') + 1);
        var key = brief ? Arrays.copyOf(raw, 32) : Base64.getUrlDecoder().decode(field(token, "key"));
        var pin = brief ? Arrays.copyOfRange(raw, 32, 64) : new byte[32];
        var pem = brief ? null : field(token, "ca");
        var trust = !Arrays.equals(pin, new byte[32]) ? trusting(authority(pin, url))
            : pem != null ? trusting(certificate(pem)) : SSLContext.getDefault();
        sealKey = derive(key, "seal");
        base = "rigwatch/v1/" + account + "/";
        var id = MessageDigest.getInstance("SHA-256").digest(join(bytes("rigwatch key id"), sealKey));
        head = join(new byte[] {1}, Arrays.copyOf(id, 4));
        var kept = Path.of("session"); // written before it is used: it only grows (§7)
        long last = Files.exists(kept) ? Long.parseLong(Files.readString(kept)) : 0;
        long session = Math.max(last + 1, System.currentTimeMillis());
        Files.writeString(kept, "" + session);
        var status = "{\"state\":\"%s\",\"session\":" + session + ",\"host\":\"" + node + "\",\"interval\":10}";

        var socket = connection(trust, url);
        var parameters = socket.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS"); // Java checks the certificate's name only when told to
        socket.setSSLParameters(parameters);
        out = socket.getOutputStream();
        var in = new DataInputStream(new BufferedInputStream(socket.getInputStream()));
        var password = Base64.getUrlEncoder().withoutPadding().encodeToString(derive(key, "mqtt"));
        packet(0x10, part(bytes("MQTT")), new byte[] {4, (byte) 0xee, 0, 10}, part(bytes(account)), // keep-alive 10 s
            part(bytes(base + "status")), part(seal("status", status.formatted("lost"))),
            part(bytes(account)), part(bytes(password)));
        new Timer(true).schedule(new TimerTask() { public void run() {
            try { packet(0xc0); } catch (IOException gone) { cancel(); } // PINGREQ; the reader below ends as well
        } }, 5000, 5000);
        for (;;) {
            int type = in.readUnsignedByte(), length = 0, shift = 0, more;
            do { more = in.readUnsignedByte(); length |= (more & 127) << shift; shift += 7; } while (more > 127);
            var body = in.readNBytes(length);
            if (type == 0x20) { // CONNACK: anything but 0 is a refusal
                if (body[1] != 0) throw new IOException("refused with " + body[1]);
                packet(0x82, new byte[] {0, 1}, part(bytes(base + "ack")), new byte[] {0});
                publish(0x33, "status", status.formatted("online"), 3);
                var reader = new Thread(() -> reads(session, status));
                reader.setDaemon(true); // what ends this loop ends the program
                reader.start();
            } else if (type >> 4 == 3) { // an ack, at QoS 0
                var sealed = Arrays.copyOfRange(body, 2 + (body[0] << 8 | body[1] & 255), length);
                var ack = new String(crypt(Cipher.DECRYPT_MODE, "ack", Arrays.copyOfRange(sealed, 5, 17),
                    Arrays.copyOfRange(sealed, 17, sealed.length)), StandardCharsets.UTF_8);
                var current = Pattern.compile("\"session\":(\\d+)").matcher(ack);
                var stored = Pattern.compile("\"n\":\\[([\\d,]+)]").matcher(ack);
                if (stored.find()) {
                    for (var n : stored.group(1).split(","))
                        if (waiting.remove(Long.parseLong(n)) != null) System.out.println("stored " + n);
                } else if (current.find() && Long.parseLong(current.group(1)) > session) {
                    Files.writeString(kept, current.group(1));
                    throw new IOException("start again");
                }
                if (ended && waiting.isEmpty()) publish(0x33, "status", status.formatted("offline"), 9);
            } else if (type == 0x40 && body[1] == 9) { // the goodbye has arrived
                packet(0xe0);
                System.exit(0);
            }
        }
    }

    static void reads(long session, String status) {
        try (var lines = new BufferedReader(new InputStreamReader(System.in))) {
            for (String line; (line = lines.readLine()) != null; ) {
                long now = System.currentTimeMillis(), n = waiting.isEmpty() ? now : Math.max(now, waiting.lastKey() + 1);
                if (waiting.size() >= 200) waiting.remove(waiting.firstKey());
                waiting.put(n, "{\"n\":" + n + ",\"at\":" + now + ",\"hashrate\":" + Double.parseDouble(line) + "}");
                publish(0x32, "report", "{\"session\":" + session + ",\"sent_at\":" + now + ",\"samples\":["
                    + String.join(",", waiting.values()) + "]}", 2);
            }
            ended = true;
            if (waiting.isEmpty()) publish(0x33, "status", status.formatted("offline"), 9);
        } catch (Exception broken) {
            broken.printStackTrace();
            System.exit(1);
        }
    }
}
