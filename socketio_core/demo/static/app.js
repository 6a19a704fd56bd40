/** The chat page: what it knows, what it asks of the server, what it does when the server tells it something. */

import { LinkStatus, MessageList, Scroller, avatar, byId, personItem, randomName, roomItem } from "./view.js";
import { replaceItems, setUpDrawers, typingText } from "./view.js";

const LOBBY = "lobby";
const ACK_TIMEOUT_MS = 5000;
const TYPING_REPEAT_MS = 2000; // while somebody types, the others are told this often,
const TYPING_EXPIRES_MS = 5000; // and forget it when they were not told for this long
const MAX_TEXT = 2000;
const FEW_LEFT = 200; // characters, from here on the page counts them
const STORED = "chat"; // the name of what a page leaves for itself when it is reloaded

const { io } = globalThis; // of /socket.io/socket.io.js, which is npm's client or ours: everything below works with either

class Room {
  list = new MessageList("Nothing was said here lately. Say hello!");
  online = []; // nicknames
  typing = new Map(); // nickname -> the timer that ends it
  undelivered = new Set(); // own messages that are on their way or wait for the connection
  changes = []; // who came and went while the room was being joined: [nickname, isHere]
  isJoined = false;
  wasJoined = false;
  unread = 0;
  draft = "";

  constructor(name) {
    this.name = name;
  }
}

const me = { nickname: "", tab: randomKey() };
const rooms = new Map(); // name -> Room: those that this page is in, or will be in when it is connected
let current = null; // the room that is shown
let overview = new Map(); // name -> how many are online: all rooms of the server
let lastTypingAt = 0;

const socket = io({ autoConnect: false, auth: (give) => give({ nickname: me.nickname, tab: me.tab }) });
const link = new LinkStatus(connectNow);
const scroller = new Scroller();
const closeDrawers = setUpDrawers();

function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Ask the server. The answer is {ok: true, ...} or {ok: false, error}; without one, it is {ok: false, isSilent: true}. */
function ask(event, request) {
  return new Promise((resolve) => {
    socket.timeout(ACK_TIMEOUT_MS).emit(event, request, (error, answer) => {
      resolve(error ? { ok: false, isSilent: true, error: "no answer from the server" } : answer);
    });
  });
}

/* The connection. */

socket.on("welcome", async ({ nickname, rooms: all }) => {
  const wanted = me.nickname;
  me.nickname = nickname;
  overview = new Map(all.map((room) => [room.name, room.online]));
  link.set("connected");
  showChat();
  await Promise.all([...rooms.values()].map(join));
  if (nickname !== wanted) notify(current, `Somebody else is ${wanted}, so you are ${nickname}.`);
});

socket.on("connect_error", (error) => {
  if (!socket.active) showDoor(`${error.message}.`); // refused: the name will not do, or the chat is full
  else if (document.body.dataset.screen === "door") byId("door-problem").textContent = "No answer yet, still trying.";
});

socket.on("disconnect", (reason) => {
  for (const room of rooms.values()) leaveBehind(room);
  overview.clear(); // the server says it all again
  showRooms();
  if (socket.active) link.set("waiting", "Connection lost, reconnecting");
  else if (reason !== "io client disconnect") link.set("closed", "The server ended this connection.");
});

socket.io.on("reconnect_error", () => link.set("waiting", "Connection lost, reconnecting"));
socket.io.on("reconnect_wait", (delay) => link.set("waiting", "Connection lost, reconnecting", delay));
socket.io.on("reconnect_attempt", () => link.set("connecting", "Reconnecting"));

function connectNow() {
  link.set("connecting", "Connecting");
  socket.disconnect().connect(); // the first ends a wait between two attempts
}

function connectIfWaiting() {
  if (socket.active && !socket.connected && !document.hidden) connectNow();
}

window.addEventListener("online", connectIfWaiting);
document.addEventListener("visibilitychange", () => {
  connectIfWaiting();
  if (current && !document.hidden) markAsRead(current);
});

/* Rooms, and who is there. */

async function join(room) {
  room.changes = [];
  const answer = await ask("join", { room: room.name });
  if (rooms.get(room.name) !== room) return; // left meanwhile
  if (answer.isSilent) return socket.connected ? join(room) : undefined; // the next connection asks again
  if (!answer.ok) return giveUp(room, answer.error);
  // What changed while the answer was on its way may or may not be in it: applied once more, it is right either way.
  const online = new Set(answer.online);
  for (const [nickname, isHere] of room.changes) isHere ? online.add(nickname) : online.delete(nickname);
  room.isJoined = true;
  setOnline(room, [...online]);
  for (const message of answer.history) showMessage(room, message, room.wasJoined);
  room.wasJoined = true;
  for (const item of room.undelivered) send(room, item);
  if (room === current) showComposer();
}

function giveUp(room, error) {
  forget(room);
  notify(current, `${room.name} cannot be joined: ${error}.`);
}

function openRoom(name) {
  name = name.trim().replace(/\s+/g, " ").toLowerCase() || LOBBY;
  let room = rooms.get(name);
  if (!room) {
    rooms.set(name, (room = new Room(name)));
    scroller.add(room.list.element);
    if (socket.connected) join(room);
  }
  if (room !== current) {
    stopTyping();
    if (current) current.draft = byId("text").value;
    byId("text").value = room.draft;
    current = room;
    history.replaceState(null, "", `#${encodeURIComponent(name)}`);
    scroller.show(room.list.element);
    showTyping();
  }
  markAsRead(room);
  showPeople();
  showComposer();
}

async function leave(room) {
  if (socket.connected) await ask("leave", { room: room.name });
  forget(room);
}

function forget(room) {
  room.list.element.remove();
  rooms.delete(room.name);
  if (room === current) openRoom(rooms.keys().next().value ?? LOBBY);
  showRooms();
}

/** The connection is lost: nobody is here any more, as far as this page can know. */
function leaveBehind(room) {
  room.isJoined = false;
  for (const nickname of [...room.typing.keys()]) endTyping(room, nickname);
  setOnline(room, []);
}

socket.on("room", ({ name, online }) => {
  if (online || name === LOBBY) overview.set(name, online);
  else overview.delete(name); // the server forgets an empty room
  showRooms();
});
socket.on("joined", ({ room, nickname }) => change(rooms.get(room), nickname, true));
socket.on("left", ({ room, nickname }) => change(rooms.get(room), nickname, false));

function change(room, nickname, isHere) {
  if (!room) return;
  room.changes.push([nickname, isHere]);
  if (!room.isJoined) return;
  room.changes = [];
  endTyping(room, nickname);
  const others = room.online.filter((other) => other !== nickname);
  setOnline(room, isHere ? [...others, nickname] : others);
  notify(room, `${nickname} ${isHere ? "came in" : "left"}`);
}

function setOnline(room, nicknames) {
  room.online = nicknames;
  if (room === current) showPeople();
}

/* Messages. */

socket.on("message", (message) => {
  const room = rooms.get(message.room);
  if (!room) return;
  endTyping(room, message.nickname);
  showMessage(room, message, true);
});

function showMessage(room, message, isNews) {
  const isAdded = scroller.keepEnd(room.list.element, () => room.list.add(message));
  if (!isAdded || !isNews || message.mine || (room === current && !document.hidden)) return;
  room.unread += 1;
  showRooms();
}

function notify(room, text) {
  scroller.keepEnd(room.list.element, () => room.list.addNotice(text));
}

function say(room, text) {
  const item = room.list.addOwn({ nickname: me.nickname, text, onRetry: () => send(room, item) });
  item.request = { room: room.name, text, key: randomKey() };
  scroller.toEnd();
  send(room, item);
}

/** Send an own message, perhaps again: by its key the server knows what it has got already. */
async function send(room, item) {
  room.undelivered.add(item);
  if (!room.isJoined) return room.list.setState(item, "waiting");
  room.list.setState(item, "sending");
  const startedAt = performance.now();
  const answer = await ask("message", item.request);
  if (!answer.ok && !socket.connected) return room.list.setState(item, "waiting");
  room.undelivered.delete(item);
  scroller.keepEnd(room.list.element, () => {
    if (answer.ok) room.list.deliver(item, answer.id, answer.at, Math.round(performance.now() - startedAt));
    else room.list.setState(item, "failed", answer.error);
  });
}

function markAsRead(room) {
  room.unread = 0;
  showRooms();
}

/* Who is typing. */

socket.on("typing", ({ room: name, nickname, typing }) => {
  const room = rooms.get(name);
  if (!room) return;
  endTyping(room, nickname);
  if (typing) room.typing.set(nickname, setTimeout(() => endTyping(room, nickname), TYPING_EXPIRES_MS));
  if (room === current) showTyping();
});

function endTyping(room, nickname) {
  clearTimeout(room.typing.get(nickname));
  if (room.typing.delete(nickname) && room === current) showTyping();
}

function tellTyping() {
  if (!byId("text").value.trim()) return stopTyping();
  if (!current.isJoined || Date.now() - lastTypingAt < TYPING_REPEAT_MS) return;
  lastTypingAt = Date.now();
  socket.emit("typing", { room: current.name, typing: true });
}

function stopTyping() {
  if (lastTypingAt && current?.isJoined) socket.emit("typing", { room: current.name, typing: false });
  lastTypingAt = 0;
}

/* What is on the screen. */

function showDoor(problem = "") {
  document.body.dataset.screen = "door";
  byId("door").hidden = false;
  byId("chat").hidden = true;
  byId("door-problem").textContent = problem;
  setEntering(false);
  byId("nickname").value = me.nickname || randomName();
  byId("nickname").select();
}

function setEntering(isEntering) {
  byId("enter").disabled = isEntering;
  byId("enter").textContent = isEntering ? "Connecting…" : "Enter the chat";
}

function showChat() {
  byId("my-name").textContent = me.nickname;
  avatar(me.nickname, byId("my-avatar"));
  if (document.body.dataset.screen === "chat") return;
  document.body.dataset.screen = "chat";
  byId("door").hidden = true;
  byId("chat").hidden = false;
  showRooms();
  byId("text").focus();
}

function showRooms() {
  const mine = [...rooms.values()].map((room) =>
    roomItem(room.name, {
      isCurrent: room === current,
      unread: room.unread,
      online: overview.get(room.name),
      onOpen: () => visit(room.name),
      onLeave: rooms.size > 1 && room.name !== LOBBY ? () => leave(room) : undefined,
    }),
  );
  const others = [...overview].filter(([name]) => !rooms.has(name)).sort(lobbyFirst);
  replaceItems(byId("my-rooms"), mine);
  replaceItems(byId("other-rooms"), others.map(([name, online]) => roomItem(name, { online, onOpen: () => visit(name) })));
  byId("other-rooms-part").hidden = others.length === 0;
  const unread = [...rooms.values()].reduce((sum, room) => sum + room.unread, 0);
  byId("all-unread").hidden = unread === 0;
  byId("all-unread").textContent = unread > 99 ? "99+" : String(unread);
  document.title = `${unread ? `(${unread}) ` : ""}${current ? `#${current.name} · ` : ""}Chat`;
}

function lobbyFirst([name], [other]) {
  return (other === LOBBY) - (name === LOBBY) || name.localeCompare(other);
}

function visit(name) {
  openRoom(name);
  closeDrawers();
}

function showPeople() {
  const others = current.online.filter((nickname) => nickname !== me.nickname).sort((a, b) => a.localeCompare(b));
  const everybody = current.isJoined ? [me.nickname, ...others] : [];
  const items = everybody.map((nickname) => personItem(nickname, nickname === me.nickname, current.typing.has(nickname)));
  replaceItems(byId("people"), items);
  byId("people-title").textContent = `Online in this room: ${everybody.length}`;
  byId("room-title").textContent = `# ${current.name}`;
  const [first, ...more] = others;
  const company = first ? `you and ${more.length ? `${others.length} others` : first}` : "only you are here";
  byId("room-subtitle").textContent = current.isJoined ? company : "not connected";
}

function showTyping() {
  const text = typingText([...current.typing.keys()]);
  byId("typing-text").textContent = text;
  byId("typing").classList.toggle("is-on", text !== "");
  showPeople();
}

function showComposer() {
  const text = byId("text");
  const left = MAX_TEXT - text.value.length;
  text.placeholder = `Message to #${current.name}`;
  byId("text-left").textContent = left <= FEW_LEFT ? String(left) : "";
  byId("composer").classList.toggle("is-empty", !text.value.trim());
  if (CSS.supports("field-sizing", "content")) return;
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight}px`;
}

/* What the person does. */

byId("door-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const nickname = byId("nickname").value.trim();
  if (!nickname) return;
  me.nickname = nickname;
  byId("door-problem").textContent = "";
  setEntering(true);
  openRoom(byId("first-room").value);
  connectNow();
});

byId("join-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = byId("room-name").value.trim();
  byId("room-name").value = "";
  if (name) visit(name);
});

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("text").value.trim();
  if (!text) return;
  say(current, text);
  byId("text").value = "";
  lastTypingAt = 0; // the message itself tells the others that the typing is over
  showComposer();
  byId("text").focus();
});

byId("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("composer").requestSubmit();
});

byId("text").addEventListener("input", () => {
  tellTyping();
  showComposer();
});

byId("exit").addEventListener("click", () => {
  socket.disconnect();
  for (const room of rooms.values()) room.list.element.remove();
  rooms.clear();
  current = null;
  closeDrawers();
  showDoor();
});

window.addEventListener("hashchange", () => current && openRoom(roomInAddress()));

function roomInAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

/* A reloaded page is the same person in the same rooms. Only while it is being reloaded does the browser hold what makes
   it so, because a duplicated tab gets a copy of it, and two pages cannot be one person. */

window.addEventListener("pagehide", () => {
  if (!current) return;
  const kept = { ...me, rooms: [...rooms.keys()], current: current.name };
  sessionStorage.setItem(STORED, JSON.stringify(kept));
});
window.addEventListener("pageshow", () => sessionStorage.removeItem(STORED));

function start() {
  const note = document.documentElement.dataset.client === "official" ? "official bundle" : "built in";
  for (const element of document.querySelectorAll("[data-client-note]")) element.textContent = `Socket.IO client: ${note}`;
  const kept = JSON.parse(sessionStorage.getItem(STORED) ?? "null");
  byId("first-room").value = roomInAddress();
  if (!kept) return showDoor();
  sessionStorage.removeItem(STORED);
  Object.assign(me, { nickname: kept.nickname, tab: kept.tab });
  for (const name of kept.rooms) openRoom(name);
  openRoom(roomInAddress() || kept.current);
  showDoor();
  setEntering(true);
  connectNow();
}

start();
