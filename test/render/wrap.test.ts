import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { shownWord, visible } from "../../src/core/render/visible.js";
import { wrapCommand } from "../../src/core/render/wrap.js";

test("a wrapped command pastes as the same words", () => {
  const word = fc.oneof(fc.string({ maxLength: 30 }), fc.constantFrom("-L", "--name", "/dev/vg0/a", "it's", "a b", "$(id)", "\u001b[2J", "a\nb"))
    .filter((text) => !text.includes("\0"));
  const command = fc.record({ words: fc.array(word, { minLength: 1, maxLength: 12 }), width: fc.integer({ min: 20, max: 80 }) });
  // one shell for all of them: it is the shell that takes the time
  fc.assert(fc.property(fc.array(command, { minLength: 60, maxLength: 60 }), (commands) => {
    const script = commands.map(({ words, width }) => `printf '%s\\0' ${wrapCommand(words, width).join("\n")}`).join("\n");
    const pasted = execFileSync("bash", { input: script, encoding: "utf8" });
    expect(pasted).toBe(commands.flatMap(({ words }) => words.map((text) => `${text}\0`)).join(""));
  }), { numRuns: 2 });
});

test("lines of a wrapped command are no wider than asked, where words permit", () => {
  const words = ["rsync", "-aHAXSx", "--numeric-ids", "--delete", "--bwlimit=40960", "--info=progress2", "/run/a/", "/run/b/"];
  for (const line of wrapCommand(words, 40)) expect(line.length).toBeLessThanOrEqual(40);
});

test("nothing that is shown steers the terminal", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    // eslint-disable-next-line no-control-regex
    const steering = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
    expect(visible(text)).not.toMatch(steering);
    expect(shownWord(text.replaceAll("\0", ""))).not.toMatch(steering);
  }));
});
