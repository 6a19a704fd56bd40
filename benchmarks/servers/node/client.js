// The reference client: see ../../clients/__init__.py.
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { io } from "socket.io-client";

const [port, given] = process.argv.slice(2);
const [inFlight, args] = JSON.parse(given);
const socket = io(`http://127.0.0.1:${port}`, { transports: ["websocket"] });
let count = 0;
let sent = 0;
let isSending = false;

const send = (data) => {
  sent++;
  socket.emit("echo", ...data);
};

socket.on("echo", (...received) => {
  count++;
  if (isSending) send(received);
});

const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

socket.once("connect", async () => {
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    const [warmUp, seconds] = line.split(" ").map(Number);
    isSending = true;
    for (let i = 0; i < inFlight; i++) send(args);
    await setTimeout(warmUp * 1000);
    const [counted, at, cpu] = [count, performance.now(), cpuSeconds()];
    await setTimeout(seconds * 1000);
    const sample = {
      count: count - counted,
      elapsed_s: (performance.now() - at) / 1000,
      server_cpu_s: cpuSeconds() - cpu,
      generator_cpu_s: 0,
    };
    isSending = false;
    while (sent > count) await setTimeout(10); // or they would count in the next round
    console.log(JSON.stringify(sample));
  }
});
