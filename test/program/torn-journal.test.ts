import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readRunEvent } from "../../src/core/render/read-event.js";
import { evaluate, SHELLS } from "./host.js";

const RUNTIME = "src/core/program/runtime";

/** What a power cut leaves of a journal, and what of it is gone on from. */
test.each([
  ["a whole line", '{"seq":1}\n', '{"seq":1}\n', "1"],
  ["a torn line", '{"seq":1}\n{"se', '{"seq":1}\n', "1"],
  ["zeros, as ext4 leaves them", '{"seq":1}\n\0\0\0\0\0', '{"seq":1}\n', "1"],
  ["nothing but zeros", "\0\0\0", "", "0"],
  ["nothing", "", "", "0"],
])("a journal that ends in %s", (_what, before, after, lines) => {
  const here = mkdtempSync(join(tmpdir(), "converge-journal-"));
  try {
    writeFileSync(join(here, "journal.jsonl"), before);
    const script = `. ${RUNTIME}/journal.sh; HERE=$1; JOURNAL=$1/journal.jsonl; open_journal; echo "$SEQ"`;
    expect(execFileSync("sh", ["-c", script, "sh", here], { encoding: "utf8" }).trim()).toBe(lines);
    expect(readFileSync(join(here, "journal.jsonl"), "utf8")).toBe(after);
  } finally {
    rmSync(here, { recursive: true, maxRetries: 50, retryDelay: 100 });
  }
});

/**
 * A full disk while a run goes on: no file may grow beyond what two blocks hold, of which `room` bytes are left. After the first
 * event there is room again, but for a second one where `longer`.
 */
const FULL = `
kept() { :; }; for part in json clock journal; do . "$PWD/${RUNTIME}/$part.sh"; done
HERE=$1 JOURNAL=$1/journal.jsonl TICKER=''
trap '' XFSZ
limited() { ulimit -S -f 2; }
free() { ulimit -S -f unlimited; }
( limited; cat /dev/zero >"$HERE/probe" ) 2>/dev/null
{ head -c "$(($(wc -c <"$HERE/probe") - $2 - 1))" /dev/zero | tr '\\0' x; echo; } >"$JOURNAL"
SEQ=1
limited
journal note message 'cut short'
[ "$3" -eq 0 ] || journal note message 'there is no room for it'
free
journal_ended && echo 'too early'
journal_kept end outcome "done" message 'all is well'
journal_ended && echo ended
`;

describe.each(SHELLS)("a journal on a full disk, under %s", (shell) => {
  test.each([
    { room: 0, longer: 0 }, { room: 0, longer: 1 }, { room: 20, longer: 0 }, { room: 20, longer: 1 }, { room: 50, longer: 1 },
  ])("has what comes later in lines of their own ($room bytes are left, longer: $longer)", async ({ room, longer }) => {
    const here = mkdtempSync(join(tmpdir(), "converge-journal-"));
    try {
      const { stdout, stderr } = await evaluate(shell, FULL, [here, String(room), String(longer)]);
      expect(stdout, stderr).toBe("ended\n");
      const [, ...lines] = readFileSync(join(here, "journal.jsonl"), "utf8").split("\n");
      const events = lines.map(readRunEvent);
      // a torn line is a line, and each event says which one it is
      expect(events).toMatchObject([...(room === 0 ? [] : [undefined]), { event: "end", seq: room === 0 ? 2 : 3 }, undefined]);
      expect(lines.at(-1)).toBe("");
    } finally {
      rmSync(here, { recursive: true, maxRetries: 50, retryDelay: 100 });
    }
  });

  test("an end that is cut short is none, and whoever looks after the run writes it anew", async () => {
    const here = mkdtempSync(join(tmpdir(), "converge-journal-"));
    try {
      const torn = '{"at":1700000000.25,"seq":2,"event":"end","outcome":"do';
      writeFileSync(join(here, "journal.jsonl"), `{"at":1,"seq":1,"event":"note","message":"x"}\n${torn}`);
      const script = `kept() { :; }; for part in json clock journal; do . "$PWD/${RUNTIME}/$part.sh"; done
JOURNAL=$1/journal.jsonl
journal_ended && echo torn
echo >>"$JOURNAL"
journal_ended && echo closed
printf '%s\\n' '{"at":1700000001.25,"seq":3,"event":"end","outcome":"done","message":"all is {well}"}' >>"$JOURNAL"
journal_ended 2 && echo 'before it'
journal_ended && echo ended`;
      expect((await evaluate(shell, script, [here])).stdout).toBe("ended\n");
    } finally {
      rmSync(here, { recursive: true, maxRetries: 50, retryDelay: 100 });
    }
  });
});
