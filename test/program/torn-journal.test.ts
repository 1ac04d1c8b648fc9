import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

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
