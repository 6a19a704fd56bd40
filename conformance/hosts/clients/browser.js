// Our client for browsers, keeping the contract of conformance/README.md in a page: commands come as a stream of
// events, reports go back by POST.
import { contract } from "./contract.js";

const reports = [];
let isBusy = false;

async function write(line) {
  reports.push(line);
  if (isBusy) return;
  isBusy = true;
  while (reports.length > 0) await fetch("/reports", { method: "POST", body: reports.splice(0).join("") });
  isBusy = false;
}

const obey = contract({
  Manager: io.Manager,
  write,
  isBytes: (value) => value instanceof ArrayBuffer,
  pack: (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))),
  unpack: (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)),
});
new EventSource("/commands").onmessage = ({ data }) => obey(data);
