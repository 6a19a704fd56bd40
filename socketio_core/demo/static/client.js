/**
 * A small Socket.IO client for the browser: Engine.IO 4 and Socket.IO 5 over one WebSocket, namespace "/", JSON only.
 *
 * It has the names and the behaviour of the official client as far as it goes, so a page can change over to that one
 * when it needs more (polling, namespaces, binary data). What it adds is the event "reconnect_wait" on `socket.io`.
 *
 *     const socket = io({ auth: { token: "..." } });
 *     socket.on("connect", () => socket.timeout(5000).emit("hello", "world", (error, answer) => { ... }));
 */

const DEFAULTS = {
  path: "/socket.io/",
  auth: {}, // an object, or a function that is given a callback for the object; asked at each connection
  autoConnect: true,
  reconnection: true,
  reconnectionDelay: 1000, // ms, doubled with each attempt
  reconnectionDelayMax: 5000,
  randomizationFactor: 0.5, // so that a thousand pages do not come back at the same moment
  timeout: 20000, // ms for the connection to open
};

/** Make a socket; it connects at once, unless `autoConnect` is false. */
export function io(options = {}) {
  const settings = { ...DEFAULTS, ...options };
  const socket = new Socket(new Manager(settings), settings.auth);
  if (settings.autoConnect) socket.connect();
  return socket;
}

function parse(json) {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

class Emitter {
  #handlers = new Map();

  on(event, handler) {
    this.#handlers.set(event, [...(this.#handlers.get(event) ?? []), handler]);
    return this;
  }

  off(event, handler) {
    this.#handlers.set(event, (this.#handlers.get(event) ?? []).filter((one) => one !== handler));
    return this;
  }

  _fire(event, ...args) {
    for (const handler of this.#handlers.get(event) ?? []) handler(...args);
  }
}

/** The connection (`socket.io`): the WebSocket, the heartbeat, and the attempts to get it back. Engine.IO 4. */
class Manager extends Emitter {
  #settings;
  #websocket = null;
  #isOpen = false; // the server has said hello
  #isWanted = false; // closed on purpose, by either side, means not wanted: then nothing is tried again
  #attempts = 0;
  #retryTimer;
  #watchdog;
  #deadline = Infinity;
  #patience = 0; // ms without a ping after which the server counts as gone

  constructor(settings) {
    super();
    this.#settings = settings;
  }

  get isWanted() {
    return this.#isWanted;
  }

  open() {
    this.#isWanted = true;
    clearTimeout(this.#retryTimer);
    if (this.#websocket) return;
    const url = new URL(this.#settings.path, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    url.search = "?EIO=4&transport=websocket";
    const websocket = (this.#websocket = new WebSocket(url));
    let hasFailed = false;
    // A connection that was given up may still have events on their way: they are nobody's business.
    const current = (handle) => (event) => websocket === this.#websocket && handle(event);
    websocket.onmessage = current(({ data }) => this.#receive(data));
    websocket.onerror = current(() => (hasFailed = true));
    websocket.onclose = current(() => this.#lose(hasFailed ? "transport error" : "transport close"));
    this.#watchdog = setTimeout(() => this.#lose("timeout"), this.#settings.timeout);
  }

  close() {
    this.#isWanted = false;
    this.#attempts = 0;
    clearTimeout(this.#retryTimer);
    this.#drop();
  }

  send(message) {
    // Timers of a sleeping computer or a hidden page run late: the connection may be long gone.
    if (Date.now() > this.#deadline) this.#lose("ping timeout");
    else this.#websocket?.send("4" + message);
  }

  /** The server sent what this client does not understand. */
  fail() {
    this.#lose("parse error");
  }

  /** The namespace is connected, so the next failure is a new one. */
  settle() {
    if (this.#attempts > 0) this._fire("reconnect", this.#attempts);
    this.#attempts = 0;
  }

  #receive(data) {
    const type = typeof data === "string" ? data[0] : "binary";
    if (type === "4" && this.#isOpen) return this._fire("message", data.slice(1));
    if (type === "2" && this.#isOpen) {
      this.#websocket.send("3");
      return this.#expectPing();
    }
    if (type === "0" && !this.#isOpen) {
      const handshake = parse(data.slice(1));
      this.#patience = handshake?.pingInterval + handshake?.pingTimeout;
      if (!(this.#patience > 0)) return this.fail();
      this.#isOpen = true;
      this.#expectPing();
      return this._fire("open");
    }
    if (type !== "6") this.#lose(type === "1" ? "transport close" : "parse error");
  }

  #expectPing() {
    clearTimeout(this.#watchdog);
    this.#deadline = Date.now() + this.#patience;
    this.#watchdog = setTimeout(() => this.#lose("ping timeout"), this.#patience);
  }

  #drop() {
    clearTimeout(this.#watchdog);
    this.#websocket?.close();
    this.#websocket = null;
    this.#isOpen = false;
    this.#deadline = Infinity;
  }

  #lose(reason) {
    const wasOpen = this.#isOpen;
    this.#drop();
    if (!wasOpen && this.#attempts > 0) this._fire("reconnect_error", new Error(reason));
    this._fire(wasOpen ? "close" : "error", reason);
    if (this.#isWanted && this.#settings.reconnection) this.#retryLater();
  }

  #retryLater() {
    const { reconnectionDelay, reconnectionDelayMax, randomizationFactor } = this.#settings;
    const jitter = 1 + randomizationFactor * (2 * Math.random() - 1);
    const delay = Math.min(reconnectionDelay * 2 ** this.#attempts * jitter, reconnectionDelayMax);
    this.#attempts += 1;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => {
      this._fire("reconnect_attempt", this.#attempts);
      this.open();
    }, delay);
    this._fire("reconnect_wait", delay, this.#attempts);
  }
}

/** What an application talks to: events with acknowledgements in both directions. Socket.IO 5. */
class Socket extends Emitter {
  connected = false;
  id = undefined;
  #acks = new Map();
  #nextAckId = 0;
  #waiting = []; // emitted while there was no connection, sent in order once there is one

  constructor(manager, auth) {
    super();
    this.io = manager;
    this.auth = auth;
    manager.on("open", () => this.#introduce());
    manager.on("message", (message) => this.#receive(message));
    manager.on("close", (reason) => this.#leave(reason));
    manager.on("error", (reason) => this._fire("connect_error", new Error(reason)));
  }

  /** Whether it is connected or trying to be; false after a disconnect on purpose and after a refusal. */
  get active() {
    return this.io.isWanted;
  }

  connect() {
    if (!this.connected) this.io.open();
    return this;
  }

  disconnect() {
    if (this.connected) this.io.send("1");
    this.io.close();
    this.#leave("io client disconnect");
    return this;
  }

  /** Send an event; a function as the last argument is called with the server's answer. */
  emit(event, ...args) {
    return this.#send(event, args);
  }

  /** `timeout(ms).emit(...)`: the last function is called with an error first, or with null and the answer. */
  timeout(ms) {
    return { emit: (event, ...args) => this.#send(event, args, ms) };
  }

  #send(event, args, timeout) {
    const packet = { text: "", ackId: undefined };
    if (typeof args.at(-1) === "function") packet.ackId = this.#expectAck(args.pop(), timeout, packet);
    packet.text = "2" + (packet.ackId ?? "") + JSON.stringify([event, ...args]);
    if (this.connected) this.io.send(packet.text);
    else this.#waiting.push(packet);
    return this;
  }

  #expectAck(handler, timeout, packet) {
    const ackId = this.#nextAckId++;
    const ack = { settle: handler, fail: () => {} };
    if (timeout !== undefined) {
      const timer = setTimeout(() => {
        this.#acks.delete(ackId);
        this.#waiting = this.#waiting.filter((one) => one !== packet);
        handler(new Error("operation has timed out"));
      }, timeout);
      ack.settle = (...answer) => (clearTimeout(timer), handler(null, ...answer));
      ack.fail = (error) => (clearTimeout(timer), handler(error));
    }
    this.#acks.set(ackId, ack);
    return ackId;
  }

  #introduce() {
    const connect = (auth) => this.io.send("0" + (auth ? JSON.stringify(auth) : ""));
    if (typeof this.auth === "function") this.auth(connect);
    else connect(this.auth);
  }

  #receive(message) {
    const [, type, id, json] = /^(\d?)(\d*)(.*)$/s.exec(message);
    const data = parse(json);
    if (type === "1") this.#end("io server disconnect");
    else if (type === "0" && data) this.#enter(data.sid);
    else if (type === "2" && Array.isArray(data)) this._fire(...data, ...(id ? [this.#answerer(id)] : []));
    else if (type === "3" && Array.isArray(data)) this.#settleAck(Number(id), data);
    else if (type === "4" && data) this.#end(null, Object.assign(new Error(data.message), { data: data.data }));
    else this.io.fail();
  }

  #enter(sid) {
    this.id = sid;
    this.connected = true;
    this.io.settle();
    for (const packet of this.#waiting.splice(0)) this.io.send(packet.text);
    this._fire("connect");
  }

  /** The server wants no connection: it closed ours, or refused it. Trying again by itself would not help. */
  #end(reason, refusal) {
    this.io.close();
    if (refusal) this._fire("connect_error", refusal);
    else this.#leave(reason);
  }

  #leave(reason) {
    if (!this.connected) return;
    this.connected = false;
    this.id = undefined;
    this._fire("disconnect", reason);
    const kept = new Set(this.#waiting.map((packet) => packet.ackId));
    for (const [ackId, ack] of this.#acks) {
      if (kept.has(ackId)) continue;
      this.#acks.delete(ackId);
      ack.fail(new Error("socket has been disconnected"));
    }
  }

  #settleAck(ackId, answer) {
    const ack = this.#acks.get(ackId);
    this.#acks.delete(ackId);
    ack?.settle(...answer);
  }

  #answerer(id) {
    let isAnswered = false;
    return (...answer) => {
      if (!isAnswered && this.connected) this.io.send("3" + id + JSON.stringify(answer));
      isAnswered = true;
    };
  }
}
