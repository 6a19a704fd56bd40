// A server of Node in a cluster, with one client of its own: node server.mjs KIND SOCKET [PASSWORD]. What the client
// hears, and the server from others, is said in lines of JSON; bytes as {"$bytes": base64}. It ends with its input.
import { createServer } from "node:http";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { io as connect } from "socket.io-client";

const [kind, path, password] = process.argv.slice(2);

const plain = (value) => {
  if (Buffer.isBuffer(value)) return { $bytes: value.toString("base64") };
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
};
const say = (message) => console.log(JSON.stringify(plain(message)));

const newClient = async () => {
  const client = createClient({ socket: { path }, password });
  client.on("error", (error) => say({ error: error.message }));
  await client.connect();
  return client;
};

const [first, second] = await Promise.all([newClient(), newClient()]);
const adapters = {
  classic: () => createAdapter(first, second),
  sharded: () => createShardedAdapter(first, second),
  streams: () => createStreamsAdapter(first),
};
const http = createServer();
const io = new Server(http, { adapter: adapters[kind]() });
io.on("ping", (...args) => say({ heard: ["server", "ping", ...args] }));
io.on("connection", (socket) => {
  socket.join("r");
  // Once this has come back to it, others can reach it too.
  socket.emit("hello there");
});

http.listen(0, "127.0.0.1", () => {
  const client = connect(`http://127.0.0.1:${http.address().port}`, { transports: ["websocket"] });
  client.onAny((...args) => (args[0] === "hello there" ? say({ ready: true }) : say({ heard: args })));
  client.on("disconnect", (reason) => say({ heard: ["gone", reason] }));
});

process.stdin.on("end", () => process.exit(0)).resume();
