// Reads test-vectors.json with nothing but Node.js, from docs/protocol.md alone: a second pair of eyes on the protocol,
// and a start for an implementation of your own. `node read-vectors.mjs [file]` exits with 1 on any difference.
import { createDecipheriv, createCipheriv, createHash, hkdfSync, scryptSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

const SALT = "rigwatch/v1";
const hex = (text) => Buffer.from(text, "hex");
const refuse = (why) => { throw new Error(why); };

// Keys
const derive = (key, info) => Buffer.from(hkdfSync("sha256", key, SALT, info, 32));
const stretch = (passphrase) => [...passphrase].length < 16 ? refuse("passphrase too short")
  : scryptSync(passphrase, SALT, 32, { N: 2 ** 15, r: 8, p: 1, maxmem: 2 ** 26 });
const nodeKeyOf = (v) => derive(hex(v.master), `node/${v.site}/${v.node}/${v.generation}`);
const keyId = (sealKey) => createHash("sha256").update("rigwatch key id").update(sealKey).digest().subarray(0, 4);

// Names, topics, tokens
const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const name = (text) => (NAME.test(text) && !text.endsWith("\n") ? text : refuse("name"));
const CHANNELS = ["status", "report", "ack", "state", "availability", "incident"];
function parseTopic(topic) {
  const [app, version, site, node, channel, ...more] = topic.split("/");
  if (app !== "rigwatch" || version !== "v1" || more.length || !CHANNELS.includes(channel)) refuse("topic");
  return { topic, site: name(site), node: name(node), channel };
}
function parseToken(token) {
  const raw = fromBase64url(token.slice(4));
  if (token.startsWith("rw2.")) return parseShort(token, raw);
  if (!token.startsWith("rw1.")) refuse("prefix");
  const body = JSON.parse(strictText(raw));
  for (const field of ["url", "site", "node", "key"]) if (typeof body[field] !== "string") refuse(field);
  if (fromBase64url(body.key).length !== 32) refuse("key");
  const { url, key, ca } = body;
  return { token, url, site: name(body.site), node: name(body.node), key, ca: ca ?? null, pin: null };
}
function parseShort(token, raw) {
  const body = raw.subarray(0, -4), pin = body.subarray(32, 64);
  const check = createHash("sha256").update("rigwatch token").update(body).digest().subarray(0, 4);
  if (body.length < 64 || !raw.subarray(-4).equals(check)) refuse("check");
  const [id, url] = strictText(body.subarray(64)).split(" "), [site, node, ...more] = id.split("/");
  if (!url || !node || more.length) refuse("text");
  const named = pin.some((each) => each) ? `sha256//${pin.toString("base64")}` : null;
  return { token, url, site: name(site), node: name(node), key: body.toString("base64url", 0, 32), ca: null, pin: named };
}
function fromBase64url(text) {
  const raw = Buffer.from(text, "base64url");
  return raw.toString("base64url") === text ? raw : refuse("base64url");
}
const strictText = (raw) => new TextDecoder("utf-8", { fatal: true }).decode(raw);

// Envelopes
function seal(sealKey, topic, nonce, plain) {
  const header = Buffer.concat([Buffer.of(1), keyId(sealKey)]);
  const cipher = createCipheriv("aes-256-gcm", sealKey, nonce);
  cipher.setAAD(Buffer.concat([header, Buffer.from(topic)]));
  return Buffer.concat([header, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}
function open(sealKey, topic, envelope) {
  if (envelope.length < 33) refuse("too short");
  if (envelope[0] !== 1) refuse("version");
  if (!envelope.subarray(1, 5).equals(keyId(sealKey))) refuse("key id");
  const decipher = createDecipheriv("aes-256-gcm", sealKey, envelope.subarray(5, 17), { authTagLength: 16 });
  decipher.setAAD(Buffer.concat([envelope.subarray(0, 5), Buffer.from(topic)]));
  decipher.setAuthTag(envelope.subarray(-16));
  return strictText(Buffer.concat([decipher.update(envelope.subarray(17, -16)), decipher.final()]));
}

// Messages: each check refuses a wrong value; `?` also lets null through, which means "not known"
const number = (least, most) => (v) => (typeof v === "number" && v >= least && v <= most) || refuse("number");
const integer = (least) => (v) => (Number.isInteger(v) && v >= least && v <= 2 ** 53) || refuse("integer");
const text = (v) => (typeof v === "string" && [...v].length <= 200) || refuse("text");
const flag = (v) => typeof v === "boolean" || refuse("boolean");
const maybe = (check) => (v) => v === null || check(v);
const list = (check, least, most) => (v) =>
  (Array.isArray(v) && v.length >= least && v.length <= most && v.every(check)) || refuse("list");
const record = (fields, required) => (v) => {
  if (v === null || typeof v !== "object" || Array.isArray(v)) refuse("object");
  for (const field of required) if (!Object.hasOwn(v, field)) refuse(`${field} is missing`);
  for (const [field, check] of Object.entries(fields)) if (Object.hasOwn(v, field)) check(v[field]);
  return true;
};
const texts = (v) => (record({}, [])(v) && list(text, 0, 32)(Object.keys(v)) && Object.values(v).every(text)) || refuse("texts");
const rate = maybe(number(0, 1e24)), celsius = maybe(number(-100, 1000)), watts = maybe(number(0, 1e7));
const percent = maybe(number(0, 1000)), count = maybe(integer(0));
const gpu = record({ id: text, name: text, hashrate: rate, temperature: celsius, memory_temperature: celsius,
  power: watts, fan: percent, utilization: percent }, ["id"]);
const board = record({ id: text, active: maybe(flag), hashrate: rate, temperature: celsius, chip_temperature: celsius,
  chips: count, chips_expected: count }, ["id"]);
const fan = record({ id: text, rpm: maybe(number(0, 1e6)) }, ["id"]);
const sample = record({ n: integer(1), at: integer(0), hashrate: rate, peers: count, block: count, block_hash: maybe(text),
  syncing: maybe(flag), accepted: count, rejected: count, stale: count, last_share_at: count, temperature: celsius,
  power: watts, fan: percent, cpu: percent, gpus: maybe(list(gpu, 0, 64)),
  boards: maybe(list(board, 0, 32)), fans: maybe(list(fan, 0, 32)),
  miner: maybe(record({ name: text, version: text }, ["name"])), pool: maybe(text), uptime: maybe(number(0, 1e11)),
  errors: texts }, ["n", "at"]);
const KINDS = {
  status: record({ state: (v) => ["online", "lost", "offline"].includes(v) || refuse("state"), session: integer(1),
    host: text, name: text, version: text, interval: number(0.1, 86400), sources: list(text, 0, 32),
    tags: list(text, 0, 32), reason: text }, ["state", "session"]),
  report: record({ session: integer(1), sent_at: integer(0), samples: list(sample, 1, 500) },
    ["session", "sent_at", "samples"]),
  ack: record({ session: integer(1), n: list(integer(1), 0, 500) }, ["session"]),
};
function read(kind, plain) {
  // A language whose numbers are doubles cannot tell 2^53 + 1 from 2^53, so it looks at the digits.
  for (const digits of plain.match(/(?<=[[:,]\s*)\d{16,}(?=\s*[\],}])/g) ?? []) if (BigInt(digits) > 2n ** 53n) refuse("2^53");
  return KINDS[kind](JSON.parse(plain));
}

// The comparison
const vectors = JSON.parse(readFileSync(process.argv[2] ?? new URL("test-vectors.json", import.meta.url), "utf8"));
let compared = 0, differences = 0;
function report(what, fine) {
  compared += 1;
  if (!fine) { differences += 1; console.error(`differs: ${what}`); }
}
function each(what, items, check) {
  report(`${what}: there are some`, Array.isArray(items) && items.length > 0);
  (items ?? []).forEach((item, at) => {
    let fine = false;
    try { fine = check(item); } catch { /* refused, so not as it should be */ }
    report(`${what} ${at + 1}`, fine);
  });
}
const refused = (action) => (item) => { try { action(item); } catch { return true; } return false; };
const sealKeyOf = (v) => derive(nodeKeyOf(v), "seal");

each("passphrase", vectors.passphrases, (v) => stretch(v.passphrase).equals(hex(v.master)));
each("node key", vectors.node_keys, (v) => {
  const key = nodeKeyOf(v), sealKey = derive(key, "seal");
  return isDeepStrictEqual({ ...v, node_key: key.toString("hex"), encoded: key.toString("base64url"),
    seal_key: sealKey.toString("hex"), key_id: keyId(sealKey).toString("hex"), mqtt_user: `${v.site}/${v.node}`,
    mqtt_password: derive(key, "mqtt").toString("base64url") }, v);
});
each("service", vectors.services, (v) => derive(hex(v.master), `service/${v.name}`).toString("base64url") === v.password);
each("token", vectors.tokens.valid, (v) => isDeepStrictEqual(parseToken(v.token), v));
each("refused token", vectors.tokens.invalid, refused(parseToken));
each("name", vectors.names.valid, (v) => name(v) === v);
each("refused name", vectors.names.invalid, refused(name));
each("topic", vectors.topics.valid, (v) => isDeepStrictEqual(parseTopic(v.topic), v));
each("refused topic", vectors.topics.invalid, refused(parseTopic));
each("message", vectors.messages.valid, (v) => read(v.kind, v.plain));
each("refused message", vectors.messages.invalid, refused((v) => read(v.kind, v.plain)));
each("envelope", vectors.envelopes.valid, (v) => open(sealKeyOf(v), v.topic, hex(v.envelope)) === v.plain
  && seal(sealKeyOf(v), v.topic, hex(v.nonce), v.plain).equals(hex(v.envelope))
  && read(parseTopic(v.topic).channel, v.plain));
each("refused envelope", vectors.envelopes.invalid, refused((v) => open(sealKeyOf(v), v.topic, hex(v.envelope))));

console.log(`${compared} comparisons, ${differences} differences`);
process.exitCode = differences ? 1 : 0;
