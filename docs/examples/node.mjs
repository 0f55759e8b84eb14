// A node in one file, with nothing but Node.js: the hashrate on stdin, a line a sample, in H/s.
//     (umask 077; rigwatch enroll rig9 > token); my-miner-figures | node node.mjs token
// When stdin ends it says goodbye; when it is killed, the broker sends its will. Samples that are not acknowledged are sent
// again with the next one, the latest 200 (a report has at most 500); a publisher of your own keeps them on disk as well
// (docs/protocol.md, §8). The token is the node's key: it is read from a file, for every user of a machine sees arguments.
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { connect } from "node:tls";

const token = readFileSync(process.argv[2], "utf8").replace(/\s/g, ""), content = Buffer.from(token.slice(4), "base64url");
const { url, site, node, key, ca, pin } = token.startsWith("rw2.") ? short(content) : JSON.parse(content);
function short(raw) { // §4; a node of your own checks the last four bytes as well
  const [id, url] = raw.subarray(64, -4).toString().split(" "), [site, node] = id.split("/");
  return { url, site, node, key: raw.toString("base64url", 0, 32), pin: raw.subarray(32, 64) };
}
const derive = (info) => Buffer.from(hkdfSync("sha256", Buffer.from(key, "base64url"), "rigwatch/v1", info, 32));
const sealKey = derive("seal"), id = createHash("sha256").update("rigwatch key id").update(sealKey).digest();
const head = Buffer.concat([Buffer.of(1), id.subarray(0, 4)]), topic = (level) => `rigwatch/v1/${site}/${node}/${level}`;
function seal(level, message) {
  const nonce = randomBytes(12), cipher = createCipheriv("aes-256-gcm", sealKey, nonce);
  cipher.setAAD(Buffer.concat([head, Buffer.from(topic(level))]));
  return Buffer.concat([head, nonce, cipher.update(JSON.stringify(message)), cipher.final(), cipher.getAuthTag()]);
}
function open(level, sealed) {
  const cipher = createDecipheriv("aes-256-gcm", sealKey, sealed.subarray(5, 17));
  cipher.setAAD(Buffer.concat([head, Buffer.from(topic(level))])).setAuthTag(sealed.subarray(-16));
  return JSON.parse(Buffer.concat([cipher.update(sealed.subarray(17, -16)), cipher.final()]));
}
const last = existsSync("session") ? Number(readFileSync("session", "utf8")) : 0;
const session = Math.max(last + 1, Date.now());
writeFileSync("session", `${session}`); // before it is used: it only grows (§7)
const status = (state) => seal("status", { state, session, host: node, interval: 10 }), waiting = new Map();
function part(text) {
  const body = Buffer.from(text);
  return Buffer.concat([Buffer.of(body.length >> 8, body.length & 255), body]);
}
function packet(type, ...parts) { // MQTT 3.1.1, §2.2
  const body = Buffer.concat(parts), length = [];
  for (let left = body.length; left || !length.length; left >>= 7) length.push((left & 127) | (left > 127 ? 128 : 0));
  socket.write(Buffer.concat([Buffer.of(type, ...length), body]));
}
const publish = (type, level, sealed, id) => packet(type, part(topic(level)), Buffer.of(0, id), sealed);
const where = new URL(url), broker = { host: where.hostname, port: where.port || 8883 };
async function authority() { // the one whose key the token names, as the server shows it; nothing is said to it yet
  const first = connect({ ...broker, rejectUnauthorized: false });
  await once(first, "secureConnect");
  let shown = first.getPeerCertificate(true), last;
  first.destroy();
  for (; shown && shown !== last; [last, shown] = [shown, shown.issuerCertificate]) {
    const found = new X509Certificate(shown.raw), its = found.publicKey.export({ type: "spki", format: "der" });
    if (createHash("sha256").update(its).digest().equals(pin) && found.verify(found.publicKey)) return found.toString();
  }
  throw new Error("not the server that the token is for");
}
const socket = connect({ ...broker, ca: pin?.some((each) => each) ? await authority() : ca ?? undefined });
const account = part(`${site}/${node}`), password = part(derive("mqtt").toString("base64url"));
socket.once("secureConnect", () => packet(0x10, part("MQTT"), Buffer.of(4, 0xee, 0, 10), account, // keep-alive: 10 s
  part(topic("status")), part(status("lost")), account, password));
let ended = false, received = Buffer.alloc(0);
const finish = () => ended && !waiting.size && publish(0x33, "status", status("offline"), 9);
const sample = (text) => {
  const n = Math.max(Date.now(), ...[...waiting.keys()].map((each) => each + 1));
  if (waiting.size >= 200) waiting.delete(waiting.keys().next().value);
  waiting.set(n, { n, at: Date.now(), hashrate: Number(text) });
  publish(0x32, "report", seal("report", { session, sent_at: Date.now(), samples: [...waiting.values()] }), 2);
};
const hears = {
  2: (body) => { // CONNACK: anything but 0 is a refusal
    if (body[1]) throw new Error(`refused with ${body[1]}`);
    packet(0x82, Buffer.of(0, 1), part(topic("ack")), Buffer.of(0));
    publish(0x33, "status", status("online"), 3);
    createInterface({ input: process.stdin }).on("line", sample).on("close", () => { ended = true; finish(); });
  },
  3: (body) => { // an ack, at QoS 0
    const ack = open("ack", body.subarray(2 + body.readUInt16BE(0)));
    if (!ack.n?.length && ack.session > session) {
      writeFileSync("session", `${ack.session}`);
      throw new Error("start again");
    }
    for (const n of ack.n ?? []) if (waiting.delete(n)) console.log(`stored ${n}`);
    finish();
  },
  4: (body) => body[1] === 9 && (packet(0xe0), socket.end()), // the goodbye has arrived
};
socket.on("data", (more) => {
  received = Buffer.concat([received, more]);
  for (;;) {
    let at = 1, length = 0;
    do {
      if (at >= received.length) return;
      length |= (received[at] & 127) << (7 * (at - 1));
    } while (received[at++] & 128);
    if (received.length < at + length) return;
    const body = received.subarray(at, at + length), kind = received[0] >> 4;
    received = received.subarray(at + length);
    hears[kind]?.(body);
  }
});
setInterval(() => packet(0xc0), 5000).unref(); // PINGREQ
