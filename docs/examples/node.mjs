// A node with Node.js and the package mqtt: the hashrate on stdin, a line a sample, in H/s.
//     npm install mqtt; (umask 077; rigwatch enroll rig9 --long > token); my-miner-figures | node node.mjs token
// When stdin ends it says goodbye; when it is killed, the broker sends its will. Samples that are not acknowledged are sent
// again with the next one, the latest 200; a publisher of your own keeps them on disk as well (docs/protocol.md, §8).
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import mqtt from "mqtt";

const token = readFileSync(process.argv[2], "utf8").trim(); // the node's key: every user of a machine sees arguments
const { url, site, node, key, ca } = JSON.parse(Buffer.from(token.slice(4), "base64url"));
const derive = (info) => Buffer.from(hkdfSync("sha256", Buffer.from(key, "base64url"), "rigwatch/v1", info, 32));
const sealKey = derive("seal"), keyId = createHash("sha256").update("rigwatch key id").update(sealKey).digest();
const head = Buffer.of(1, ...keyId.subarray(0, 4)), topic = (level) => `rigwatch/v1/${site}/${node}/${level}`;
const bound = (level) => Buffer.concat([head, Buffer.from(topic(level))]); // to this key and this topic (§6)
function seal(level, message) {
  const nonce = randomBytes(12), cipher = createCipheriv("aes-256-gcm", sealKey, nonce).setAAD(bound(level));
  return Buffer.concat([head, nonce, cipher.update(JSON.stringify(message)), cipher.final(), cipher.getAuthTag()]);
}
function open(level, sealed) {
  const cipher = createDecipheriv("aes-256-gcm", sealKey, sealed.subarray(5, 17)).setAAD(bound(level));
  cipher.setAuthTag(sealed.subarray(-16));
  return JSON.parse(Buffer.concat([cipher.update(sealed.subarray(17, -16)), cipher.final()]));
}
const last = existsSync("session") ? Number(readFileSync("session", "utf8")) : 0, session = Math.max(last + 1, Date.now());
writeFileSync("session", `${session}`); // before it is used: it only grows (§7)
const status = (state) => ({ topic: topic("status"), qos: 1, retain: true,
  payload: seal("status", { state, session, host: node, interval: 10 }) });
const fail = (why) => { console.error(`node: ${why}`); process.exit(1); };
const client = mqtt.connect(url, { ca: ca ?? undefined, clientId: `${site}/${node}`, username: `${site}/${node}`, keepalive: 10,
  password: derive("mqtt").toString("base64url"), will: status("lost"), reconnectPeriod: 0 });
const publish = ({ topic, payload, ...options }, then) => client.publish(topic, payload, options, then);
const waiting = new Map();
let ended = false;
const goodbye = () => publish(status("offline"), () => client.removeAllListeners("close").end());
const finish = () => ended && !waiting.size && goodbye();
client.on("error", (error) => fail(error.message)).on("close", () => fail("the broker is gone")).on("connect", () => {
  client.subscribe(topic("ack"));
  publish(status("online"));
  createInterface({ input: process.stdin }).on("line", sample).on("close", () => { ended = true; finish(); });
});
function sample(text) {
  const n = Math.max(Date.now(), ...[...waiting.keys()].map((each) => each + 1));
  waiting.set(n, { n, at: Date.now(), hashrate: Number(text) });
  if (waiting.size > 200) waiting.delete(waiting.keys().next().value);
  const payload = seal("report", { session, sent_at: Date.now(), samples: [...waiting.values()] });
  publish({ topic: topic("report"), qos: 1, payload });
}
client.on("message", (_, payload) => {
  const { n = [], session: current } = open("ack", payload);
  if (!n.length && current > session) { writeFileSync("session", `${current}`); fail("start again"); }
  for (const each of n) if (waiting.delete(each)) console.log(`stored ${each}`);
  finish();
});
