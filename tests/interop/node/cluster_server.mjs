// A server of Node in a cluster, with one client of its own: node server.mjs KIND SOCKET [PACKAGE [PASSWORD]]; PACKAGE is
// its client of Redis, redis or ioredis. What the client hears, and the server from others, is said in lines of JSON;
// bytes as {"$bytes": base64}. It ends with its input, and does what lines of that say, {"id": 1, "do": "emit", "args":
// ["x"]}, as `tests/cluster/member.py` does. It has more official clients, to other servers, if it is told so:
// {"id": 2, "do": "connect", "url": "http://…", "name": "ann"}.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import { Server } from "socket.io";
import { io as connect } from "socket.io-client";

const [kind, path, packageName = "redis", given] = process.argv.slice(2);
const password = given || undefined;

const plain = (value) => {
  if (Buffer.isBuffer(value)) return { $bytes: value.toString("base64") };
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
};
const revive = (value) => {
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.$bytes === "string") return Buffer.from(value.$bytes, "base64");
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, revive(each)]));
};
const say = (message) => console.log(JSON.stringify(plain(message)));

const { createClient, Redis } = await import(packageName);
const newClient = async () => {
  const client = packageName === "redis" ? createClient({ socket: { path }, password }) : new Redis({ path, password, lazyConnect: true });
  client.on("error", (error) => say({ error: error.message }));
  await client.connect();
  return client;
};

const [first, second] = await Promise.all([newClient(), newClient()]);
const adapters = {
  classic: () => createAdapter(first, second),
  sharded: () => createShardedAdapter(first, second),
  streams: () => createStreamsAdapter(first),
  recovery: () => createStreamsAdapter(first),
};
const http = createServer();
const io = new Server(http, {
  adapter: adapters[kind](),
  connectionStateRecovery: kind === "recovery" ? { maxDisconnectionDuration: 120000 } : undefined,
});
io.on("ping", (...args) => {
  const ack = typeof args.at(-1) === "function" ? args.pop() : null;
  say({ heard: ["server", "ping", ...args] });
  ack?.(["pong", ...args]);
});
io.on("connection", (socket) => {
  socket.join("r");
  socket.data.of = "node";
  // Once this has come back to it, others can reach it too.
  socket.emit("hello there");
});

http.listen(0, "127.0.0.1", () => {
  const url = `http://127.0.0.1:${http.address().port}`;
  const client = connect(url, { transports: ["websocket"] });
  client.onAny((...args) => (args[0] === "hello there" ? say({ ready: true, sid: client.id, url }) : say({ heard: heardOf(args) })));
  client.on("q", (...args) => args.at(-1)?.("node"));
  client.on("disconnect", (reason) => say({ heard: ["gone", reason] }));
});

// Offsets of recovery, by a stream or by one server alone, come behind the arguments.
const isOffset = (arg) => kind === "recovery" && typeof arg === "string" && /^(\d+-|[\w-]+\.)\d+$/.test(arg);
const heardOf = (args) => {
  const heard = args.filter((arg) => typeof arg !== "function");
  return isOffset(heard.at(-1)) ? heard.slice(0, -1) : heard;
};

const clients = new Map();
const clientOf = (url, name) =>
  new Promise((resolve) => {
    const client = connect(url, { transports: ["websocket"], forceNew: true, auth: { name } });
    clients.set(name, client);
    client.onAny((...args) => (args[0] === "hello there" ? resolve(client.id) : say({ client: name, heard: heardOf(args) })));
    client.on("q", (...args) => args.at(-1)?.(name));
    client.on("disconnect", (reason) => say({ client: name, heard: ["gone", reason] }));
  });

const lose = (client) => {
  client.io.reconnection(false);
  client.io.engine.close();
};

const comeBack = (client, url) =>
  new Promise((resolve) => {
    client.io.uri = url;
    client.once("connect", () => resolve({ recovered: client.recovered, sid: client.id }));
    client.connect();
  });

const described = ({ id, rooms, data, handshake }) => ({
  id,
  rooms: [...rooms].sort(),
  data,
  headers: Object.keys(handshake.headers).sort(),
  auth: handshake.auth,
  issued: handshake.issued,
});

const asked = (ask) =>
  new Promise((resolve) => ask((error, partial) => resolve(error ? { error: error.message, partial } : { result: partial })));

const obey = async (command) => {
  let chosen = io.except(command.except ?? []);
  if (command.to !== undefined) chosen = chosen.to(command.to);
  if (command.volatile) chosen = chosen.volatile;
  const { args = [], rooms, timeout = 5 } = command;
  switch (command.do) {
    case "emit":
      return { result: chosen.emit(...args) };
    case "call":
      return asked((done) => chosen.timeout(timeout * 1000).emit(...args, done));
    case "fetch":
      return { result: (await chosen.fetchSockets()).map(described) };
    case "each": {
      const sockets = await chosen.fetchSockets();
      return { result: await Promise.all(sockets.map((socket) => socket.timeout(timeout * 1000).emitWithAck(...args))) };
    }
    case "join":
      return { result: chosen.socketsJoin(rooms) };
    case "leave":
      return { result: chosen.socketsLeave(rooms) };
    case "disconnect":
      return { result: chosen.disconnectSockets() };
    case "rooms":
      return { result: [...(await io.of("/").adapter.allRooms())].sort() };
    case "tell servers":
      return { result: io.serverSideEmit(...args) };
    case "ask servers":
      return asked((done) => io.serverSideEmit(...args, done));
    case "lose":
      return { result: lose(clients.get(command.name)) };
    case "come back":
      return { result: await comeBack(clients.get(command.name), command.url) };
    case "connect":
      return { result: await clientOf(command.url, command.name) };
  }
};

createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const command = revive(JSON.parse(line));
    try {
      say({ id: command.id, ...(await obey(command)) });
    } catch (error) {
      say({ id: command.id, error: error.message });
    }
  })
  .on("close", () => process.exit(0));
