// The official server for our client's tests. Options come as JSON in the first argument, reports go out as JSON lines,
// bytes as {"$bytes": base64}; it ends when its standard input does.
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { Server } from "socket.io";

const options = JSON.parse(process.argv[2]);

function toJson(value) {
  if (Buffer.isBuffer(value)) return { $bytes: value.toString("base64") };
  if (Array.isArray(value)) return value.map(toJson);
  if (value !== null && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)]));
  return value;
}

function say(message) {
  process.stdout.write(JSON.stringify(toJson(message)) + "\n");
}

const secret = options.certificate && readFileSync(options.certificate);
const httpServer = secret ? https.createServer({ key: secret, cert: secret }) : http.createServer();
const io = new Server(httpServer, options.settings);

function handle(nsp) {
  nsp.on("connection", (socket) => {
    const { auth, query, headers } = socket.handshake;
    say({ event: "connected", nsp: nsp.name, sid: socket.id, auth, query, header: headers["x-test"] ?? null, recovered: socket.recovered });
    const numbers = [];
    socket.on("echo", (...args) => socket.emit("echoed", ...args));
    socket.on("echo with ack", (...args) => args.pop()(...args));
    socket.on("ask", (...args) => socket.timeout(10000).emit("question", ...args, (error, ...answer) => {
      // With a timeout only the first argument of an answer arrives here.
      socket.emit("answered", error === null, ...answer);
    }));
    socket.on("join", (room, done) => { socket.join(room); done(); });
    socket.on("tell", (room, ...args) => socket.to(room).emit("told", ...args));
    socket.on("burst", (count) => { for (let i = 0; i < count; i++) socket.emit("number", i); });
    socket.on("number", (number) => numbers.push(number));
    socket.on("numbers", (done) => done(numbers));
    socket.on("reliable", (number, done) => { say({ event: "reliable", number }); done(); });
    socket.on("leave", () => socket.disconnect());
    socket.on("close", () => socket.disconnect(true));
    socket.on("transport", (done) => done(socket.conn.transport.name, String(socket.conn.transport.socket?.extensions ?? "").includes("permessage-deflate")));
    socket.on("break", () => {
      socket.on("disconnect", () => { for (let i = 0; i < 3; i++) nsp.emit("missed", `number ${i}`); });
      socket.conn.close();
    });
    socket.on("disconnect", (reason) => say({ event: "left", nsp: nsp.name, sid: socket.id, reason }));
  });
}

handle(io.of("/"));
handle(io.of("/admin"));
io.of("/refused").use((socket, next) => {
  const error = new Error("not you");
  error.data = { code: 42, auth: socket.handshake.auth };
  next(error);
});

httpServer.listen(options.port, "127.0.0.1", () => say({ event: "listening", port: httpServer.address().port }));
process.stdin.on("end", () => process.exit(0)).resume();
