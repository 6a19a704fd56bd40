// The reference: npm's socket.io on ws. Arguments: `--ping-interval SECONDS`, then `--deflate`, `--middleware`,
// `--recovery` and `--redis PATH` for an adapter, or not.
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const redisAt = process.argv.indexOf("--redis");
const connected = () => createClient({ socket: { path: process.argv[redisAt + 1] } }).connect();

const http = createServer();
const io = new Server(http, {
  pingInterval: Number(process.argv[3] ?? 25) * 1000,
  perMessageDeflate: process.argv.includes("--deflate"),
  serveClient: false,
  adapter: redisAt > 0 ? createAdapter(await connected(), await connected()) : undefined,
  ...(process.argv.includes("--recovery") && { connectionStateRecovery: {} }),
});

const guards = process.argv.includes("--middleware");

io.on("connection", (socket) => {
  if (guards) socket.use((packet, next) => next());
  socket.on("echo", (...args) => socket.emit("echo", ...args));
  socket.on("ack", (...args) => args.pop()(...args));
  socket.on("broadcast", (...args) => io.emit("message", ...args));
  socket.on("local", (...args) => io.local.emit("message", ...args));
});

http.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, () => console.log(http.address().port));
