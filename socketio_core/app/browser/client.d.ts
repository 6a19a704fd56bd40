/** Types of the Socket.IO client of socketio_core: of `/socket.io/socket.io.esm.min.js`, and of the global `io`. */

/** Events by name, with the signatures of their listeners: `{ said: (text: string, done: (n: number) => void) => void }`. */
export interface EventsMap {
  [name: string]: any;
}

type Name<Events> = Extract<keyof Events, string>;
type Args<Events, N extends keyof Events> = Events[N] extends (...args: infer A) => void ? A : any[];

/** Of the arguments of an event all but the acknowledgement, which is its last one, if it is a function. */
type WithoutAck<A extends any[]> = A extends [...infer Others, (...answer: any[]) => any] ? Others : A;

/** The first argument of the acknowledgement. */
type Answer<A extends any[]> = A extends [...any[], (answer: infer T, ...others: any[]) => any] ? T : any;

/** With a time-out, the acknowledgement is given an error first. */
type ErrorFirst<A extends any[]> = A extends [...infer Others, (...answer: infer R) => any]
  ? [...Others, (error: Error | null, ...answer: R) => void]
  : A;

export type Auth = Record<string, unknown> | ((give: (auth: Record<string, unknown>) => void) => void);

export type DisconnectReason =
  | "io server disconnect"
  | "io client disconnect"
  | "ping timeout"
  | "transport close"
  | "transport error"
  | "parse error"
  | "forced close";

export interface SocketOptions {
  /** Sent to the server at each connection; a function is asked for it each time. */
  auth?: Auth;
  /** How often an event is sent again that was not acknowledged; then one waits for the other. */
  retries?: number;
  /** Milliseconds that an acknowledgement may take. */
  ackTimeout?: number;
}

export interface ManagerOptions {
  /** Where the server is. Default: "/socket.io". */
  path?: string;
  /** The first one opens the connection. Default: both, polling first. */
  transports?: ("polling" | "websocket")[];
  /** From polling to WebSocket. Default: true. */
  upgrade?: boolean;
  query?: Record<string, string> | string;
  /** Of requests; browsers have none for WebSockets. */
  extraHeaders?: Record<string, string>;
  /** Subprotocols of the WebSocket. */
  protocols?: string | string[];
  /** Send cookies to another origin. Default: false. */
  withCredentials?: boolean;
  /** Default: true. */
  autoConnect?: boolean;
  /** Milliseconds for a connection to open, or false. Default: 20000. */
  timeout?: number | false;
  /** Default: true. */
  reconnection?: boolean;
  /** Default: any number. */
  reconnectionAttempts?: number;
  /** Milliseconds, doubled with each attempt. Default: 1000. */
  reconnectionDelay?: number;
  /** Milliseconds. Default: 5000. */
  reconnectionDelayMax?: number;
  /** Between 0 and 1. Default: 0.5. */
  randomizationFactor?: number;
}

export interface Options extends ManagerOptions, SocketOptions {
  /** A connection of its own. */
  forceNew?: boolean;
  /** `false` is a connection of its own. */
  multiplex?: boolean;
}

interface Emitter<Events> {
  on<N extends Name<Events>>(name: N, listener: Events[N]): this;
  once<N extends Name<Events>>(name: N, listener: Events[N]): this;
  off<N extends Name<Events>>(name?: N, listener?: Events[N]): this;
  removeListener<N extends Name<Events>>(name?: N, listener?: Events[N]): this;
  removeAllListeners<N extends Name<Events>>(name?: N): this;
  listeners<N extends Name<Events>>(name: N): Events[N][];
  hasListeners(name: Name<Events>): boolean;
}

interface EngineEvents {
  open: () => void;
  ping: () => void;
  message: (data: string | ArrayBuffer) => void;
  upgrade: (transport: Transport) => void;
  upgradeError: (error: Error) => void;
  close: (reason: string, details?: Error) => void;
}

export interface Transport {
  readonly name: "polling" | "websocket";
  readonly writable: boolean;
}

export interface Engine extends Emitter<EngineEvents> {
  readonly id: string | undefined;
  readonly transport: Transport;
  close(): this;
}

interface ManagerEvents {
  open: () => void;
  close: (reason: string, details?: Error) => void;
  error: (error: Error) => void;
  ping: () => void;
  reconnect: (attempts: number) => void;
  reconnect_attempt: (attempt: number) => void;
  reconnect_error: (error: Error) => void;
  reconnect_failed: () => void;
  /** Only in this client: the next attempt comes in so many milliseconds. */
  reconnect_wait: (delay: number, attempt: number) => void;
}

export interface Manager extends Emitter<ManagerEvents> {}

export class Manager {
  constructor(address?: string, options?: ManagerOptions);
  opts: ManagerOptions;
  readonly engine: Engine;
  open(): this;
  connect(): this;
  socket<Listen = EventsMap, Emit = Listen>(nsp: string, options?: SocketOptions): Socket<Listen, Emit>;
  reconnection(): boolean;
  reconnection(value: boolean): this;
  reconnectionAttempts(): number;
  reconnectionAttempts(value: number): this;
  reconnectionDelay(): number;
  reconnectionDelay(value: number): this;
  reconnectionDelayMax(): number;
  reconnectionDelayMax(value: number): this;
  randomizationFactor(): number;
  randomizationFactor(value: number): this;
  timeout(): number | false;
  timeout(value: number | false): this;
}

interface SocketEvents {
  connect: () => void;
  connect_error: (error: Error & { data?: any }) => void;
  disconnect: (reason: DisconnectReason, details?: Error) => void;
}

/** A socket with conditions for one event. */
export interface Sender<Emit> {
  emit<N extends Name<Emit>>(name: N, ...args: Args<Emit, N>): unknown;
  emitWithAck<N extends Name<Emit>>(name: N, ...args: WithoutAck<Args<Emit, N>>): Promise<Answer<Args<Emit, N>>>;
  send(...args: any[]): unknown;
  timeout(ms: number): ImpatientSender<Emit>;
  readonly volatile: Sender<Emit>;
  compress(value: boolean): this;
}

export interface ImpatientSender<Emit> {
  emit<N extends Name<Emit>>(name: N, ...args: ErrorFirst<Args<Emit, N>>): unknown;
  emitWithAck<N extends Name<Emit>>(name: N, ...args: WithoutAck<Args<Emit, N>>): Promise<Answer<Args<Emit, N>>>;
  send(...args: any[]): unknown;
  timeout(ms: number): ImpatientSender<Emit>;
  readonly volatile: ImpatientSender<Emit>;
  compress(value: boolean): this;
}

type Heard<Listen> = SocketEvents & Omit<Listen, keyof SocketEvents>;
type AnyListener = (name: string, ...args: any[]) => void;

export interface Socket<Listen = EventsMap, Emit = Listen> extends Emitter<Heard<Listen>>, Sender<Emit> {}

export class Socket<Listen = EventsMap, Emit = Listen> {
  private constructor();
  readonly io: Manager;
  readonly nsp: string;
  auth: Auth;
  readonly id: string | undefined;
  readonly connected: boolean;
  readonly disconnected: boolean;
  /** Connected, or trying to be: not after a goodbye, nor after a refusal. */
  readonly active: boolean;
  /** Whether the server has kept what this socket missed. */
  readonly recovered: boolean;
  connect(): this;
  open(): this;
  disconnect(): this;
  close(): this;
  emit<N extends Name<Emit>>(name: N, ...args: Args<Emit, N>): this;
  send(...args: any[]): this;
  onAny(listener: AnyListener): this;
  prependAny(listener: AnyListener): this;
  offAny(listener?: AnyListener): this;
  listenersAny(): AnyListener[];
  onAnyOutgoing(listener: AnyListener): this;
  prependAnyOutgoing(listener: AnyListener): this;
  offAnyOutgoing(listener?: AnyListener): this;
  listenersAnyOutgoing(): AnyListener[];
}

export const protocol: number;

export interface Lookup {
  <Listen = EventsMap, Emit = Listen>(address?: string, options?: Options): Socket<Listen, Emit>;
  <Listen = EventsMap, Emit = Listen>(options: Options): Socket<Listen, Emit>;
  io: Lookup;
  connect: Lookup;
  Manager: typeof Manager;
  Socket: typeof Socket;
}

/** Return the socket of a namespace, e.g. `io()`, `io("/admin")`, `io("https://host/admin", { auth: { token } })`. */
export const io: Lookup;
export { io as connect, io as default };
