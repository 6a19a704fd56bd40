// npm's parsers: reads the cases from standard input, prints microseconds by label.
import { readFileSync } from "node:fs";
import { decodePayload } from "engine.io-parser";
import { Decoder, Encoder, PacketType } from "socket.io-parser";

const { cases, payloads, binary, loops: rounds, loop_s } = JSON.parse(readFileSync(0, "utf8"));

function time(work, loops) {
  const begin = process.cpuUsage();
  for (let i = 0; i < loops; i++) work();
  const taken = process.cpuUsage(begin);
  return taken.user + taken.system;
}

function microseconds(work) {
  let loops = 16;
  while (time(work, loops) < loop_s * 1e6) loops *= 2;
  return Math.min(...Array.from({ length: rounds }, () => time(work, loops))) / loops;
}

function decode(parts) {
  const decoder = new Decoder();
  for (const part of parts) decoder.add(part);
}

const found = {};
for (const { label, nsp, data, id } of cases) {
  if (data.length === 1) data.push(Buffer.from(binary));
  const packet = () => ({ type: PacketType.EVENT, nsp, data, ...(id === null ? {} : { id }) });
  const encoded = new Encoder().encode(packet());
  found[`encode ${label}`] = microseconds(() => new Encoder().encode(packet()));
  found[`decode ${label}`] = microseconds(() => decode(encoded));
}
for (const [label, text] of Object.entries(payloads))
  found[label] = microseconds(() => {
    const decoder = new Decoder();
    for (const packet of decodePayload(text, "nodebuffer")) decoder.add(packet.data);
  });
console.log(JSON.stringify(found));
