// Records what the reference parser makes of packets: `node record.cjs`, next to an installed socket.io-parser 4.
"use strict";
const { writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { Decoder, Encoder } = require("socket.io-parser");

const B = (...bytes) => Buffer.from(bytes);
const PH = (num) => ({ _placeholder: true, num });
const nested = (depth) => "[".repeat(depth) + "]".repeat(depth);

const TEXTS = {
  ascii: "plain",
  quotes: 'say "hi" \\ and / on',
  control: "\u0000\u0001\b\t\n\v\f\r\u001f\u007f",
  latin: "é à ß",
  greek: "Ελληνικά",
  cjk: "日本語テキスト",
  arabic_digits: "٠١٢٣",
  astral: "😀 𝄞 👩‍👩‍👧",
  line_separator: "a\u2028b\u2029c",
  bom: "\ufeffx\ufffe\uffff",
  separator: "\u001e",
  high_surrogate: "x\ud83d",
  low_surrogate: "\ude00y",
  swapped_surrogates: "\ude00\ud83d",
  empty: "",
  markup: "</script><!--",
  placeholder_text: '{"_placeholder":true,"num":0}',
};

const VALUES = {
  null: null,
  true: true,
  false: false,
  zero: 0,
  negative: -1,
  safe_integer: Number.MAX_SAFE_INTEGER,
  fraction: 0.1,
  negative_fraction: -2.5,
  empty_list: [],
  empty_object: {},
  nested_lists: [[[[["deep"]]]]],
  key_order: { z: 1, a: 2, m: { y: 1, b: 2 } },
  odd_keys: { "": 0, " ": 1, "é": 2, '"': 3, "0": 4, constructor: 5 },
  list_of_objects: [{ id: 1 }, { id: 2 }],
  placeholder_without_bytes: { _placeholder: true, num: 0 },
  null_member: { a: null, b: [null, null] },
};

const BINARIES = {
  one: ["e", B(1, 2, 3)],
  empty_bytes: ["e", B()],
  all_bytes: ["e", Buffer.from(Array.from({ length: 256 }, (_, i) => i))],
  in_object: ["e", { file: B(1), name: "x" }],
  in_list: ["e", [B(1), [B(2), [B(3)]]]],
  two_arguments: ["e", B(1), B(2)],
  depth_first: ["e", { a: { b: B(1) }, c: B(2) }, [B(3)], B(4)],
  between_text: ["e", "é", B(1), "😀", B(2), null],
  ten: ["e", ...Array.from({ length: 10 }, (_, i) => B(i))],
  same_twice: ((same) => ["e", same, same])(B(7)),
};

const NAMESPACES = ["/", "/admin", "/a/b", "/with space", "/ünïcödé", "/?token=1", "/1", "/[x]", "/-", '/"q"'];
const IDS = [0, 1, 9, 10, 123456789, Number.MAX_SAFE_INTEGER];

function packetsToEncode() {
  const packets = [];
  const add = (name, packet) => packets.push({ name, packet });
  for (const [name, text] of Object.entries(TEXTS)) add(`text ${name}`, { type: 2, nsp: "/", data: ["e", text] });
  for (const [name, value] of Object.entries(VALUES)) add(`value ${name}`, { type: 2, nsp: "/", data: ["e", value] });
  for (const [name, data] of Object.entries(BINARIES)) add(`binary ${name}`, { type: 2, nsp: "/", data });
  for (const [name, data] of Object.entries(BINARIES))
    add(`binary ack ${name}`, { type: 3, nsp: "/n", id: 7, data: data.slice(1) });
  for (const nsp of NAMESPACES) add(`namespace ${nsp}`, { type: 2, nsp, data: ["e"] });
  for (const id of IDS) add(`event id ${id}`, { type: 2, nsp: "/", id, data: ["e", 1] });
  for (const id of IDS) add(`ack id ${id}`, { type: 3, nsp: "/admin", id, data: [] });
  add("event name text", { type: 2, nsp: "/", data: ["日本 \u2028"] });
  add("event name empty", { type: 2, nsp: "/", data: [""] });
  add("event name digits", { type: 2, nsp: "/", data: ["1"] });
  add("connect", { type: 0, nsp: "/" });
  add("connect with sid", { type: 0, nsp: "/", data: { sid: "abc" } });
  add("connect to a namespace", { type: 0, nsp: "/admin" });
  add("connect with sid to a namespace", { type: 0, nsp: "/admin", data: { sid: "abc" } });
  add("disconnect", { type: 1, nsp: "/" });
  add("disconnect a namespace", { type: 1, nsp: "/admin" });
  add("connect error", { type: 4, nsp: "/", data: { message: "no", data: { code: 1, why: "é" } } });
  add("connect error in a namespace", { type: 4, nsp: "/x", data: { message: "Invalid namespace" } });
  return packets;
}

const FRAMES_TO_DECODE = {
  "connect": ["0"],
  "connect with auth": ['0{"token":"é"}'],
  "connect to a namespace": ["0/admin,"],
  "connect to a namespace without comma": ["0/admin"],
  "connect to a namespace with auth": ['0/admin,{"a":[1]}'],
  "connect with a query": ["0/?token=1,"],
  "disconnect": ["1"],
  "disconnect a namespace": ["1/admin,"],
  "event": ['2["a"]'],
  "event with arguments": ['2["a",1,-2.5,1e3,true,false,null,"x",[],{}]'],
  "event with unicode": ['2["é","😀","日本","\u2028","\ufeff"]'],
  "event with escapes": ['2["\\u00e9\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\\"\\\\"]'],
  "event with escaped lone surrogates": ['2["a","\\ud83d","\\ude00","\\ude00\\ud83d"]'],
  "event with id 0": ['20["a"]'],
  "event with id": ['2123["a"]'],
  "event with leading zeros in the id": ['2007["a"]'],
  "event with a large id": ['29007199254740991["a"]'],
  "event with an id beyond 2^53": ['29007199254740993["a"]'],
  "event with an id of 22 digits": ['21000000000000000000000["a"]'],
  "event with an id of 308 digits": [`2${"9".repeat(308)}["a"]`],
  "event with an id of 309 digits": [`21${"0".repeat(308)}["a"]`],
  "event in a namespace": ['2/admin,["a"]'],
  "event in a namespace with id": ['2/admin,12["a"]'],
  "event in a namespace that looks like json": ['2/["a"],["b"]'],
  "event in a namespace with digits": ['2/12,34["b"]'],
  "event with a comma in the data": ['2["a,b",{"c":","}]'],
  "event with spaces in the json": ['2[ "a" , 1 ]'],
  "event with space behind the json": ['2["a"] \t\r\n'],
  "event with duplicate keys": ['2["a",{"k":1,"k":2}]'],
  "event with a number out of range": ['2["a",1e400]'],
  "event with a number too small": ['2["a",1e-400]'],
  "event named connection": ['2["connection"]'],
  "event named error": ['2["error"]'],
  "event named new_namespace": ['2["new_namespace"]'],
  "event with an empty name": ['2[""]'],
  "event with __proto__": ['2["a",{"__proto__x":1}]'],
  "event nested 128 deep": [`2["a",${nested(127)}]`],
  "event nested 129 deep": [`2["a",${nested(128)}]`],
  "ack": ['30["a"]'],
  "ack without arguments": ["312[]"],
  "ack in a namespace": ['3/admin,5[{"a":1}]'],
  "ack with a reserved name": ['31["connect"]'],
  "connect error": ['4{"message":"x"}'],
  "connect error text": ['4"x"'],
  "binary event": ['51-["a",{"_placeholder":true,"num":0}]', B(1, 2)],
  "binary event with empty bytes": ['51-["a",{"_placeholder":true,"num":0}]', B()],
  "binary event with two": ['52-["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]', B(1), B(2)],
  "binary event nested": ['51-["a",{"b":[{"c":{"_placeholder":true,"num":0}}]}]', B(9)],
  "binary event in a namespace with id": ['51-/n,7["a",{"num":0,"_placeholder":true}]', B(9)],
  "binary event with one number twice": [
    '51-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]', B(5)],
  "binary event with an unused attachment": ['52-["a",{"_placeholder":true,"num":1}]', B(1), B(2)],
  "binary event without placeholders": ['51-["a"]', B(1)],
  "binary event with ten": [
    `510-["a",${Array.from({ length: 10 }, (_, i) => JSON.stringify(PH(i))).join(",")}]`,
    ...Array.from({ length: 10 }, (_, i) => B(i))],
  "binary event with a leading zero in the count": ['501-["a",{"_placeholder":true,"num":0}]', B(1)],
  "binary event with other members in the placeholder": ['51-["a",{"_placeholder":true,"num":0,"x":1}]', B(1)],
  "binary event with a placeholder that is not true": ['51-["a",{"_placeholder":1,"num":0}]', B(1)],
  "binary event with a placeholder that is text": ['51-["a",{"_placeholder":"true","num":0}]', B(1)],
  "binary event with negative zero": ['51-["a",{"_placeholder":true,"num":-0}]', B(1)],
  "binary ack": ['61-7[{"_placeholder":true,"num":0}]', B(1)],
  "binary ack in a namespace": ['61-/n,0["x",{"_placeholder":true,"num":0}]', B(1)],
  "placeholder in a text event": ['2["a",{"_placeholder":true,"num":0}]'],
  // refused by the reference
  "type 7": ['7["a"]'],
  "type 9": ["9"],
  "type letter": ['a["a"]'],
  "type of another script": ['٢["a"]'],
  "minus": ['-2["a"]'],
  "disconnect with payload": ['1["a"]'],
  "disconnect with empty object": ["1{}"],
  "connect with a list": ["0[]"],
  "connect with text": ['0"x"'],
  "connect with null": ["0null"],
  "event with an object": ["2{}"],
  "event with text": ['2"a"'],
  "event with null": ["2null"],
  "event with an empty list": ["2[]"],
  "event with null for a name": ["2[null]"],
  "event with a list for a name": ['2[["a"]]'],
  "event named connect": ['2["connect"]'],
  "event named connect_error": ['2["connect_error"]'],
  "event named disconnect": ['2["disconnect"]'],
  "event named disconnecting": ['2["disconnecting"]'],
  "event named newListener": ['2["newListener"]'],
  "event named removeListener": ['2["removeListener"]'],
  "event named disconnect in a namespace with id": ['2/a,1["disconnect"]'],
  "event with broken json": ['2["a"'],
  "event with text behind the json": ['2["a"]x'],
  "event with NaN": ['2["a",NaN]'],
  "event with Infinity": ['2["a",Infinity]'],
  "event with a trailing comma": ['2["a",]'],
  "event with single quotes": ["2['a']"],
  "event with a control character": ['2["a\n"]'],
  "event with a leading zero": ['2["a",01]'],
  "event with a bare fraction": ['2["a",.5]'],
  "event with a plus sign": ['2["a",+1]'],
  "event with a comment": ['2["a"/**/]'],
  "event with a no-break space": ['2["a",\u00a01]'],
  "event with arabic digits": ['2["a",١]'],
  "event with a bom": ['2\ufeff["a"]'],
  "ack with an object": ["31{}"],
  "connect error with a list": ["4[]"],
  "connect error with a number": ["41x"],
  "attachments without count": ['5-["a"]'],
  "attachments without dash": ['51["a"]'],
  "attachments 0": ['50-["a"]'],
  "attachments 11": ['511-["a"]'],
  "attachments letters": ['5x-["a"]'],
  "attachments fraction": ['51.5-["a"]'],
  "attachments negative": ['5-1-["a"]'],
  "attachments infinite": ['51e999-["a"]'],
  "placeholder number too large": ['51-["a",{"_placeholder":true,"num":1}]', B(1)],
  "placeholder number negative": ['51-["a",{"_placeholder":true,"num":-1}]', B(1)],
  "placeholder number text": ['51-["a",{"_placeholder":true,"num":"0"}]', B(1)],
  "placeholder number missing": ['51-["a",{"_placeholder":true}]', B(1)],
  "placeholder number null": ['51-["a",{"_placeholder":true,"num":null}]', B(1)],
  "placeholder number true": ['51-["a",{"_placeholder":true,"num":true}]', B(1)],
  "bytes without a header": [B(1)],
  "bytes behind a text event": ['2["a"]', B(1)],
  "one attachment too many": ['51-["a"]', B(1), B(2)],
  "text between attachments": ['52-["a"]', B(1), '2["b"]'],
  "text in the place of an attachment": ['51-["a"]', '2["b"]'],
  // accepted by the reference, refused here on purpose
  "empty text": [""],
  "space for a type": [" "],
  "event without payload": ["2"],
  "event without payload but id": ["212"],
  "event without payload in a namespace": ["2/admin,"],
  "event in a namespace without comma": ['2/admin["a"]'],
  "event named by a number": ["2[1]"],
  "ack without payload": ["31"],
  "ack without id": ['3["a"]'],
  "connect with id": ["01"],
  "connect with id and auth": ['01{"a":1}'],
  "disconnect with id": ["11"],
  "connect error without payload": ["4"],
  "connect error with id": ['41{"message":"x"}'],
  "id with a space": ['2 1["a"]'],
  "space before the payload": ['2 ["a"]'],
  "id with a line feed": ['21\n2["a"]'],
  "attachments in exponent form": ['51e0-["a",{"_placeholder":true,"num":0}]', B(1)],
  "attachments with a space": ['5 1-["a",{"_placeholder":true,"num":0}]', B(1)],
  "attachments in hexadecimal": ['50x1-["a",{"_placeholder":true,"num":0}]', B(1)],
  "attachments with a plus sign": ['5+1-["a",{"_placeholder":true,"num":0}]', B(1)],
  "attachments with a fraction of zero": ['51.0-["a",{"_placeholder":true,"num":0}]', B(1)],
  "placeholder number fraction": ['51-["a",{"_placeholder":true,"num":0.5}]', B(1)],
  "placeholder number as a float": ['51-["a",{"_placeholder":true,"num":0.0}]', B(1)],
  "binary event without payload": ["51-", B(1)],
  "binary ack without id": ['61-[{"_placeholder":true,"num":0}]', B(1)],
  "event nested 200 deep": [`2["a",${nested(200)}]`],
  "event with an id of 310 digits": [`2${"1".repeat(310)}["a"]`],
  "namespace of 1025 characters": [`2/${"n".repeat(1024)},["a"]`],
};

// bytes as {"$bytes": base64}, numbers that JSON lacks as {"$number": text}
const plain = (value) => {
  if (Buffer.isBuffer(value)) return { $bytes: value.toString("base64") };
  if (typeof value === "number" && !Number.isFinite(value)) return { $number: String(value) };
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  return value;
};

const encoded = packetsToEncode().map(({ name, packet }) => ({
  name,
  packet: plain(packet),
  frames: plain(new Encoder().encode(packet)),
}));

const decoded = Object.entries(FRAMES_TO_DECODE).map(([name, frames]) => {
  const decoder = new Decoder();
  const packets = [];
  decoder.on("decoded", (packet) => packets.push(plain(packet)));
  const recorded = { name, frames: plain(frames), packets };
  try {
    frames.forEach((frame) => decoder.add(frame));
  } catch (error) {
    recorded.error = error.message;
  }
  return recorded;
});

const write = (file, rows) =>
  writeFileSync(join(__dirname, file), `[\n${rows.map((row) => JSON.stringify(row)).join(",\n")}\n]\n`);
write("encode.json", encoded);
write("decode.json", decoded);
console.log(`${encoded.length} encoded, ${decoded.length} decoded`);
