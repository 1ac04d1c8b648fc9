import { expect, it } from "vitest";
import { compileProgram } from "../../src/core/program/compile.js";
import { SHELLS, StubHost } from "./host.js";
import { journal } from "./invariants.js";
import { planOf, raw, rawStep } from "./plan.js";

it.each(SHELLS)("what is worth having, and fails, is told and gone on without (%s)", async (shell) => {
  const host = new StubHost(shell);
  try {
    const step = (id: string, command: readonly [string, ...string[]]) => rawStep(id, "prepare", { title: id, actions: [{ verb: ["try"], command }] });
    const nodes = [step("fails", ["false", "--really"]), step("works", ["true"])];
    host.install(compileProgram(planOf(host.domain, nodes), { raw }, { config: host.config }));
    await host.run("run");
    expect(host.ended(), host.journalText()).toBe("done");
    const events = journal(host);
    expect(events.filter(({ event }) => event === "note")).toMatchObject([{ message: "false --really ended with 1: it is gone on without" }]);
    expect(events.filter(({ event }) => event === "done")).toMatchObject([{ id: "fails" }, { id: "works" }]);
  } finally {
    host.remove();
  }
});
