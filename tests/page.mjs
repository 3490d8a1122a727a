// Drives the page of `attend serve` in chromium over its debugging protocol; tests/check_serve_page.sh runs it.
//   node tests/page.mjs CHROMIUM URL PROFILE_FOLDER [SCREENSHOT_FOLDER]
// AXE=axe.min.js (of npm's axe-core): each view must have no serious finding of accessibility.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const [chromium, url, profile, shots] = process.argv.slice(2);
const browser = spawn(chromium, ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-port=0",
  `--user-data-dir=${profile}`, "about:blank"], { stdio: ["ignore", "ignore", "pipe"] });
let failures = 0;
const fail = text => { failures++; console.log("FAILED: " + text); };
const timer = setTimeout(() => { console.log("FAILED: it takes too long"); browser.kill("SIGKILL"); process.exit(1); }, 400000);

const port = await new Promise(resolve => {
  let said = "";
  browser.stderr.on("data", data => {
    said += data;
    const found = said.match(/DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)/);
    if (found) resolve(found[1]);
  });
});
const target = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()).find(t => t.type === "page");
const socket = new WebSocket(target.webSocketDebuggerUrl);
await new Promise(resolve => { socket.onopen = resolve; });
const waiting = new Map();
let last = 0;
socket.onmessage = event => {
  const said = JSON.parse(event.data);
  if (said.id) waiting.get(said.id)(said);
  if (said.method === "Runtime.exceptionThrown") fail("the page threw: " + JSON.stringify(said.params.exceptionDetails).slice(0, 400));
  // an answer of 400 is asked for below
  if (said.method === "Log.entryAdded" && said.params.entry.level === "error" && !/status of 400/.test(said.params.entry.text))
    fail("the page's console: " + said.params.entry.text);
};
const call = (method, params = {}) => new Promise(resolve => { waiting.set(++last, said => resolve(said.result)); socket.send(JSON.stringify({ id: last, method, params })); });
const run = async code => {
  const got = await call("Runtime.evaluate", { expression: code, awaitPromise: true, returnByValue: true });
  if (got.exceptionDetails) fail(code + ": " + JSON.stringify(got.exceptionDetails).slice(0, 300));
  return got.result?.value;
};
const pause = ms => new Promise(resolve => setTimeout(resolve, ms));
async function until(code, what) {
  for (let i = 0; i < 600; i++) { if (await run(code)) return true; await pause(50); }
  fail(what + "; what the page says: " + await run("document.querySelector('section:not([hidden])')?.innerText.slice(0, 500)"));
  return false;
}
const key = async (name, code, modifiers = 0) => {
  for (const type of ["rawKeyDown", "keyUp"]) await call("Input.dispatchKeyEvent", { type, key: name, code: name, windowsVirtualKeyCode: code, modifiers });
};
const type = text => call("Input.insertText", { text });
const shoot = async name => {
  if (!shots) return;
  writeFileSync(`${shots}/${name}.png`, Buffer.from((await call("Page.captureScreenshot")).data, "base64"));
};
const open = name => run(`by("tab-${name}").click()`);
const fill = (id, text) => run(`by("${id}").focus(), by("${id}").value = "", 1`).then(() => type(text));

for (const domain of ["Page", "Runtime", "Log"]) await call(domain + ".enable");
for (const [theme, width] of [["light", 1280], ["dark", 390]]) {
  await call("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: theme }] });
  await call("Emulation.setDeviceMetricsOverride", { width, height: 844, deviceScaleFactor: 1, mobile: width < 500 });
  await call("Page.navigate", { url: url + "/" });
  await pause(200);
  if (!await until("typeof models !== 'undefined' && models.length > 0 && document.querySelectorAll('#tabs button').length > 0", "no views")) break;
  const tabs = await run("[...document.querySelectorAll('#tabs button')].map(t => t.id.slice(4)).join(' ')");
  if (tabs !== "translate write ask hear look label fill search models") fail("the views: " + tabs);

  await fill("t-in", "Ein Hund läuft durch den Schnee.");
  await until("by('t-out').textContent.trim().length > 8", "no translation");
  console.log(theme + ": " + await run("by('t-out').innerText"));
  await run("by('t-out').querySelector('.word').focus()");
  if (!await run("by('t-src').querySelectorAll('.hot').length > 0")) fail("a word that is pointed at marks nothing");
  if (!await run("/läuft/.test(by('t-src').innerText)")) fail("the source: " + await run("by('t-src').innerText"));
  await shoot("translate-" + theme);

  await open("write");
  await run("by('w-model').value = 'chatty', by('w-model').onchange(), by('w-max').value = 8, by('w-seed').value = 1");
  await fill("w-in", "A dog");
  await key("Enter", 13, 2);
  await until("talk.length === 2 && !stop && talk[1].content.length > 0", "no answer in a chat");
  await run("by('w-again').click()");
  await until("talk.length === 2 && !stop", "no second answer");
  await run("by('w-model').value = 'plain', by('w-model').onchange(), by('w-max').value = 200");
  await fill("w-in", "A dog");
  await run("by('w-go').click(), setTimeout(() => by('w-stop').click(), 30)");
  await until("!stop", "what is stopped goes on");
  await shoot("write-" + theme);
  await run("by('w-temp').value = -5");
  await fill("w-in", "A dog");
  await run("by('w-go').click()");
  await until("!by('write').querySelector('.error').hidden", "a wrong setting is not told");
  await run("by('w-temp').value = ''");

  await open("ask");
  await fill("a-in", "a warm film by a good man 🐕 about an old house. it was made in a cold year.");
  await fill("a-q", "who made it?");
  await call("Input.dispatchKeyEvent", { type: "keyDown", key: "Enter", text: "\r", windowsVirtualKeyCode: 13 });
  await until("by('a-out').querySelectorAll('tbody tr').length > 1", "no answers");
  const [marked, best] = await run("[by('a-text').querySelector('mark').textContent, by('a-out').querySelector('button').textContent]");
  if (!marked || marked !== best) fail(`the answer '${best}' is marked as '${marked}'`);
  await run("[...by('a-out').querySelectorAll('button')].at(-1).click()");
  if (await run("by('a-text').querySelector('mark').textContent === by('a-out').querySelector('button').textContent")) fail("another answer marks the same");
  if (!await run("by('a-text').textContent === by('a-in').value")) fail("the text is another");
  await shoot("ask-" + theme);

  await open("hear");
  await run(`{ const bytes = new Uint8Array(32044), view = new DataView(bytes.buffer), put = (at, text) => [...text].forEach((c, i) => bytes[at + i] = c.charCodeAt());
    put(0, "RIFF"); view.setUint32(4, 32036, true); put(8, "WAVEfmt "); view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
    view.setUint32(24, 16000, true); view.setUint32(28, 32000, true); view.setUint16(32, 2, true); view.setUint16(34, 16, true); put(36, "data"); view.setUint32(40, 32000, true);
    for (let i = 44, s = 1; i < 32044; i++) bytes[i] = (s = s * 16807 % 2147483647) & 127;
    const files = new DataTransfer(); files.items.add(new File([bytes], "noise.wav")); by("h-file").files = files.files; by("h-form").requestSubmit(); 1 }`);
  await until("by('h-out').textContent.length > 0 || !by('hear').querySelector('.error').hidden", "nothing heard");
  console.log(theme + ": " + await run("by('hear').innerText.split('\\n').slice(-4).join(' ').slice(0, 200)"));
  await shoot("hear-" + theme);

  await open("look");
  await fill("l-in", "Ein Hund");
  await run("by('l-form').requestSubmit()");
  await until("by('l-out').querySelectorAll('td').length > 5", "no weights");
  await run("by('l-measure').value = '1', by('l-form').requestSubmit()");
  await until("seen.measure === 'gradient'", "no gradients");
  await shoot("look-" + theme);

  await open("label");
  await fill("c-in", "a warm film\na cold one");
  await run("by('c-form').requestSubmit()");
  await until("by('c-out').querySelectorAll('tr').length > 2", "no labels");
  await open("fill");
  await fill("f-in", "a [MASK] b");
  await run("by('f-form').requestSubmit()");
  await until("by('f-out').querySelectorAll('tr').length > 2", "no fillings");
  await open("search");
  await fill("s-query", "dog");
  await fill("s-in", "a cat\na dog");
  await run("by('s-form').requestSubmit()");
  await until("by('s-out').children.length === 2", "nothing found");
  await shoot("search-" + theme);
  await open("models");
  await until("by('m-out').querySelectorAll('tbody tr').length === 7", "the models");
  await shoot("models-" + theme);

  // by keyboard: the arrows go through the views
  await run("by('tab-models').focus()");
  await key("ArrowRight", 39);
  if (await run("document.activeElement.id") !== "tab-translate") fail("the arrow goes to " + await run("document.activeElement.id"));
  for (const view of tabs.split(" ")) {
    await open(view);
    const [wide, window_] = await run("[document.documentElement.scrollWidth, innerWidth]");
    if (wide > window_) fail(`${view} at ${width}: ${wide} wide`);
    const unnamed = await run("[...document.querySelectorAll('section:not([hidden]) :is(input, select, textarea, button)')].filter(e => e.offsetParent && !e.closest('label') && !e.textContent.trim()).length");
    if (unnamed) fail(`${view}: ${unnamed} fields without a name`);
    if (!process.env.AXE) continue;
    if (!await run("typeof axe === 'object'")) await run(readFileSync(process.env.AXE, "utf8") + "; 1");
    for (const found of await run("axe.run().then(r => r.violations.map(v => [v.impact, v.id, v.nodes[0].html.slice(0, 150)].join(' ')))"))
      if (/^(serious|critical)/.test(found)) fail(`${view}, ${theme}: ${found}`); else console.log(`${view}, ${theme}: ${found}`);
  }
}
const gone = new Promise(resolve => browser.once("exit", resolve));
call("Browser.close"); // it may be gone before it can answer
await gone;
clearTimeout(timer);
console.log(failures ? failures + " failures" : "all held");
process.exit(failures ? 1 : 0);
