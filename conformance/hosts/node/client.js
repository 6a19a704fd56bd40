// The reference client, keeping the contract of conformance/README.md: commands come as JSON lines, reports go out.
import { createInterface } from "node:readline";
import { Manager } from "socket.io-client";

const clients = new Map();

function toJson(value) {
  if (Buffer.isBuffer(value)) return { $bytes: value.toString("base64") };
  if (Array.isArray(value)) return value.map(toJson);
  if (value !== null && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)]));
  return value;
}

function fromJson(value) {
  if (Array.isArray(value)) return value.map(fromJson);
  if (value === null || typeof value !== "object") return value;
  if (Object.keys(value).join() === "$bytes") return Buffer.from(value.$bytes, "base64");
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromJson(item)]));
}

function say(report) {
  process.stdout.write(JSON.stringify(toJson(report)) + "\n");
}

function join(client, id, nsp, auth) {
  const socket = client.manager.socket(nsp, { auth, ...client.retry });
  client.sockets.set(nsp, socket);
  socket.on("connect", () => say({ event: "connect", id, nsp, sid: socket.id, recovered: Boolean(socket.recovered) }));
  socket.on("disconnect", (reason) => say({ event: "disconnect", id, nsp, reason }));
  socket.on("connect_error", (error) => say({ event: "connect_error", id, nsp, message: error.message, data: error.data ?? null }));
  socket.onAny((name, ...args) => {
    const done = typeof args.at(-1) === "function" ? args.pop() : null;
    say({ event: "received", id, nsp, name, args });
    if (done) done(...args);
  });
  socket.connect();
}

function open({ id, url, transports, auth, options }) {
  const manager = new Manager(url, {
    transports,
    autoConnect: false,
    reconnection: options.reconnection,
    reconnectionDelay: 50,
    reconnectionDelayMax: 100,
    randomizationFactor: 0,
    query: options.query,
    extraHeaders: options.headers,
    withCredentials: true,
  });
  const retry = options.retries ? { retries: options.retries, ackTimeout: options.ack_timeout_ms } : {};
  const client = { manager, sockets: new Map(), retry };
  clients.set(id, client);
  join(client, id, "/", auth);
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const command = fromJson(JSON.parse(line));
  if (command.do === "open") return open(command);
  const client = clients.get(command.id);
  const { id, nsp = "/", name, args = [] } = command;
  const socket = client.sockets.get(nsp);
  if (command.do === "join") join(client, id, nsp, command.auth);
  else if (command.do === "emit") (command.volatile ? socket.volatile : socket).emit(name, ...args);
  else if (command.do === "call")
    socket.timeout(command.timeout_ms).emit(name, ...args, (error, ...answer) =>
      say(error ? { event: "ack_failed", id, nsp, call: command.call } : { event: "ack", id, nsp, call: command.call, args: answer }));
  else if (command.do === "leave") socket.disconnect();
  else if (command.do === "close") {
    for (const each of client.sockets.values()) each.disconnect();
    setTimeout(() => say({ event: "closed", id }), 20);
  }
}).on("close", () => process.exit(0));
