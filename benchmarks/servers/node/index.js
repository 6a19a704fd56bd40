// The reference: npm's socket.io on ws. Arguments: `--ping-interval SECONDS`, then `--deflate` and `--middleware`, or not.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, {
  pingInterval: Number(process.argv[3] ?? 25) * 1000,
  perMessageDeflate: process.argv.includes("--deflate"),
  serveClient: false,
});

const guards = process.argv.includes("--middleware");

io.on("connection", (socket) => {
  if (guards) socket.use((packet, next) => next());
  socket.on("echo", (...args) => socket.emit("echo", ...args));
  socket.on("ack", (...args) => args.pop()(...args));
  socket.on("broadcast", (...args) => io.emit("message", ...args));
});

http.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, () => console.log(http.address().port));
