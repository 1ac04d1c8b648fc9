import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { plainStyle } from "../../src/core/render/style.js";
import type { Console } from "../../src/edge/terminal/console.js";
import { showProgress } from "../../src/edge/terminal/progress.js";

function shown(columns: number | undefined, env: Readonly<Record<string, string>> = {}): { readonly out: string; readonly moving: string } {
  const errStream = Object.assign(new PassThrough(), {
    isTTY: true, cursorTo: () => true, clearLine: () => true, moveCursor: () => true, ...(columns === undefined ? {} : { columns }),
  });
  let out = "";
  const console: Console = {
    out: (text) => { out += text; }, err: () => undefined, input: new PassThrough(), errStream, outIsTTY: true,
    columns, env: { TERM: "xterm", ...env }, onSignal: () => () => undefined,
  };
  const progress = showProgress({ console, style: plainStyle, domain: "web1", verbosity: 0, besideOthers: false });
  progress.event({ at: 1, seq: 1, event: "step", id: "a", kind: "create-volume", phase: "prepare", title: "Create vg0/web1" });
  progress.event({ at: 2, seq: 2, event: "progress", id: "a", bytes: 10, percent: 50, rate: 1, left: 1 });
  progress.close();
  return { out, moving: ((errStream.read() as Buffer | null) ?? Buffer.alloc(0)).toString("utf8") };
}

test("a terminal of some width gets a line that moves", () => {
  expect(shown(80).moving).toContain("Create vg0/web1");
});

// ora takes the lines of its text back one by one, and of a text on a terminal of no width there is no end of them
test.each([0, undefined])("a terminal whose width is %s gets whole lines, and nothing that moves", (columns) => {
  const { out, moving } = shown(columns);
  expect(moving).toBe("");
  expect(out).toContain("Create vg0/web1");
});

test("a job of CI gets whole lines, on whatever it calls a terminal", () => {
  const { out, moving } = shown(80, { CI: "true" });
  expect(moving).toBe("");
  expect(out).toContain("Create vg0/web1");
});
