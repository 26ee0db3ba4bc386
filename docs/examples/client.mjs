// A client in another language, written from docs/protocol.md and `trio-chat schema` alone.
//
//   trio-chat schema > schema.json
//   printf 'hello\nsee you\n' | node client.mjs 127.0.0.1 7373 alice schema.json
//
// Each line of stdin is said in the lobby, once, whatever happens to the link: it is sent again, with
// its id, until it is answered. What others say is printed. At the end of stdin it leaves.

import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { createInterface } from "node:readline";

const [host, port, nick, schemaFile] = process.argv.slice(2);
const schema = JSON.parse(readFileSync(schemaFile, "utf8"));
const waiting = new Map(); // id -> text, of what has no `done` yet
const seen = {}; // room -> the highest seq, for the resume
let session = null;
let socket = null;
let isOnline = false;
let isAtEnd = false;
let count = 0;

const send = (request) => socket.write(`${JSON.stringify(request)}\n`);
const say = (id) => send({ type: "input", id, room: "lobby", text: waiting.get(id) });

function fits(event) {
  // Events of a type that the schema does not know are ignored, and so are fields.
  const reference = schema.$defs.event.discriminator.mapping[event.type];
  if (reference === undefined) return false;
  const missing = schema.$defs[reference.slice("#/$defs/".length)].required.filter((field) => !(field in event));
  if (missing.length) throw new Error(`${event.type} without ${missing}`);
  return true;
}

function take(event) {
  if (!fits(event)) return;
  if (event.type === "welcome") session = event.session;
  else if (event.type === "said") hear(event);
  else if (event.type === "backlog") event.events.filter((one) => one.type === "said").forEach(hear);
  else if (event.type === "done" && event.id === "hello") online();
  else if (event.type === "done") waiting.delete(event.id);
  else if (event.type === "error") refused(event);
  leaveIfDone();
}

function hear(said) {
  if (said.seq <= (seen[said.room] ?? 0)) return;
  seen[said.room] = said.seq;
  process.stdout.write(`${said.room} <${said.from}> ${said.text}\n`);
}

function online() {
  isOnline = true;
  for (const id of waiting.keys()) say(id);
}

function refused(error) {
  if (error.id === "hello") throw new Error(error.message);
  if (error.retry_after !== undefined) setTimeout(() => isOnline && say(error.id), error.retry_after * 1000);
  else waiting.delete(error.id) && process.stderr.write(`${error.message}\n`);
}

function leaveIfDone() {
  if (isAtEnd && isOnline && waiting.size === 0) send({ type: "input", text: "/quit" });
}

function link() {
  const resume = session ? { resume: { session, rooms: seen } } : {};
  socket = connect(Number(port), host, () => send({ type: "hello", id: "hello", protocol: 1, nick, ...resume }));
  let rest = "";
  socket.setEncoding("utf8").on("data", (chunk) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    lines.forEach((line) => take(JSON.parse(line)));
  });
  socket.on("error", () => {}); // `close` follows
  socket.on("close", () => {
    isOnline = false;
    if (!isAtEnd || waiting.size) setTimeout(link, 200);
  });
}

link();
createInterface({ input: process.stdin })
  .on("line", (text) => waiting.set(`line-${++count}`, text) && isOnline && say(`line-${count}`))
  .on("close", () => ((isAtEnd = true), leaveIfDone()));
