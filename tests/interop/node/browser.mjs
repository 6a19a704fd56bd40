// A headless Chromium, driven by JSON lines like client.mjs. The argument is the program to start.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const DEADLINE_MS = 60_000; // a hang must name itself, a busy machine is none

const print = (message) => process.stdout.write(JSON.stringify(message) + "\n");

const browser = await chromium.launch({
  executablePath: process.argv[2],
  timeout: 2 * DEADLINE_MS, // it is many processes
  args: [
    "--no-sandbox", // it runs as root in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const context = await browser.newContext();
context.setDefaultTimeout(DEADLINE_MS);
const tabs = new Map(); // name -> page
const problems = new Map(); // name -> what the page complained about

const actions = {
  async open({ tab, url, width, height }) {
    const page = await context.newPage();
    tabs.set(tab, page);
    problems.set(tab, []);
    page.on("pageerror", (error) => problems.get(tab).push(`error: ${error.stack}`));
    page.on("console", (message) => {
      // Browsers ask for an icon by themselves; and a client may give up a connection that it is still opening.
      const isUsual =
        message.location().url.endsWith("/favicon.ico") ||
        message.text().includes("closed before the connection is established");
      const isProblem = message.type() === "error" || message.type() === "warning";
      if (isProblem && !isUsual) problems.get(tab).push(message.text());
    });
    await page.setViewportSize({ width, height });
    await page.goto(url);
  },
  choose: ({ tab, selector, path }) => tabs.get(tab).setInputFiles(selector, path),
  fill: ({ tab, selector, text }) => tabs.get(tab).fill(selector, text),
  type: ({ tab, selector, text }) => tabs.get(tab).locator(selector).pressSequentially(text),
  press: ({ tab, selector, key }) => tabs.get(tab).press(selector, key),
  click: ({ tab, selector }) => tabs.get(tab).click(selector),
  evaluate: ({ tab, expression }) => tabs.get(tab).evaluate(expression),
  async wait({ tab, expression }) {
    // Asked for from outside: the page's content security policy forbids what `waitForFunction` does inside.
    const until = Date.now() + DEADLINE_MS;
    while (!(await tabs.get(tab).evaluate(expression))) {
      if (Date.now() > until) throw new Error(`never became true: ${expression}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
  screenshot: async ({ tab, path }) => void (await tabs.get(tab).screenshot({ path, animations: "disabled" })),
  problems: ({ tab }) => problems.get(tab).splice(0),
  close: ({ tab }) => tabs.get(tab).close(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  Promise.resolve()
    .then(() => actions[command.do](command))
    .then(
      (result) => print({ answer: command.id, result: result ?? null }),
      (error) => print({ answer: command.id, error: String(error) }),
    );
}
await browser.close();
process.exit(0);
