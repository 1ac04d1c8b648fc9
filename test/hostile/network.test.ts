import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

function sources(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /\.(ts|sh)$/.test(name)).map((name) => join(folder, name));
}

test("host keys are checked as the user's own ssh does it: no option of converge's turns that off", () => {
  const files = sources("src").filter((path) => /StrictHostKeyChecking|UserKnownHostsFile|GlobalKnownHostsFile|CheckHostIP/i.test(readFileSync(path, "utf8")));
  // what an inventory says of it (ansible_ssh_common_args) is its author's word
  expect(files.filter((path) => !path.includes("inventory/"))).toEqual([]);
  for (const path of files) expect(readFileSync(path, "utf8"), path).not.toMatch(/StrictHostKeyChecking[= ]no["',\]]/);
});
