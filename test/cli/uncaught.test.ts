import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test, vi } from "vitest";
import { runInProcess } from "../../src/edge/cli/run-process.js";
import type { Console } from "../../src/edge/terminal/console.js";
import { tempFiles } from "./lab-files.js";

afterEach(() => { vi.restoreAllMocks(); });

const recording = fileURLToPath(new URL("../observe/recorded/lab-web1-running.json", import.meta.url));
const files = tempFiles({
  "inventory.yml": `all:\n  hosts:\n    dom0: { ansible_connection: recorded, converge_facts: ${recording} }\n`,
});

test("what nobody catches ends the command as a failure, says what goes on on hosts, and leaves no connection", async () => {
  let err = "";
  let happens: (error: unknown) => void = () => undefined;
  const console: Console = {
    out: () => undefined, err: (text) => void (err += text),
    input: new PassThrough(), errStream: new PassThrough(), outIsTTY: false, columns: undefined, env: {},
    onSignal: () => () => undefined, onUncaught: (listener) => void (happens = listener),
  };
  const exits = new Promise<unknown>((resolve) => {
    vi.spyOn(process, "exit").mockImplementation((code) => {
      resolve(code);
      return undefined as never;
    });
  });
  await runInProcess(["status", "-i", files["inventory.yml"]], console);
  happens(new Error("nobody is there"));
  expect(await exits).toBe(3);
  expect(err).toContain("a mistake of its own: nobody is there");
  expect(err).toContain("Runs that were started on a host go on there");
});
