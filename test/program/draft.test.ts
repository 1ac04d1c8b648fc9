import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { compileProgram } from "../../src/core/program/compile.js";
import { SHELLS, StubHost } from "./host.js";
import { expectWhole } from "./invariants.js";
import { moveNodes, moveProgram, planOf, raw, rawStep, sha256 } from "./plan.js";

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

it.each(SHELLS)("a config that lets nothing be put in its place is found out about before the guest is down for it (%s)", async (shell) => {
  const host = new StubHost(shell);
  try {
    const before = readFileSync(host.config, "utf8");
    // written beside it right before the guest is shut down, as in every restart
    const nodes = moveNodes(host).flatMap((node) => {
      if (node.id !== "shut-down") return [node];
      const verb: readonly [string, ...string[]] = ["draft_config", host.config, sha256(before), sha256(`${before}# edited\n`), String(before.length), String(before.length), "# edited\n"];
      return [rawStep("draft", "switch", {
        title: "Write the new text beside the old one",
        actions: [{ verb, shown: "" }], undo: { when: [], actions: [{ verb: ["drop_draft", host.config], shown: "" }] },
      }), node];
    });
    host.install(compileProgram(planOf(host.domain, nodes), { raw }, { config: host.config }));
    // as of a file that `chattr +i` has made immutable
    for (const tool of ["chmod", "mv"]) {
      const stub = join(host.root, "bin", tool);
      rmSync(stub, { force: true });
      writeFileSync(stub, `#!/bin/sh\nfor last in "$@"; do :; done\n[ "$last" != '${host.config}' ] || exit 1\nexec /bin/${tool} "$@"\n`, { mode: 0o755 });
    }
    await host.run("run");
    expect(host.calls().filter((call) => /^xl (shutdown|destroy|create)/.test(call)), host.journalText()).toEqual([]);
    expect(host.ended(), host.journalText()).toBe("failed");
    expect(host.journalText()).toContain("guest.cfg can not be replaced: it may be immutable (lsattr)");
    expect(expectWhole(host, before)).toBe("old");
    expect(host.leftovers()).toEqual([]);
  } finally {
    host.remove();
  }
});
