// The contract of the conformance suite on the reference implementation. Arguments: the port.
import { createServer } from "node:http";
import { Server as EngineServer } from "engine.io";
import { Server } from "socket.io";

const times = process.env.CONFORMANCE_TIMES ?? "300 200 500 1000";
const [pingInterval, pingTimeout, upgradeTimeout, connectTimeout] = times.split(" ").map(Number);

const options = {
  pingInterval,
  pingTimeout,
  upgradeTimeout,
  maxHttpBufferSize: 1_000_000,
  connectTimeout,
  cors: { origin: ["http://allowed.example"], credentials: true },
  allowRequest: (request, decide) => decide(null, request._query.forbidden !== "1"),
  destroyUpgrade: false, // two engines share the server: neither may end what it does not own
};

const notFound = (request, response) => response.writeHead(404).end();
const main = createServer(notFound);

const echo = new EngineServer(options);
echo.attach(main, { path: "/engine.io", destroyUpgrade: false });
echo.on("connection", (socket) =>
  socket.on("message", (data) => (data === "close me" ? socket.close() : socket.send(data))),
);

const io = new Server(main, options);
const lasting = new Server(main, { ...options, path: "/recovery/", connectionStateRecovery: {} });
const names = ["/", "/custom", "/slow", "/refused", "/greeting", "/farewell", "/unwelcome", "/apart", "/guarded"];
for (const nsp of [lasting.of("/"), ...names.map((name) => io.of(name))]) {
  nsp.on("connection", (socket) => {
    socket.emit("auth", socket.handshake.auth);
    socket.on("message", (...args) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args) => args.pop()(...args));
    socket.on("ask", (...args) =>
      socket.timeout(10_000).emit("question", ...args, (error, ...answer) => error || socket.emit("answer", ...answer)),
    );
    socket.on("burst", (count) => {
      for (let number = 0; number < count; number++) socket.emit("number", number);
    });
    socket.on("join", (room, acknowledge) => {
      socket.join(room);
      acknowledge?.();
    });
    socket.on("tell", (room, ...args) => socket.to(room).emit("told", ...args));
    socket.on("leave", () => socket.disconnect());
    socket.on("close", () => socket.disconnect(true));
  });
}
io.of("/slow").use((socket, next) => setTimeout(next, 200));
io.of("/greeting").use((socket, next) => next(void socket.emit("hello")));
io.of("/unwelcome").use((socket, next) => next(void socket.disconnect()));
const refusal = () => Object.assign(new Error("not allowed"), { data: { code: 42 } });
io.of("/refused").use((socket, next) => next(refusal()));
io.of("/farewell").use((socket, next) => {
  socket.emit("goodbye");
  next(refusal());
});
io.of("/guarded").use((socket, next) => {
  socket.use(([, first], pass) => (first === "wait" ? setTimeout(pass, 100) : pass()));
  next();
});

// The same server on the other loopback address, where there is one.
main.listen(Number(process.argv[2]), "127.0.0.1", () => {
  const { port } = main.address();
  const second = createServer((request, response) => main.emit("request", request, response));
  second.on("upgrade", (request, socket, head) => main.emit("upgrade", request, socket, head));
  const ready = (urls) => console.log(`serving node at ${urls.join(" and ")}`);
  second.on("error", () => ready([`http://127.0.0.1:${port}`]));
  second.listen(port, "::1", () => ready([`http://127.0.0.1:${port}`, `http://[::1]:${port}`]));
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));
