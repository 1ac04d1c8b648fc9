import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { SHELLS, StubHost } from "./host.js";
import { expectWhole } from "./invariants.js";
import { moveProgram } from "./plan.js";

it.each(SHELLS)("what an edit of the config had begun to write when the power went is gone once its run is taken back (%s)", async (shell) => {
  const host = new StubHost(shell);
  try {
    const before = readFileSync(host.config, "utf8");
    host.install(moveProgram(host));
    host.tell("kill-before", "5");
    await host.run("run");
    expect(host.ended()).toBeUndefined();
    writeFileSync(join(dirname(host.config), `.converge-${host.domain}.draft`), "half a con");
    expect(host.leftovers()).toContain(`.converge-${host.domain}.draft`);
    await host.run("recover");
    expect(expectWhole(host, before), host.journalText()).toBe("old");
    expect(host.leftovers()).toEqual([]);
  } finally {
    host.remove();
  }
});
