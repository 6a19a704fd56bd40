// The official client, driven by JSON lines: commands on standard input, answers and what happens on standard output.
// Python says what to do and judges the outcome; nothing is decided here.
import { createInterface } from "node:readline";
import { Manager, NodeWebSocket, NodeXHR } from "socket.io-client";

const connections = new Map(); // name -> { manager, sockets: Map(nsp -> socket) }

const encode = (value) => {
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return value.map(encode);
  if (value && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, encode(item)]));
  return value;
};

const decode = (value) => {
  if (Array.isArray(value)) return value.map(decode);
  if (value && typeof value === "object") {
    const keys = Object.keys(value);
    if (keys.length === 1 && keys[0] === "$bytes") return Buffer.from(value.$bytes, "base64");
    return Object.fromEntries(keys.map((key) => [key, decode(value[key])]));
  }
  return value;
};

const print = (message) => process.stdout.write(JSON.stringify(message) + "\n");

const report = (connection, nsp, kind, ...args) => print({ connection, nsp, kind, args: encode(args) });

function follow(name, nsp, socket) {
  socket.on("connect", () => report(name, nsp, "connect", socket.id));
  socket.on("connect_error", (error) => report(name, nsp, "connect_error", error.message, error.data ?? null));
  socket.on("disconnect", (reason) => report(name, nsp, "disconnect", reason));
  socket.on("question", (...args) => args.pop()(...args));
  socket.onAny((event, ...args) => {
    if (event !== "question" && event !== "number") report(name, nsp, event, ...args);
  });
}

function connect({ connection, url, namespaces, transports, auth, query, reconnection, later, credentials }) {
  const manager = new Manager(url, {
    transports,
    query,
    reconnection,
    withCredentials: credentials,
    reconnectionDelay: 50,
    reconnectionDelayMax: 200,
    autoConnect: false,
  });
  const sockets = new Map();
  for (const nsp of namespaces) {
    const socket = manager.socket(nsp, { auth });
    follow(connection, nsp, socket);
    sockets.set(nsp, socket);
  }
  connections.set(connection, { manager, sockets });
  if (!later) for (const socket of sockets.values()) socket.connect();
}

// Connects, then sends numbers both ways, a few each millisecond. An upgrade begins when a part of them has come by
// polling, and the numbers go on all through it; the last ones are sent only once it is done.
async function exchange(socket, { total, chunk }) {
  const { opts } = socket.io;
  const upgrades = opts.transports.length > 1;
  let beginUpgrade;
  const mayUpgrade = new Promise((resolve) => (beginUpgrade = resolve));
  class LateWebSocket extends NodeWebSocket {
    doOpen() {
      mayUpgrade.then(() => super.doOpen());
    }
  }
  if (upgrades) opts.transports = [NodeXHR, LateWebSocket];
  const got = [];
  let sent = 0;
  let upgradedAfter = null;
  await new Promise((resolve) => {
    socket.on("connect", resolve);
    socket.connect();
  });
  const { engine } = socket.io;
  const startedOn = engine.transport.name;
  engine.on("upgrade", () => (upgradedAfter = { sent, got: got.length }));
  await new Promise((resolve) => {
    socket.on("number", (value) => {
      got.push(value);
      if (got.length >= total / 5) beginUpgrade();
      if (got.length >= total) resolve();
    });
    const step = () => {
      const until = Math.min(upgrades && upgradedAfter === null ? total - chunk : total, sent + chunk);
      if (until > sent) {
        socket.emit("numbers please", sent, until - sent);
        while (sent < until) socket.emit("number", sent++);
      }
      if (sent < total) setTimeout(step, 1);
    };
    step();
  });
  const reported = await socket.emitWithAck("numbers you got");
  return { got, reported, startedOn, upgradedAfter, endedOn: engine.transport.name };
}

const actions = {
  connect,
  exchange: (command) => exchange(find(command), command),
  emit: (command) => void find(command).emit(command.event, ...decode(command.args)),
  call: (command) =>
    new Promise((resolve, reject) =>
      find(command)
        .timeout(command.timeout_ms)
        .emit(command.event, ...decode(command.args), (error, ...values) => (error ? reject(error) : resolve(values))),
    ),
  disconnect: (command) => void find(command).disconnect(),
  reopen: (command) => void find(command).connect(),
  recovered: (command) => find(command).recovered,
  // As if another server had let it in, or the one before.
  claim: (command) => void Object.assign(find(command), { _pid: command.pid, _lastOffset: command.offset }),
  watch_frames: ({ connection }) => {
    const known = connections.get(connection);
    known.read = [];
    known.manager.engine.transport.ws._socket.on("data", (chunk) => known.read.push(chunk));
  },
  // Of each WebSocket frame since then, whether it was compressed.
  compressed: ({ connection }) => {
    const bytes = Buffer.concat(connections.get(connection).read);
    const found = [];
    for (let at = 0; at < bytes.length; ) {
      found.push((bytes[at] & 0x40) !== 0);
      const size = bytes[at + 1];
      at += size < 126 ? 2 + size : 4 + bytes.readUInt16BE(at + 2);
    }
    return found;
  },
  close_engine: ({ connection }) => void connections.get(connection).manager.engine.close(),
  transport: ({ connection }) => connections.get(connection).manager.engine.transport.name,
  upgraded: ({ connection }) => {
    const { engine } = connections.get(connection).manager;
    return new Promise((resolve) => {
      if (engine.transport.name === "websocket") resolve(true);
      else engine.once("upgrade", () => resolve(true));
    });
  },
  forget: ({ connection }) => {
    const known = connections.get(connection);
    known.manager.reconnection(false);
    for (const socket of known.sockets.values()) {
      socket.removeAllListeners();
      socket.offAny();
      socket.disconnect();
    }
    connections.delete(connection);
  },
};

const find = ({ connection, nsp }) => connections.get(connection).sockets.get(nsp);

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  Promise.resolve()
    .then(() => actions[command.do](command))
    .then(
      (result) => print({ answer: command.id, result: encode(result ?? null) }),
      (error) => print({ answer: command.id, error: String(error) }),
    );
}
process.exit(0);
