import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gatherScript, parseFrames } from "../../src/core/facts/gather-script.js";
import { firstRound, readFacts, type Question } from "../../src/core/facts/readings.js";
import { lacks } from "../support/tools.js";

const shells = ["dash", "bash", "bash --posix", "busybox sh"].map((words) => ({ words, shell: words.split(" ") }));
const ask = (name: string, ...command: [string, ...string[]]): Question => ({ name, command, seconds: 10 });

let directory = "";
let scratch = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "gather-"));
  scratch = join(directory, "tmp");
  mkdirSync(scratch);
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

function run(shell: readonly string[], questions: readonly Question[], env: Record<string, string> = {}): string {
  const [program = "", ...args] = shell;
  return execFileSync(program, [...args, "-s"], {
    input: gatherScript(questions), encoding: "utf8", stdio: ["pipe", "pipe", "ignore"],
    env: { PATH: process.env["PATH"] ?? "", TMPDIR: scratch, ...env },
  });
}

for (const [turn, { words, shell }] of shells.entries()) describe(`under ${words}`, { tags: turn === 0 ? [] : ["long"] }, () => {
  const present = shell[0] !== "busybox" || !lacks("busybox");

  test.runIf(present)("standard output, standard error and the exit code come back apart", () => {
    const hostile = "frame x 3\nfinished\nconverge-answers-end\nx0 5\n";
    const { results, finished, diagnostics } = parseFrames(run(shell, [
      ask("both", "sh", "-c", "printf 'out\\n\\n'; printf 'err\\n' >&2; exit 3"),
      ask("nothing", "true"),
      ask("absent", "no-such-program-anywhere"),
      ask("killed", "sh", "-c", "kill -9 $$"),
      ask("quotes", "printf", "%s|", "it's", "$HOME", "`id`", "a\nb", "", "-n", "\\", "ü"),
      ask("hostile", "printf", "%s", hostile),
      ask("input", "cat"),
      ask("locale", "sh", "-c", "printf %s \"$LC_ALL\""),
    ], { LC_ALL: "de_DE.UTF-8" }));
    expect(finished).toBe(true);
    expect(diagnostics).toEqual([]);
    expect(results["both"]).toEqual({ exitCode: 3, stdout: "out\n\n", stderr: "err\n" });
    expect(results["nothing"]).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(results["absent"]?.exitCode).toBe(127);
    expect(results["killed"]?.exitCode).toBe(137);
    expect(results["quotes"]?.stdout).toBe("it's|$HOME|`id`|a\nb||-n|\\|ü|");
    expect(results["hostile"]?.stdout).toBe(hostile);
    expect(results["input"]).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(results["locale"]?.stdout).toBe("C");
  });

  test.runIf(present)("every fact of the first round can be asked, and no file is left", () => {
    const { results, finished } = parseFrames(run(shell, firstRound()));
    expect(finished).toBe(true);
    expect(Object.keys(results).sort()).toEqual(firstRound().map(({ name }) => name).sort());
    expect(readFacts(results).diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(readdirSync(scratch)).toEqual([]);
  });

  test.runIf(present)("bytes that are no text do no harm", () => {
    const { results, finished } = parseFrames(run(shell, [
      ask("bytes", "printf", "a\\000b\\377c\\n"),
      ask("after", "echo", "well"),
    ]));
    expect(finished).toBe(true);
    expect(results["bytes"]?.stdout).toMatch(/^ab\uFFFDc\n$/);
    expect(results["after"]?.stdout).toBe("well\n");
  });
});

test("a command that hangs is given up, the others answer", () => {
  const { results } = parseFrames(run(["dash"], [
    { name: "slow", command: ["sleep", "60"], seconds: 1 },
    ask("quick", "echo", "here"),
  ]));
  expect(results["slow"]?.exitCode).toBe(124);
  expect(results["quick"]?.stdout).toBe("here\n");
});

test("every second question is asked beside the others", () => {
  // each waits for the other: one after another, both would be given up
  const met = join(directory, "met");
  execFileSync("mkfifo", [met]);
  const { results, finished } = parseFrames(run(["dash"], [
    ask("says", "sh", "-c", 'echo hello >"$1"', "sh", met),
    ask("hears", "cat", met),
    ask("more", "echo", "well"),
  ]));
  expect(finished).toBe(true);
  expect(results["says"]?.exitCode).toBe(0);
  expect(results["hears"]?.stdout).toBe("hello\n");
  expect(results["more"]?.stdout).toBe("well\n");
});

test("where one half of the questions dies, the round is not finished", () => {
  // from the question up to the shell that asks its half: the one whose parent was started by no shell
  const suicide = `
    parent_of() { cut -d ' ' -f 4 "/proc/$1/stat"; }
    at=$$
    while [ "$(cat "/proc/$(parent_of "$(parent_of "$at")")/comm")" = dash ]; do at=$(parent_of "$at"); done
    kill -9 "$at"`;
  const others = [ask("one", "echo", "1"), ask("two", "echo", "2")] as const;
  expect(parseFrames(run(["dash"], others)).finished).toBe(true);
  for (const place of [0, 1]) {
    const { finished } = parseFrames(run(["dash"], others.toSpliced(place, 0, ask("kills", "dash", "-c", suicide))));
    expect(finished).toBe(false);
  }
});

test("an old host without timeout is asked all the same", () => {
  const bin = join(directory, "old");
  mkdirSync(bin);
  writeFileSync(join(bin, "timeout"), "#!/bin/sh\nexit 1\n");
  chmodSync(join(bin, "timeout"), 0o755);
  const { results } = parseFrames(run(["dash"], [ask("one", "echo", "1")], { PATH: `${bin}:${process.env["PATH"] ?? ""}` }));
  expect(results["one"]).toEqual({ exitCode: 0, stdout: "1\n", stderr: "" });
});

describe("what surrounds the answers", () => {
  const text = run(["dash"], [ask("one", "echo", "1"), ask("two", "echo", "2")]);

  test("is ignored", () => {
    const noise = `Last login: today\nconverge-answers-begin is a word\n${text.replaceAll("\n", "\r\n")}\nlogout\n`;
    expect(parseFrames(noise)).toEqual(parseFrames(text));
    expect(parseFrames(noise).results["two"]?.stdout).toBe("2\n");
  });

  test("what is cut off is not finished", () => {
    for (let length = 0; length < text.length - 2; length += 7) {
      const { finished, results } = parseFrames(text.slice(0, length));
      expect(finished).toBe(false);
      expect(results).toEqual({});
    }
  });

  test("nothing makes it throw", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), fc.nat(text.length), fc.nat(40), (noise, at, cut) => {
      parseFrames(text.slice(0, at) + noise + text.slice(at + cut));
    }));
    fc.assert(fc.property(fc.base64String({ maxLength: 400 }), (body) => {
      parseFrames(`converge-answers-begin\n${body}\nconverge-answers-end\n`);
    }));
  });
});
