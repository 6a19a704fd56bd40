// The reference client, keeping the contract of conformance/README.md: commands come as JSON lines, reports go out.
import { createInterface } from "node:readline";
import { Manager } from "socket.io-client";
import { contract } from "./contract.js";

const obey = contract({
  Manager,
  write: (line) => process.stdout.write(line),
  isBytes: Buffer.isBuffer,
  pack: (bytes) => bytes.toString("base64"),
  unpack: (text) => Buffer.from(text, "base64"),
});
createInterface({ input: process.stdin }).on("line", obey).on("close", () => process.exit(0));
