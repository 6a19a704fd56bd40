// The contract of conformance/README.md for a client with the reference's API, in Node and in a page.

/**
 * @param Manager of the client.
 * @param write takes a line of a report.
 * @param isBytes, pack, unpack tell whether a value that came is binary, and make base64 of it, and bytes of that.
 * @returns what takes a line with a command.
 */
export function contract({ Manager, write, isBytes, pack, unpack }) {
  const clients = new Map();

  function toJson(value) {
    if (isBytes(value)) return { $bytes: pack(value) };
    if (Array.isArray(value)) return value.map(toJson);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)]));
  }

  function fromJson(value) {
    if (Array.isArray(value)) return value.map(fromJson);
    if (value === null || typeof value !== "object") return value;
    if (Object.keys(value).join() === "$bytes") return unpack(value.$bytes);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromJson(item)]));
  }

  function say(report) {
    write(JSON.stringify(toJson(report)) + "\n");
  }

  function join(client, id, nsp, auth) {
    const socket = client.manager.socket(nsp, { auth, ...client.retry });
    client.sockets.set(nsp, socket);
    socket.on("connect", () => say({ event: "connect", id, nsp, sid: socket.id, recovered: Boolean(socket.recovered) }));
    socket.on("disconnect", (reason) => say({ event: "disconnect", id, nsp, reason }));
    socket.on("connect_error", ({ message, data = null }) => say({ event: "connect_error", id, nsp, message, data }));
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

  return (line) => {
    const command = fromJson(JSON.parse(line));
    if (command.do === "open") return open(command);
    const client = clients.get(command.id);
    const { id, nsp = "/", name, args = [] } = command;
    const socket = client.sockets.get(nsp);
    if (command.do === "join") join(client, id, nsp, command.auth);
    else if (command.do === "emit") (command.volatile ? socket.volatile : socket).emit(name, ...args);
    else if (command.do === "call")
      socket.timeout(command.timeout_ms).emit(name, ...args, (error, ...answer) => {
        const what = error ? { event: "ack_failed" } : { event: "ack", args: answer };
        say({ ...what, id, nsp, call: command.call });
      });
    else if (command.do === "leave") socket.disconnect();
    else if (command.do === "close") {
      for (const each of client.sockets.values()) each.disconnect();
      setTimeout(() => say({ event: "closed", id }), 20);
    }
  };
}
