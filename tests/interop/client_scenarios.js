// What pages do with a client, and what they see of it: run with ours and with npm's, which must see the same.
const next = (emitter, name) => new Promise((resolve) => emitter.once(name, (...args) => resolve(args)));
const soon = () => new Promise((resolve) => setTimeout(resolve, 50));
const fresh = (nsp = "/", options = {}) => io(nsp, { forceNew: true, ...options });
/** End the connection below; npm's client first waits until what was sent has left. */
const lost = (socket) => {
  const disconnected = next(socket, "disconnect");
  socket.io.engine.close();
  return disconnected;
};
const bytesOf = (value) => (value instanceof ArrayBuffer ? [...new Uint8Array(value)] : value);

/** Note the names and first arguments of events. */
function watch(emitter, names, seen = []) {
  for (const name of names) emitter.on(name, (what) => seen.push(`${name}: ${what instanceof Error ? what.message : what}`));
  return seen;
}

globalThis.scenarios = {
  async namespaces_share_a_connection() {
    const [chat, root] = [io("/chat", { autoConnect: false }), fresh()];
    const again = io("/chat", { autoConnect: false });
    const both = [io({ forceNew: true }), io(location.origin, { multiplex: false })];
    const found = [chat.nsp, root.nsp, chat.io === root.io, chat.io === again.io, root.io.socket("/") === root];
    const more = [both.map(({ nsp }) => nsp), io === io.connect, io === io.io, typeof io.Manager, typeof io.Socket];
    const joined = root.io.socket("/chat");
    await next(joined, "connect");
    found.push(await joined.emitWithAck("reflect", "there"), joined.id !== root.id);
    for (const socket of [...both, root, joined]) socket.disconnect();
    return [...found, ...more];
  },

  async addresses_are_understood() {
    const { host, origin } = location;
    const addresses = ["", "/chat", host, `//${host}/chat`, `ws://${host}/chat?token=a%20b`, `${origin}/`, "/é ü"];
    const options = { forceNew: true, autoConnect: false };
    return addresses.map((address) => io(address, options).nsp);
  },

  async query_comes_with_the_handshake() {
    const sockets = [fresh("/?token=a%20b"), fresh("/", { query: { token: "é&=" } })];
    sockets.push(fresh("/?token=wins", { query: { token: "lost" } }));
    const welcomes = await Promise.all(sockets.map((socket) => next(socket, "welcome")));
    for (const socket of sockets) socket.disconnect();
    return welcomes.map(([{ token }]) => token);
  },

  async answers_come_back() {
    const socket = fresh();
    const all = await new Promise((resolve) => socket.emit("reflect", 1, "zwei", [3], (...answer) => resolve(answer)));
    const first = await socket.emitWithAck("reflect", { a: null }, 2);
    const inTime = await new Promise((resolve) => socket.timeout(60000).emit("reflect", 1, (...answer) => resolve(answer)));
    const late = await new Promise((resolve) => socket.timeout(30).emit("nobody answers", (...answer) => resolve(answer.map(String))));
    const refused = await socket.timeout(30).emitWithAck("nobody answers").catch(String);
    socket.on("question", (number, answer) => (answer(number + 1), answer("too often")));
    socket.emit("ask", 41);
    const [answered] = await next(socket, "answered");
    socket.disconnect();
    return [all, first, inTime, late, refused, answered];
  },

  async acks_fail_with_the_connection() {
    const socket = fresh("/", { reconnection: false });
    await next(socket, "connect");
    const answers = [];
    socket.timeout(5000).emit("nobody answers", (error) => answers.push(String(error)));
    const promised = socket.emitWithAck("nobody answers").catch(String);
    socket.emit("nobody answers", () => answers.push("never"));
    await soon();
    await lost(socket);
    socket.timeout(30).emit("kept", (error) => answers.push(String(error)));
    answers.push(await promised);
    await soon();
    return answers;
  },

  async bytes_of_all_kinds() {
    const socket = fresh();
    const bytes = Uint8Array.from({ length: 300 }, (_, index) => index);
    const kinds = [bytes, bytes.subarray(10, 13), bytes.buffer.slice(0, 2), new DataView(bytes.buffer, 1, 2)];
    kinds.push(new Blob(["é"]), new Uint16Array([258]));
    const found = [];
    for (const transports of [["polling"], ["websocket"]]) {
      const one = fresh("/", { transports });
      for (const kind of kinds) found.push(bytesOf(await one.emitWithAck("reflect", kind)));
      const inside = { date: new Date(0), nothing: undefined, bytes: kinds[2] };
      const deep = await one.emitWithAck("reflect", { list: [kinds[1], inside] });
      found.push(bytesOf(deep.list[0]), bytesOf(deep.list[1].bytes), deep.list[1].date, Object.keys(deep.list[1]));
      one.disconnect();
    }
    socket.disconnect();
    return found;
  },

  async refusals_are_final() {
    const socket = fresh("/private", { auth: { token: "bad" } });
    const [error] = await next(socket, "connect_error");
    const found = [error.message, error.data, socket.active, socket.connected, error instanceof Error];
    socket.auth = (give) => give({ token: "good" });
    socket.connect();
    const [welcome] = await next(socket, "welcome");
    const nowhere = fresh("/nowhere");
    const [unknown] = await next(nowhere, "connect_error");
    for (const each of [socket, nowhere]) each.disconnect();
    return [...found, welcome.auth, unknown.message, nowhere.active];
  },

  async goodbyes_have_reasons() {
    const found = [];
    for (const event of ["kick me", "drop me"]) {
      const socket = fresh();
      await next(socket, "connect");
      socket.emit(event);
      const [reason] = await next(socket, "disconnect");
      found.push(reason, socket.active, socket.connected, socket.disconnected, socket.id);
      socket.connect();
      await next(socket, "connect");
      found.push(socket.active, socket.connected, typeof socket.id);
      const reasons = watch(socket, ["disconnect"]);
      socket.disconnect();
      found.push(...reasons, socket.active);
    }
    return found;
  },

  async connection_comes_back() {
    const socket = fresh("/", { reconnectionDelay: 20, randomizationFactor: 0 });
    const seen = watch(socket, ["disconnect"]);
    await next(socket, "connect");
    const before = socket.id;
    watch(socket.io, ["reconnect_attempt", "reconnect", "reconnect_error", "close"], seen);
    await lost(socket);
    const state = [socket.active, socket.connected];
    for (const number of [1, 2, 3]) socket.emit("number", number);
    await next(socket, "connect");
    const numbers = await socket.emitWithAck("numbers you got");
    const isOther = before !== socket.id;
    socket.disconnect();
    return [seen.sort(), state, numbers, isOther, Boolean(socket.recovered)];
  },

  async attempts_are_counted() {
    const found = [];
    for (const transports of [["polling"], ["websocket"]]) {
      const options = { transports, reconnectionDelay: 10, reconnectionDelayMax: 20, reconnectionAttempts: 2 };
      const socket = fresh("http://localhost:1", options);
      const seen = watch(socket, ["connect_error"]);
      watch(socket.io, ["reconnect_attempt", "reconnect_error", "reconnect_failed"], seen);
      await next(socket.io, "reconnect_failed");
      found.push(seen.sort(), socket.active); // npm's client says "reconnect_failed" before the error that it stands for
      socket.disconnect();
      found.push(socket.active);
    }
    return found;
  },

  async hasty_page_gives_up_in_time() {
    const socket = fresh("/", { timeout: 0, reconnection: false });
    const [error] = await next(socket, "connect_error");
    return [error.message, socket.active];
  },

  async settings_can_be_changed() {
    const socket = fresh("/", { autoConnect: false, reconnectionDelay: 77 });
    const before = [socket.io.reconnection(), socket.io.reconnectionDelay(), socket.io.reconnectionDelayMax()];
    before.push(socket.connected, socket.active);
    socket.io.reconnection(false);
    socket.io.reconnectionAttempts(3).timeout(4000);
    return [before, socket.io.reconnection(), socket.io.reconnectionAttempts(), socket.io.timeout()];
  },

  async listeners_come_and_go() {
    const socket = fresh();
    const seen = [];
    const note = (name) => (...args) => seen.push([name, ...args]);
    const [twice, gone] = [note("twice"), note("gone")];
    socket.on("said", twice).on("said", twice).off("said", twice).on("said", gone).off("said", gone);
    socket.once("said", note("once"));
    socket.onAny(note("any")).prependAny(note("any, first")).onAnyOutgoing(note("out"));
    const unwanted = note("unwanted");
    socket.onAny(unwanted).offAny(unwanted).onAnyOutgoing(unwanted).offAnyOutgoing(unwanted);
    const counts = [socket.listeners("said").length, socket.listenersAny().length];
    counts.push(socket.hasListeners("said"), socket.hasListeners("x"));
    await next(socket, "welcome");
    seen.length = 0;
    socket.emit("say to everyone", "a", "to me");
    while (!seen.some(([name]) => name === "twice")) await soon();
    const first = seen.splice(0);
    socket.offAny().off("said").emit("say to everyone", "b", "to nobody");
    await soon();
    socket.disconnect();
    return [counts, first, seen];
  },

  async names_are_reserved() {
    const socket = fresh("/", { autoConnect: false });
    return ["connect", "disconnect", "newListener"].map((name) => {
      try {
        socket.emit(name);
      } catch (error) {
        return error.message;
      }
    });
  },

  async events_keep_their_order_over_the_upgrade() {
    const socket = fresh();
    for (let number = 0; number < 100; number++) socket.emit("number", number);
    await next(socket.io, "open");
    const upgraded = next(socket.io.engine, "upgrade");
    const before = socket.io.engine.transport.name;
    let count = 100;
    const timer = setInterval(() => socket.emit("number", count++), 1);
    const [{ name }] = await upgraded;
    clearInterval(timer);
    socket.emit("number", count++);
    const numbers = await socket.emitWithAck("numbers you got");
    socket.disconnect();
    return [before, name, numbers.length === count, numbers.every((number, index) => number === index)];
  },

  async unanswered_events_are_tried_again() {
    const socket = fresh("/", { retries: 2, ackTimeout: 500 });
    const outgoing = [];
    socket.onAnyOutgoing((name) => outgoing.push(name));
    const given = await new Promise((resolve) => socket.emit("nobody answers", (error) => resolve(String(error))));
    const found = await new Promise((resolve) => socket.emit("reflect", 1, (...answer) => resolve(answer)));
    socket.disconnect();
    return [given, found, outgoing];
  },

  async module_has_the_same_names() {
    const module = await import("/socket.io/socket.io.esm.min.js");
    const socket = module.io("/", { forceNew: true });
    await next(socket, "connect");
    socket.disconnect();
    const { Manager, Socket, connect, io, protocol } = module;
    const isOf = [socket instanceof Socket, socket.io instanceof Manager];
    return [typeof Manager, typeof Socket, connect === io, module.default === io, protocol, isOf];
  },
};
