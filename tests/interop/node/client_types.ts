// What pages in TypeScript may do with our client, and what they may not: tsc looks at this file, nothing runs it.
import connect, { io, Manager, type Socket } from "../../../socketio_core/app/browser/client.js";

interface Heard {
  said: (text: string, bytes: ArrayBuffer) => void;
  question: (number: number, answer: (result: number) => void) => void;
}

interface Said {
  say: (text: string, done: (ok: boolean, id: string) => void) => void;
  typing: () => void;
}

const socket: Socket<Heard, Said> = io("/chat", { auth: (give) => give({ token: "t" }), reconnectionDelay: 500 });
socket.on("said", (text, bytes) => text.length + bytes.byteLength);
socket.on("question", (number, answer) => answer(number + 1));
socket.on("connect_error", (error) => console.log(error.message, error.data));
socket.on("disconnect", (reason) => reason === "io server disconnect" && socket.connect());
socket.once("connect", () => console.log(socket.id, socket.recovered));
socket.emit("typing").emit("say", "hello", (ok, id) => console.log(ok === true, id.length));
socket.timeout(500).emit("say", "hello", (error, ok) => console.log(error?.message, ok === true));
socket.volatile.emit("typing");
const answer: Promise<boolean> = socket.emitWithAck("say", "hello");
const sooner: Promise<boolean> = socket.timeout(500).emitWithAck("say", "hello");
socket.io.on("reconnect_attempt", (attempt) => attempt.toFixed());
socket.io.engine.on("upgrade", (transport) => transport.name === "websocket");
socket.io.reconnection(false).reconnectionAttempts(3);

const untyped = connect({ query: { token: "t" }, transports: ["websocket"] });
untyped.on("anything", (value: number) => value);
untyped.emit("anything", 1, { two: [3] }, new Uint8Array(4), (result: string) => result);
new Manager("http://localhost", { withCredentials: true }).socket("/admin").connect();

// @ts-expect-error no such event
socket.emit("shout", "hello");
// @ts-expect-error not of this type
socket.emit("say", 5);
// @ts-expect-error the acknowledgement is given an error first
socket.timeout(500).emit("say", "hello", (ok: boolean) => ok);
// @ts-expect-error no such argument
socket.on("said", (text: number) => text);
// @ts-expect-error the type of the answer
const wrong: Promise<string> = socket.emitWithAck("say", "hello");
// @ts-expect-error no such transport
io({ transports: ["webtransport"] });
// @ts-expect-error read-only
socket.connected = true;
// @ts-expect-error sockets come from io() or a manager
new io.Socket();

export { answer, sooner, wrong };
