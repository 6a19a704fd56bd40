/** What the page looks like: builds and changes elements. Whatever people wrote goes in as text, never as markup. */

const MAX_ITEMS = 500; // messages and notices that a room keeps on the page
const GROUP_MS = 5 * 60 * 1000; // messages of one person within this time stand together

const timeFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export const byId = (id) => document.getElementById(id);

/** Make an element; children are elements or plain text. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** Give an element the colour of a name: one of twelve, so that two of them are either far apart or the same. */
function colour(element, nickname) {
  let hash = 7;
  for (const character of nickname) hash = (Math.imul(hash, 16777619) ^ character.codePointAt(0)) >>> 0;
  element.style.setProperty("--hue", String(((hash ^ (hash >>> 15)) % 12) * 30 + 20));
  return element;
}

export function avatar(nickname, element = make("span", { class: "avatar", "aria-hidden": "true" })) {
  const words = nickname.split(" ");
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  element.textContent = letters.map((word) => [...word][0].toUpperCase()).join("");
  return colour(element, nickname);
}

/** The messages of one room, in the order of their ids; what is still under way stands last. */
export class MessageList {
  element = make("ol", { class: "messages", role: "log", "aria-live": "polite", "aria-label": "Messages" });
  #items = []; // {element, order, ...}, as they stand on the page
  #seen = new Map(); // id of a message -> its item

  constructor(emptyText) {
    this.element.append(make("li", { class: "empty" }, emptyText));
  }

  /** Show a message of somebody, or an own one that was delivered before; false if it is there already. */
  add({ id, nickname, text, at, mine }) {
    if (this.#seen.has(id)) return false;
    const item = this.#messageItem({ nickname, text, at, mine, state: mine ? "delivered" : undefined });
    item.order = id;
    this.#seen.set(id, item);
    this.#insert(item);
    return true;
  }

  /** Show an own message that is on its way; what is returned goes into `setState` and `deliver`. */
  addOwn({ nickname, text, onRetry }) {
    const item = this.#messageItem({ nickname, text, at: Date.now(), mine: true, state: "sending" });
    item.onRetry = onRetry;
    item.order = Infinity;
    this.#insert(item);
    return item;
  }

  /** Change the mark of an own message: sending, waiting (for the connection), failed (with the reason). */
  setState(item, state, reason = "") {
    item.element.dataset.state = state;
    item.mark.replaceChildren(icon(state === "waiting" ? "sending" : state), make("span", { class: "hidden-label" }, state));
    item.mark.title = state;
    item.element.querySelector(".failure")?.remove();
    if (state !== "failed") return;
    const retry = make("button", { type: "button" }, "Try again");
    retry.addEventListener("click", item.onRetry);
    item.element.append(make("p", { class: "failure", role: "alert" }, `Not delivered: ${reason}`, retry));
  }

  /** An own message has arrived: it gets its id, its time, and with them its place. */
  deliver(item, id, at, tookMs) {
    this.#takeOut(item);
    if (this.#seen.has(id)) return item.element.remove(); // the history told us before the answer did
    this.setState(item, "delivered");
    item.mark.title = `delivered in ${tookMs} ms`;
    item.order = id;
    this.#setTime(item, at);
    this.#seen.set(id, item);
    this.#insert(item);
  }

  addNotice(text) {
    this.#insert({ element: make("li", { class: "notice" }, text), order: this.#lastId(), at: Date.now() });
  }

  #lastId() {
    return this.#items.findLast((item) => item.order !== Infinity)?.order ?? 0;
  }

  #messageItem({ nickname, text, at, mine, state }) {
    const time = make("time");
    const mark = make("span", { class: "mark" });
    const meta = make("span", { class: "meta" }, time, ...(mine ? [mark] : []));
    const bubble = make("div", { class: "bubble" }, make("span", { class: "text" }, text), meta);
    const author = make("p", { class: mine ? "author hidden-label" : "author" }, mine ? "You" : nickname);
    const element = make("li", { class: mine ? "message mine" : "message" }, author, bubble);
    if (!mine) element.prepend(avatar(nickname));
    colour(element, nickname);
    const item = { element, mark, time, nickname, mine };
    this.#setTime(item, at);
    if (state) this.setState(item, state);
    return item;
  }

  #setTime(item, at) {
    item.at = at;
    item.time.dateTime = new Date(at).toISOString();
    item.time.textContent = timeFormat.format(at);
  }

  #insert(item) {
    const index = this.#items.findLastIndex((other) => other.order <= item.order) + 1;
    this.#items.splice(index, 0, item);
    const next = this.#items[index + 1]?.day ?? this.#items[index + 1]?.element ?? null;
    // What is in its place already stays untouched, else it would flicker and be read aloud again.
    if (!item.element.isConnected || item.element.nextElementSibling !== next) this.element.insertBefore(item.element, next);
    this.#arrange(index);
    this.#arrange(index + 1);
    if (this.element.checkVisibility?.()) item.element.classList.add("fresh");
    item.element.addEventListener("animationend", () => item.element.classList.remove("fresh"), { once: true });
    if (this.#items.length > MAX_ITEMS) this.#forget(this.#items[0]);
  }

  /** Take an item out of the order; its element stays where it is. */
  #takeOut(item) {
    const index = this.#items.indexOf(item);
    this.#items.splice(index, 1);
    item.day?.remove();
    item.day = undefined;
    this.#arrange(index);
  }

  #forget(item) {
    this.#takeOut(item);
    this.#seen.delete(item.order);
    item.element.remove();
  }

  /** Decide whether an item continues the one before, and whether a new day begins with it. */
  #arrange(index) {
    const item = this.#items[index];
    const previous = this.#items[index - 1];
    const isSame = item?.nickname && item.nickname === previous?.nickname && item.mine === previous.mine;
    const continues = Boolean(isSame && item.at - previous.at < GROUP_MS);
    item?.element.classList.toggle("continues", continues);
    previous?.element.classList.toggle("continued", continues);
    if (!item) return;
    item.day?.remove();
    item.day = undefined;
    const day = dayFormat.format(item.at);
    if (day === dayFormat.format(previous?.at ?? Date.now())) return;
    item.day = make("li", { class: "day" }, day);
    item.element.before(item.day);
  }
}

/** One line of a list of rooms. */
export function roomItem(room, { isCurrent = false, unread = 0, online, onOpen, onLeave }) {
  const open = make(
    "button",
    { type: "button", class: "room", "aria-current": isCurrent ? "true" : undefined },
    make("span", { class: "hash", "aria-hidden": "true" }, "#"),
    make("span", { class: "name" }, room),
  );
  open.classList.toggle("has-unread", unread > 0);
  open.classList.toggle("can-leave", Boolean(onLeave));
  if (unread > 0) open.append(make("span", { class: "badge" }, unread > 99 ? "99+" : String(unread), hidden(" unread")));
  else if (online !== undefined) open.append(make("span", { class: "count" }, String(online), hidden(" online")));
  open.addEventListener("click", onOpen);
  const item = make("li", {}, open);
  if (onLeave) {
    const leave = make("button", { type: "button", class: "leave-room", "aria-label": `Leave ${room}`, title: "Leave" });
    leave.append(icon("close"));
    leave.addEventListener("click", onLeave);
    item.append(leave);
  }
  return item;
}

export function personItem(nickname, isMe, isTyping) {
  const note = isTyping ? "typing" : isMe ? "you" : "";
  return make("li", {}, avatar(nickname), make("span", { class: "name" }, nickname), make("span", { class: "note" }, note));
}

export function hidden(text) {
  return make("span", { class: "hidden-label" }, text);
}

/** "Ann is typing", "Ann and Ben are typing", "Ann and 2 others are typing". */
export function typingText(nicknames) {
  if (nicknames.length === 0) return "";
  if (nicknames.length === 1) return `${nicknames[0]} is typing`;
  if (nicknames.length === 2) return `${nicknames[0]} and ${nicknames[1]} are typing`;
  return `${nicknames[0]} and ${nicknames.length - 1} others are typing`;
}

/** Put new items into a list; the keyboard focus stays with the button that says the same. */
export function replaceItems(list, items) {
  const focused = list.contains(document.activeElement) ? label(document.activeElement) : undefined;
  list.replaceChildren(...items);
  if (focused) [...list.querySelectorAll("button")].find((button) => label(button) === focused)?.focus();
}

function label(button) {
  return button.getAttribute("aria-label") ?? button.querySelector(".name")?.textContent;
}

export function randomName() {
  const pick = (words) => words[Math.floor(Math.random() * words.length)];
  return `${pick(["Quiet", "Swift", "Merry", "Clever", "Gentle", "Bold"])} ${pick(["Otter", "Heron", "Fox", "Finch", "Hare", "Seal"])}`;
}

/** The part that scrolls: it shows one list at a time, and keeps the end of it in view for whoever is there. */
export class Scroller {
  #element = byId("scroller");
  #shown = null;
  #places = new WeakMap(); // list -> scrollTop when it was shown last; the end if it is not in here

  constructor() {
    byId("jump").addEventListener("click", () => this.toEnd());
    let isAtEnd = true;
    const look = () => {
      isAtEnd = this.#isAtEnd();
      if (isAtEnd) byId("jump").hidden = true;
    };
    this.#element.addEventListener("scroll", look, { passive: true });
    // The page gets smaller when the keyboard of a phone comes up.
    new ResizeObserver(() => isAtEnd && this.toEnd()).observe(this.#element);
  }

  add(list) {
    list.hidden = true;
    this.#element.append(list);
  }

  show(list) {
    if (this.#shown) {
      if (this.#isAtEnd()) this.#places.delete(this.#shown);
      else this.#places.set(this.#shown, this.#element.scrollTop);
      this.#shown.hidden = true;
    }
    this.#shown = list;
    list.hidden = false;
    byId("jump").hidden = true;
    this.#element.scrollTop = this.#places.get(list) ?? this.#element.scrollHeight;
  }

  /** Make a change to a list. Whoever is at its end stays there; others get a button that goes there. */
  keepEnd(list, change) {
    const wasAtEnd = this.#isAtEnd();
    const result = change();
    if (list !== this.#shown) return result;
    if (wasAtEnd) this.toEnd();
    else if (!this.#isAtEnd()) byId("jump").hidden = false;
    return result;
  }

  toEnd() {
    this.#element.scrollTop = this.#element.scrollHeight;
    byId("jump").hidden = true;
  }

  #isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#element;
    return scrollHeight - scrollTop - clientHeight < 60;
  }
}

/** The state of the connection: connecting, connected, waiting (to try again), closed. */
export class LinkStatus {
  #timer;

  constructor(onRetry) {
    byId("retry-now").addEventListener("click", onRetry);
  }

  /** Show a state; `delay` is how many ms the next attempt is away, if that is known. */
  set(state, text = "", delay = undefined) {
    clearInterval(this.#timer);
    document.body.dataset.link = state;
    byId("short-status").textContent = { connected: "online", connecting: "connecting", waiting: "reconnecting", closed: "not connected" }[state];
    byId("banner").hidden = state === "connected";
    byId("banner-text").textContent = text;
    byId("retry-now").hidden = state === "connecting";
    byId("countdown").textContent = "";
    if (delay === undefined) return;
    const until = Date.now() + delay;
    const show = () => (byId("countdown").textContent = ` in ${Math.max(1, Math.ceil((until - Date.now()) / 1000))} s`);
    show();
    this.#timer = setInterval(show, 250);
  }
}

/** Let the lists at the sides open and close on narrow screens; returns a function that closes them. */
export function setUpDrawers() {
  let opener = null;
  const close = () => {
    document.querySelector(".drawer.is-open")?.classList.remove("is-open");
    opener?.focus();
    opener = null;
  };
  for (const [buttonId, drawerId] of [["open-rooms", "rooms-drawer"], ["open-people", "people-drawer"]]) {
    byId(buttonId).addEventListener("click", (event) => {
      opener = event.currentTarget;
      byId(drawerId).classList.add("is-open");
      byId(drawerId).querySelector("[data-close-drawer]").focus();
    });
  }
  for (const element of document.querySelectorAll("[data-close-drawer]")) element.addEventListener("click", close);
  document.addEventListener("keydown", (event) => event.key === "Escape" && close());
  return close;
}
