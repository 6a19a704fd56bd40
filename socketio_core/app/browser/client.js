/*! The client of socketio_core, not npm's. To have that one: Server(client_dir="node_modules/socket.io-client/dist") */

/*
 * Engine.IO 4 and Socket.IO 5 for browsers. Names, events and the texts of errors are those of npm's client as far as
 * this one goes, so a page can change over to that one, and back. It adds "reconnect_wait" on `socket.io`.
 *
 * From below: transports carry packets (Polling, WebSocketTransport), an Engine is one connection over them, a Manager
 * makes one Engine after another, a Socket is what a page has of a namespace. What begins with `_` is for other layers.
 */

const protocol = 5;

const DEFAULTS = {
  path: "/socket.io",
  transports: ["polling", "websocket"], // the first one opens the connection
  upgrade: true, // from polling to WebSocket
  query: {},
  extraHeaders: {}, // of requests; browsers have none for WebSockets
  withCredentials: false, // send cookies to another origin
  autoConnect: true,
  timeout: 20000, // ms for a connection to open, or false
  reconnection: true,
  reconnectionAttempts: Infinity,
  reconnectionDelay: 1000, // ms, doubled with each attempt
  reconnectionDelayMax: 5000, // ms
  randomizationFactor: 0.5, // so that a thousand pages do not come back at the same moment
};

const RESERVED = new Set(["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]);
const MAX_ATTACHMENTS = 10; // of one event, as npm's client has it
const SEPARATOR = "\x1e"; // between the packets of a poll or POST
const BYTES_AT_ONCE = 8192; // of a call with so many arguments

const [CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT] = [0, 1, 2, 3, 4, 5];

/** Call what the page gave; what it throws is the page's, and is reported as if the browser had called it. */
function call(listener, target, args) {
  try {
    listener.apply(target, args);
  } catch (error) {
    reportError(error);
  }
}

function transportError(message, description) {
  return Object.assign(new Error(message), { type: "TransportError", description });
}

class Emitter {
  #entries = new Map(); // name -> [{ listener, isOnce }]; lists are replaced, not changed: one may be gone through

  on(name, listener) {
    return this.#add(name, { listener, isOnce: false });
  }

  once(name, listener) {
    return this.#add(name, { listener, isOnce: true });
  }

  /** Remove a listener; without it all of that name, without a name all of them. */
  off(name, listener) {
    if (name === undefined) this.#entries.clear();
    else if (listener === undefined) this.#entries.delete(name);
    else this.#remove(name, this.#of(name).find((entry) => entry.listener === listener));
    return this;
  }

  listeners(name) {
    return this.#of(name).map((entry) => entry.listener);
  }

  hasListeners(name) {
    return this.#of(name).length > 0;
  }

  _fire(name, ...args) {
    for (const entry of this.#of(name)) {
      if (entry.isOnce) this.#remove(name, entry);
      call(entry.listener, this, args);
    }
  }

  #of(name) {
    return this.#entries.get(name) ?? [];
  }

  #add(name, entry) {
    this.#entries.set(name, [...this.#of(name), entry]);
    return this;
  }

  #remove(name, gone) {
    this.#entries.set(name, this.#of(name).filter((entry) => entry !== gone));
  }
}

Emitter.prototype.removeListener = Emitter.prototype.removeAllListeners = Emitter.prototype.off;

/* Packets: what Socket.IO says in messages of the Engine. */

function isBinary(value) {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value) || value instanceof Blob;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Return the messages of a packet: its text, and the binary data that are in it. */
function encode(type, nsp, id, data) {
  const attachments = [];
  const takeOut = (key, value) => (isBinary(value) ? { _placeholder: true, num: attachments.push(value) - 1 } : value);
  const json = JSON.stringify(data, type === EVENT || type === ACK ? takeOut : undefined) ?? "";
  const head = attachments.length > 0 ? `${type + BINARY_EVENT - EVENT}${attachments.length}-` : type;
  return [`${head}${nsp === "/" ? "" : `${nsp},`}${id ?? ""}${json}`, ...attachments];
}

/** Puts packets together from messages. What it throws means that the server cannot be understood. */
class Decoder {
  #packet; // one whose attachments have not all come
  #slots; // where they go: [holder, key, number]
  #attachments;
  #count;

  /** Take a message. Returns a packet when it is whole. */
  add(message) {
    if (typeof message !== "string") return this.#attach(message);
    if (this.#packet) throw new Error("text in the place of an attachment");
    const [, digit, count, nsp = "/", id, json] = /^([0-6])(?:(\d+)-)?(?:(\/[^,]*)(?:,|$))?(\d*)(.*)$/s.exec(message);
    const isWithBytes = Number(digit) >= BINARY_EVENT;
    if (isWithBytes !== (count !== undefined)) throw new Error("attachments of the wrong packet");
    this.#count = Number(count ?? 0);
    if (isWithBytes && !(this.#count >= 1 && this.#count <= MAX_ATTACHMENTS)) throw new Error("too many attachments");
    const type = isWithBytes ? Number(digit) - (BINARY_EVENT - EVENT) : Number(digit);
    const packet = { type, nsp, id, data: this.#parse(json) };
    if (!isPayload(type, packet.data)) throw new Error("invalid payload");
    if (!isWithBytes) return packet;
    this.#packet = packet;
    this.#attachments = [];
  }

  #parse(json) {
    const slots = (this.#slots = []);
    const count = this.#count;
    const find = function (key, value) {
      if (value?._placeholder !== true) return value;
      if (!Number.isInteger(value.num) || value.num < 0 || value.num >= count) throw new Error("illegal attachment");
      slots.push([this, key, value.num]);
      return value;
    };
    return json === "" ? undefined : JSON.parse(json, count > 0 ? find : undefined);
  }

  #attach(bytes) {
    if (!this.#packet) throw new Error("an attachment of nothing");
    if (this.#attachments.push(bytes) < this.#count) return;
    for (const [holder, key, number] of this.#slots) holder[key] = this.#attachments[number];
    const packet = this.#packet;
    this.#packet = undefined;
    return packet;
  }
}

function isPayload(type, data) {
  if (type === CONNECT) return data === undefined || isObject(data);
  if (type === DISCONNECT) return data === undefined;
  if (type === CONNECT_ERROR) return typeof data === "string" || isObject(data);
  if (!Array.isArray(data)) return false;
  return type === ACK || typeof data[0] === "number" || (typeof data[0] === "string" && !RESERVED.has(data[0]));
}

/* Transports. What comes goes to `onPacket`; `onEnd(reason, error)` says that it is over, perhaps more than once. */

function bytesOf(packet) {
  if (typeof packet === "string") return new TextEncoder().encode(packet).length;
  return 1 + 4 * Math.ceil((packet.byteLength ?? packet.size) / 3);
}

async function toText(packet) {
  if (typeof packet === "string") return packet;
  const blob = packet instanceof Blob ? packet : new Blob([packet]); // whatever kind of bytes it is
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let binary = "";
  for (let start = 0; start < bytes.length; start += BYTES_AT_ONCE) {
    binary += String.fromCharCode(...bytes.subarray(start, start + BYTES_AT_ONCE));
  }
  return `b${btoa(binary)}`;
}

function fromText(text) {
  if (!text.startsWith("b")) return text;
  try {
    return Uint8Array.from(atob(text.slice(1)), (letter) => letter.charCodeAt(0)).buffer;
  } catch {
    return ""; // which is no packet
  }
}

/** One request that waits for packets, and at most one more that brings some. */
class Polling {
  name = "polling";
  queue = []; // what no POST has taken yet
  maxPayload = 0; // bytes of a POST; 0 is any number
  #url;
  #options;
  #handlers;
  #abort = new AbortController();
  #isPaused = false;
  #isClosed = false;
  #polls; // promises, while it polls or posts
  #posts;

  constructor(url, options, handlers) {
    this.#url = url;
    this.#options = options;
    this.#handlers = handlers;
    this.#polls = this.#poll();
  }

  get writable() {
    return !this.#isPaused && !this.#posts;
  }

  send(packet) {
    this.queue.push(packet);
    if (!this.#isPaused) this.#posts ??= this.#post();
  }

  /** Begin no other request, and wait for those on their way; what is in the queue stays there. */
  pause() {
    this.#isPaused = true;
    return Promise.all([this.#polls, this.#posts]);
  }

  resume() {
    if (this.#isClosed) return;
    this.#isPaused = false;
    this.#polls ??= this.#poll();
    if (this.queue.length > 0) this.#posts ??= this.#post();
  }

  /** Say goodbye, behind what was sent. */
  async close() {
    this.#isClosed = true;
    this.#isPaused = false;
    this.send("1");
    await this.#posts;
    this.abandon(); // no earlier: a server takes a poll that ends too soon for a lost client
  }

  abandon() {
    this.#isClosed = this.#isPaused = true;
    this.#abort.abort();
  }

  async #poll() {
    while (!this.#isPaused && !this.#isClosed) {
      const text = await this.#request("xhr poll error");
      if (text === undefined) break;
      for (const packet of text.split(SEPARATOR)) this.#handlers.onPacket(fromText(packet));
    }
    this.#polls = undefined;
  }

  async #post() {
    await null; // what is emitted in one go leaves in one go
    while (this.queue.length > 0 && !this.#isPaused) {
      if ((await this.#request("xhr post error", this.#batch())) === undefined) break;
    }
    this.#posts = undefined;
  }

  /** Take as much from the queue as one POST may hold, but at least one packet. */
  #batch() {
    let size = -1; // there is one separator less than packets
    const isTooMuch = (packet) => (size += 1 + bytesOf(packet)) > this.maxPayload;
    const count = this.maxPayload > 0 ? this.queue.findIndex((packet, index) => isTooMuch(packet) && index > 0) : -1;
    return this.queue.splice(0, count < 0 ? this.queue.length : count);
  }

  /** Return the answer, to a POST if there are packets to send; if there is none, it is over. */
  async #request(problem, packets) {
    const { extraHeaders: headers, withCredentials } = this.#options;
    const credentials = withCredentials ? "include" : "same-origin";
    const common = { headers, credentials, cache: "no-store", signal: this.#abort.signal };
    try {
      const body = packets && (await Promise.all(packets.map(toText))).join(SEPARATOR); // a Blob may be unreadable
      const response = await fetch(this.#url(this.name), { ...common, method: packets ? "POST" : "GET", body });
      if (response.status === 200) return await response.text();
      this.#handlers.onEnd("transport error", transportError(problem, response.status));
    } catch (error) {
      this.#handlers.onEnd("transport error", transportError(problem, error));
    }
  }
}

class WebSocketTransport {
  name = "websocket";
  #socket;

  constructor(url, options, { onOpen, onPacket, onEnd }) {
    try {
      this.#socket = new WebSocket(url(this.name).replace(/^http/, "ws"), options.protocols ?? []);
    } catch (error) {
      queueMicrotask(() => onEnd("transport error", transportError("websocket error", error)));
      return;
    }
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => onOpen?.();
    this.#socket.onmessage = ({ data }) => onPacket(data);
    this.#socket.onerror = (event) => onEnd("transport error", transportError("websocket error", event));
    this.#socket.onclose = (event) => onEnd("transport close", transportError("websocket closed", event));
  }

  get writable() {
    return this.#socket.bufferedAmount === 0;
  }

  send(packet) {
    this.#socket.send(packet);
  }

  close() {
    this.#socket?.close();
  }

  abandon() {
    this.close();
  }
}

/** One connection to the server (`socket.io.engine`): its transport, the heartbeat, the upgrade. Engine.IO 4. */
class Engine extends Emitter {
  id; // once it is open
  isClosed = false;
  transport;
  #origin;
  #options;
  #candidate; // a WebSocket that may take over from polling
  #patience; // ms without a ping after which the server counts as gone
  #deadline = Infinity;
  #timer;
  #offline = () => this.#end("transport close", new Error("network connection lost"));

  constructor(origin, options) {
    super();
    this.#origin = origin;
    this.#options = options;
    const makers = { polling: Polling, websocket: WebSocketTransport };
    const first = options.transports.find((name) => Object.hasOwn(makers, name));
    if (!first) throw new Error(`no transport that is known: ${options.transports}`);
    this.transport = new makers[first](this.#url, options, {
      onPacket: (packet) => this.#receive(packet),
      onEnd: (reason, error) => this.#end(reason, error),
    });
    globalThis.addEventListener?.("offline", this.#offline);
  }

  send(packet) {
    this.transport.send(packet);
  }

  close(reason = "forced close") {
    this.#end(reason, undefined, true);
    return this;
  }

  /** Whether pings come. Timers of a sleeping computer or a hidden page run late; the clock does not. */
  _isAlive() {
    if (Date.now() <= this.#deadline) return true;
    queueMicrotask(() => this.#end("ping timeout"));
    return false;
  }

  #url = (transport) => {
    const query = new URLSearchParams(this.#options.query);
    query.set("EIO", "4");
    query.set("transport", transport);
    if (this.id !== undefined) query.set("sid", this.id);
    return `${this.#origin}${this.#options.path.replace(/\/$/, "")}/?${query}`;
  };

  #receive(packet) {
    if (this.isClosed) return;
    const type = typeof packet === "string" ? packet.charAt(0) : "bytes";
    if (type === "0" || this.id === undefined) return this.#open(type, packet);
    if (type === "4") this._fire("message", packet.slice(1));
    else if (type === "bytes") this._fire("message", packet);
    else if (type === "2") {
      this.send("3");
      this.#expectPing();
      this._fire("ping");
    } else if (type === "1") this.#end("transport close");
    else if (type !== "6") this.close("parse error");
  }

  #open(type, packet) {
    let handshake;
    try {
      handshake = JSON.parse(packet.slice(1));
    } catch {}
    const { sid, upgrades, pingInterval, pingTimeout, maxPayload } = handshake ?? {};
    this.#patience = pingInterval + pingTimeout;
    const isFirst = type === "0" && this.id === undefined;
    if (!isFirst || typeof sid !== "string" || !(this.#patience > 0)) return this.close("parse error");
    this.id = sid;
    this.transport.maxPayload = maxPayload ?? 0;
    this.#expectPing();
    this._fire("open");
    const { upgrade, transports } = this.#options;
    const isOffered = upgrade && transports.includes("websocket") && upgrades?.includes("websocket");
    if (isOffered && !this.isClosed && this.transport.name === "polling") this.#probe();
  }

  #expectPing() {
    clearTimeout(this.#timer);
    this.#deadline = Date.now() + this.#patience;
    this.#timer = setTimeout(() => this.#end("ping timeout"), this.#patience);
  }

  #probe() {
    const polling = this.transport;
    const giveUp = (error) => {
      if (this.#candidate !== candidate) return;
      this.#candidate = undefined;
      candidate.abandon();
      polling.resume();
      this._fire("upgradeError", error);
    };
    const candidate = new WebSocketTransport(this.#url, this.#options, {
      onOpen: () => candidate.send("2probe"),
      onPacket: (packet) => {
        if (this.transport === candidate) this.#receive(packet);
        else if (packet === "3probe") this.#upgrade(candidate);
        else giveUp(new Error("probe error"));
      },
      onEnd: (reason, error) => (this.transport === candidate ? this.#end(reason, error) : giveUp(error)),
    });
    this.#candidate = candidate;
  }

  /** Change over when no request is on its way any more: so everything stays in order. */
  async #upgrade(candidate) {
    const polling = this.transport;
    await polling.pause();
    if (this.isClosed || this.#candidate !== candidate) return;
    this.#candidate = undefined;
    this.transport = candidate;
    for (const packet of ["5", ...polling.queue]) candidate.send(packet);
    this._fire("upgrade", candidate);
  }

  #end(reason, error, isPolite = false) {
    if (this.isClosed) return;
    this.isClosed = true;
    clearTimeout(this.#timer);
    globalThis.removeEventListener?.("offline", this.#offline);
    this.#candidate?.abandon();
    if (isPolite && this.id !== undefined) this.transport.close();
    else this.transport.abandon();
    this._fire("close", reason, error);
  }
}

/** Keeps a connection (`socket.io`): what the sockets of all namespaces share, and the attempts to get it back. */
class Manager extends Emitter {
  opts;
  engine;
  #origin;
  #sockets = new Map(); // by namespace
  #isWanted = false; // not once all sockets have gone, or were sent away
  #isReconnecting = false;
  #attempts = 0;
  #timer;
  #decoder;

  constructor(url, options) {
    super();
    const { origin, query } = partsOf(url);
    const given = Object.entries(options ?? {}).filter(([, value]) => value !== undefined);
    this.opts = { ...DEFAULTS, ...Object.fromEntries(given), ...(query && { query }) };
    this.#origin = origin;
    if (this.opts.autoConnect) this.open();
  }

  /** Return the socket of a namespace. */
  socket(nsp, options) {
    const known = this.#sockets.get(nsp);
    const socket = known ?? new Socket(this, nsp, options);
    this.#sockets.set(nsp, socket);
    if (this.opts.autoConnect) socket.connect();
    return socket;
  }

  open() {
    this.#isWanted = true;
    if (this.engine && !this.engine.isClosed) return this;
    clearTimeout(this.#timer);
    this.#decoder = new Decoder();
    const engine = (this.engine = new Engine(this.#origin, this.opts));
    const { timeout } = this.opts;
    const timer = timeout === false ? undefined : setTimeout(() => engine.close("timeout"), timeout);
    engine.on("open", () => (clearTimeout(timer), this.#opened()));
    engine.on("message", (message) => this.#receive(message));
    engine.on("ping", () => this._fire("ping"));
    engine.on("close", (reason, error) => {
      clearTimeout(timer);
      if (engine.id === undefined) this.#failed(error ?? new Error(reason));
      else this.#closed(reason, error);
    });
    return this;
  }

  connect() {
    return this.open();
  }

  _isKnown(nsp) {
    return this.#sockets.has(nsp);
  }

  /** A socket wants a connection. Between two attempts it waits for the next. */
  _want(socket) {
    if (!this.#isReconnecting) this.open();
    if (this.engine?.id !== undefined && !this.engine.isClosed) socket._opened();
  }

  /** A socket has no more need of the connection. */
  _release() {
    if (this.#active().length > 0) return;
    this.#isWanted = this.#isReconnecting = false;
    this.#attempts = 0;
    clearTimeout(this.#timer);
    this.engine?.close();
  }

  _send(messages) {
    for (const message of messages) this.engine.send(typeof message === "string" ? `4${message}` : message);
  }

  #active() {
    return [...this.#sockets.values()].filter((socket) => socket.active);
  }

  #receive(message) {
    let packet;
    try {
      packet = this.#decoder.add(message);
    } catch {
      return this.engine.close("parse error");
    }
    if (packet) this.#sockets.get(packet.nsp)?._receive(packet);
  }

  #opened() {
    const attempts = this.#attempts;
    const isAgain = this.#isReconnecting;
    this.#isReconnecting = false;
    this.#attempts = 0;
    this._fire("open");
    for (const socket of this.#active()) socket._opened();
    if (isAgain) this._fire("reconnect", attempts);
  }

  #failed(error) {
    if (!this.#isWanted) return;
    const isAgain = this.#isReconnecting;
    this.#isReconnecting = false;
    this._fire("error", error);
    for (const socket of this.#active()) socket._fire("connect_error", error);
    if (isAgain) this._fire("reconnect_error", error);
    this.#retry();
  }

  #closed(reason, error) {
    this.#attempts = 0;
    this._fire("close", reason, error);
    for (const socket of this.#active()) socket._closed(reason, error);
    this.#retry();
  }

  #retry() {
    if (!this.#isWanted || !this.opts.reconnection || !this.engine.isClosed) return;
    const { reconnectionAttempts, reconnectionDelay, reconnectionDelayMax, randomizationFactor } = this.opts;
    if (this.#attempts >= (reconnectionAttempts || Infinity)) {
      this.#attempts = 0;
      this._fire("reconnect_failed");
      return;
    }
    const jitter = 1 + randomizationFactor * (2 * Math.random() - 1);
    const delay = Math.min((reconnectionDelay || 1000) * 2 ** this.#attempts * jitter, reconnectionDelayMax || 5000);
    this.#attempts += 1;
    this.#isReconnecting = true;
    this.#timer = setTimeout(() => {
      if (!this.opts.reconnection) return;
      this._fire("reconnect_attempt", this.#attempts);
      if (this.#isReconnecting) this.open();
    }, delay);
    this._fire("reconnect_wait", delay, this.#attempts);
  }
}

const SETTABLE = Object.keys(DEFAULTS).filter((name) => /^(timeout|reconnection.*|randomizationFactor)$/.test(name));
for (const name of SETTABLE) {
  Manager.prototype[name] = function (value) {
    if (value === undefined) return this.opts[name];
    this.opts[name] = value;
    return this;
  };
}

/** What sends events: a socket, or a socket with conditions for one event. */
const Sending = (Base) =>
  class extends Base {
    /** A function as the last argument is given the server's answer. */
    emit(name, ...args) {
      this._socket._emit(this._flags, name, args);
      return this._socket;
    }

    send(...args) {
      return this.emit("message", ...args);
    }

    emitWithAck(name, ...args) {
      return new Promise((settle, fail) => this._socket._emit(this._flags, name, args, { settle, fail }));
    }

    /** `timeout(ms).emit(...)`: the function is given an error, or null and the answer. */
    timeout(ms) {
      return new Sender(this._socket, { ...this._flags, timeout: ms });
    }

    /** `volatile.emit(...)`: what cannot be sent at once is dropped. */
    get volatile() {
      return new Sender(this._socket, { ...this._flags, volatile: true });
    }

    compress() {
      return this; // the browser decides
    }
  };

class Sender extends Sending(Object) {
  constructor(socket, flags) {
    super();
    this._socket = socket;
    this._flags = flags;
  }
}

/** What a page has of a namespace: events with acknowledgements in both directions. Socket.IO 5. */
class Socket extends Sending(Emitter) {
  io;
  nsp;
  auth; // an object, or a function that is given a callback for one; asked at each connection
  id;
  connected = false;
  recovered = false; // the server has kept what this socket missed
  active = false; // connected, or trying to be: not after a goodbye, nor after a refusal
  _socket = this;
  _flags = {};
  _incoming = []; // listeners of any event
  _outgoing = [];
  #options;
  #asked; // the engine over which it has asked for the namespace
  #acks = new Map(); // id -> { settle(...answer), fail(error), timer }
  #nextId = 0;
  #sendBuffer = [];
  #receiveBuffer = [];
  #queue = []; // with `retries`: what must be acknowledged before the next is sent
  #pid; // the secret by which the server knows it again
  #offset; // of the last event

  constructor(manager, nsp, options = {}) {
    super();
    this.io = manager;
    this.nsp = nsp;
    this.auth = options.auth;
    this.#options = options;
  }

  get disconnected() {
    return !this.connected;
  }

  connect() {
    if (this.connected) return this;
    this.active = true;
    this.io._want(this);
    return this;
  }

  disconnect() {
    const wasConnected = this.connected;
    if (wasConnected) this.io._send(encode(DISCONNECT, this.nsp));
    this.active = false;
    this.io._release();
    if (wasConnected) this._closed("io client disconnect");
    return this;
  }

  _emit(flags, name, args, ack = this.#ackIn(args, flags)) {
    if (RESERVED.has(name)) throw new Error(`"${name}" is a reserved event name`);
    const event = [name, ...args];
    if (this.#options.retries && !flags.volatile) this.#enqueue(flags, event, ack);
    else this.#send(flags, event, ack);
  }

  #timeoutOf(flags) {
    return flags.timeout ?? this.#options.ackTimeout;
  }

  /** Return what is to be told of the answer, if the last argument is a function, and take it from there. */
  #ackIn(args, flags) {
    if (typeof args.at(-1) !== "function") return undefined;
    const listener = args.pop();
    const tell = (...answer) => call(listener, this, answer);
    const isErrorFirst = this.#timeoutOf(flags) !== undefined || this.#options.retries;
    if (!isErrorFirst) return { settle: tell, fail: () => {} };
    return { settle: (...answer) => tell(null, ...answer), fail: tell };
  }

  #send(flags, event, ack) {
    const id = ack && this.#nextId++;
    const packet = { event, id, messages: encode(EVENT, this.nsp, id, event) };
    if (ack) this.#expectAck(packet, ack, this.#timeoutOf(flags));
    const isConnected = this.connected && this.io.engine._isAlive();
    if (!flags.volatile && !isConnected) this.#sendBuffer.push(packet);
    else if (!flags.volatile || (isConnected && this.io.engine.transport.writable)) this.#transmit(packet);
  }

  #transmit({ event, messages }) {
    for (const listener of this._outgoing) call(listener, this, event);
    this.io._send(messages);
  }

  #expectAck(packet, ack, timeout) {
    const giveUp = () => {
      this.#sendBuffer = this.#sendBuffer.filter((one) => one !== packet);
      this.#takeAck(packet.id).fail(new Error("operation has timed out"));
    };
    const timer = timeout === undefined ? undefined : setTimeout(giveUp, timeout);
    this.#acks.set(packet.id, { ...ack, timer });
  }

  #takeAck(id) {
    const ack = this.#acks.get(id);
    this.#acks.delete(id);
    clearTimeout(ack?.timer);
    return ack;
  }

  #enqueue(flags, event, ack) {
    this.#queue.push({ flags, event, ack, tries: 0, isPending: false });
    this.#drain();
  }

  /** Send the first of the queue, again and again until it is acknowledged or has been tried often enough. */
  #drain() {
    const [first] = this.#queue;
    if (!this.connected || !first || first.isPending) return;
    first.isPending = true;
    first.tries += 1;
    const finish = (how, args) => {
      this.#queue.shift();
      first.ack?.[how](...args);
      this.#drain();
    };
    const fail = (error) => {
      first.isPending = false;
      if (first.tries > this.#options.retries) finish("fail", [error]);
      else this.#drain();
    };
    this.#send(first.flags, first.event, { settle: (...answer) => finish("settle", answer), fail });
  }

  /** There is a connection: ask for the namespace, once. */
  _opened() {
    const { engine } = this.io;
    if (this.#asked === engine) return;
    this.#asked = engine;
    const introduce = (auth) => {
      if (this.io.engine !== engine || engine.isClosed) return;
      const data = this.#pid === undefined ? auth : { pid: this.#pid, offset: this.#offset, ...auth };
      this.io._send(encode(CONNECT, this.nsp, undefined, data));
    };
    if (typeof this.auth === "function") call(this.auth, this, [introduce]);
    else introduce(this.auth);
  }

  _receive({ type, id, data }) {
    if (type === CONNECT && !this.active) this.#refuse();
    else if (type === CONNECT && data?.sid) this.#enter(data);
    else if (type === CONNECT) this._fire("connect_error", new Error("no id in CONNECT: is the server Socket.IO 2?"));
    else if (type === CONNECT_ERROR || type === DISCONNECT) this.#leave(type, data);
    else if (type === ACK) this.#takeAck(Number(id))?.settle(...data);
    else if (this.connected) this.#deliver(id, data);
    else if (this.active) this.#receiveBuffer.push([id, data]);
  }

  /** Who left while the server was deciding says so when it can. */
  #refuse() {
    this.#asked = undefined;
    this.io._send(encode(DISCONNECT, this.nsp));
  }

  #enter({ sid, pid }) {
    this.id = sid;
    this.recovered = pid !== undefined && pid === this.#pid;
    this.#pid = pid;
    if (!this.recovered) this.#offset = undefined;
    this.connected = true;
    for (const [id, event] of this.#receiveBuffer.splice(0)) this.#deliver(id, event);
    for (const packet of this.#sendBuffer.splice(0)) this.#transmit(packet);
    this.#drain();
    this._fire("connect");
  }

  #deliver(id, event) {
    const args = id === "" ? event : [...event, this.#answerer(id)];
    for (const listener of this._incoming) call(listener, this, args);
    this._fire(...args);
    const last = args.at(-1);
    if (this.#pid !== undefined && args.length > 1 && typeof last === "string") this.#offset = last;
  }

  #answerer(id) {
    const { engine } = this.io; // over another connection, the id may be that of another question
    let isAnswered = false;
    return (...answer) => {
      if (!isAnswered && this.connected && this.io.engine === engine) this.io._send(encode(ACK, this.nsp, id, answer));
      isAnswered = true;
    };
  }

  /** The server has refused this socket, or sent it away. Trying again by itself would not help. */
  #leave(type, data) {
    this.active = false;
    this.io._release();
    if (type === DISCONNECT) return this._closed("io server disconnect");
    this.#asked = undefined;
    const { message, data: details } = typeof data === "string" ? { message: data } : data;
    this._fire("connect_error", Object.assign(new Error(message), { data: details }));
  }

  _closed(reason, details) {
    const wasConnected = this.connected;
    this.connected = false;
    this.id = this.#asked = undefined;
    this.#receiveBuffer = [];
    if (wasConnected) this._fire("disconnect", reason, details);
    else this._fire("connect_error", details ?? new Error(reason));
    const kept = new Set(this.#sendBuffer.map((packet) => packet.id));
    for (const id of [...this.#acks.keys()].filter((id) => !kept.has(id))) {
      this.#takeAck(id).fail(new Error("socket has been disconnected"));
    }
  }
}

Socket.prototype.open = Socket.prototype.connect;
Socket.prototype.close = Socket.prototype.disconnect;

for (const [suffix, list] of [["Any", "_incoming"], ["AnyOutgoing", "_outgoing"]]) {
  const change = (how) =>
    function (listener) {
      this[list] = how(this[list], listener);
      return this;
    };
  Object.assign(Socket.prototype, {
    [`on${suffix}`]: change((all, listener) => [...all, listener]),
    [`prepend${suffix}`]: change((all, listener) => [listener, ...all]),
    [`off${suffix}`]: change((all, listener) => (listener ? all.filter((one) => one !== listener) : [])),
    [`listeners${suffix}`]() {
      return [...this[list]];
    },
  });
}

/** Take apart what a page calls an address: "/admin", "localhost:3000", "//host", "https://host/admin?a=b". */
function partsOf(address) {
  let url = address || location.origin;
  if (url.startsWith("//")) url = location.protocol + url;
  else if (url.startsWith("/")) url = location.origin + url;
  else if (!/^(https?|wss?):\/\//.test(url)) url = `${location.protocol}//${url}`;
  const [, origin, path, query] = /^([a-z]+:\/\/[^/?#]*)([^?#]*)\??([^#]*)/.exec(url);
  return { origin: origin.replace(/^ws/, "http"), nsp: path || "/", query };
}

const managers = new Map(); // by origin and path

/** Return the socket of a namespace. It connects at once, unless `autoConnect` is false. */
function io(address, options = {}) {
  if (typeof address === "object" && address !== null) return io(undefined, address);
  const { origin, nsp } = partsOf(address);
  const key = origin + (options.path ?? DEFAULTS.path);
  const isNew = options.forceNew || options.multiplex === false || managers.get(key)?._isKnown(nsp);
  const manager = isNew ? undefined : managers.get(key);
  const found = manager ?? new Manager(address, { ...options });
  if (!isNew) managers.set(key, found);
  return found.socket(nsp, options);
}

Object.assign(io, { io, connect: io, Manager, Socket });

export { io, io as connect, io as default, Manager, Socket, protocol };
