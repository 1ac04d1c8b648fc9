import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { runInventory } from "../../src/edge/cli/inventory-alone.js";
import { runInProcess } from "../../src/edge/cli/run-process.js";
import type { Console } from "../../src/edge/terminal/console.js";
import { processConsole } from "../../src/edge/terminal/console.js";
import { tempFiles } from "./lab-files.js";

const files = tempFiles({ "inventory.yml": "all:\n  hosts:\n    dom0:\n" });
const said = join(files.dir, "said");
const going = join(files.dir, "going");
const { PATH, TMPDIR } = process.env;

beforeEach(() => {
  mkdirSync(join(files.dir, "bin"), { recursive: true });
  mkdirSync(join(files.dir, "tmp"), { recursive: true });
  // a connection is there at once, and a command takes its time
  const ssh = `#!/bin/sh
printf '%s\\n' "$*" >>'${said}'
case " $* " in *" -M "* | *" -O "*) exit 0 ;; esac
: >'${going}'
while [ -e '${going}' ]; do sleep 0.05; done
exit 255
`;
  writeFileSync(join(files.dir, "bin/ssh"), ssh);
  chmodSync(join(files.dir, "bin/ssh"), 0o755);
  process.env["PATH"] = `${join(files.dir, "bin")}:${PATH ?? ""}`;
  process.env["TMPDIR"] = join(files.dir, "tmp");
});

afterEach(() => {
  vi.restoreAllMocks();
  process.env["PATH"] = PATH;
  if (TMPDIR === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = TMPDIR;
});

/** A console on which something happens that nobody catches. */
function aConsole(): { readonly console: Console; readonly err: () => string; readonly happens: (error: unknown) => void } {
  let err = "";
  let listens: (error: unknown) => void = () => { throw new Error("nobody listens"); };
  const console: Console = {
    out: () => undefined, err: (text) => void (err += text),
    input: new PassThrough(), errStream: new PassThrough(), outIsTTY: false, columns: undefined, env: {},
    onSignal: () => () => undefined, onUncaught: (listener) => void (listens = listener),
  };
  return { console, err: () => err, happens: (error) => { listens(error); } };
}

/** What the process is ended with, which goes on instead. */
function exited(): Promise<unknown> {
  return new Promise<unknown>((resolve) => {
    vi.spyOn(process, "exit").mockImplementation((code) => {
      resolve(code);
      return undefined as never;
    });
  });
}

test("what nobody catches ends the command as a failure, says what goes on on hosts, and leaves no connection", async () => {
  const { console, err, happens } = aConsole();
  const exits = exited();
  const ran = runInProcess(["status", "-i", files["inventory.yml"]], console);
  await vi.waitFor(() => { expect(existsSync(going)).toBe(true); }, { timeout: 60_000 });
  // closing is not cut short, however long it takes here
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  happens(new Error("nobody is there"));
  vi.useRealTimers();
  expect(await exits).toBe(3);
  expect(err()).toContain("a mistake of its own: nobody is there");
  expect(err()).toContain("Runs that were started on a host go on there");
  expect(readFileSync(said, "utf8")).toMatch(/^-O exit /m);
  expect(readdirSync(join(files.dir, "tmp"))).toEqual([]);
  rmSync(going);
  // whatever the command itself comes to
  expect(await ran).toBe(3);
});

test("it ends what is loaded without all that, converge inventory, in the same way", async () => {
  const { console, err, happens } = aConsole();
  const exits = exited();
  const ran = runInventory(["inventory", "-i", files["inventory.yml"], "--list"], console);
  happens(new Error("nobody is there"));
  expect(await exits).toBe(3);
  expect(err()).toContain("a mistake of its own: nobody is there");
  expect(await ran).toBe(3);
});

test("the process tells of the first thing that nobody catches, and of no more", () => {
  const heard: unknown[] = [];
  const heardBy = [[process, "uncaughtException"], [process.stdout, "error"], [process.stderr, "error"]] as const;
  const before = heardBy.map(([emitter, event]) => emitter.rawListeners(event) as (() => void)[]);
  process.removeAllListeners("uncaughtException");
  try {
    processConsole().onUncaught?.((error) => heard.push(error));
    process.emit("uncaughtException", new Error("first"));
    expect(process.emit("uncaughtException", new Error("second")), "it ends nothing").toBe(true);
    expect(heard).toEqual([new Error("first")]);
  } finally {
    for (const [i, [emitter, event]] of heardBy.entries()) {
      emitter.removeAllListeners(event);
      for (const listener of before[i] ?? []) emitter.on(event, listener);
    }
  }
});
