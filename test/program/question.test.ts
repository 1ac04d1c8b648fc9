import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { GIVEN_UP, impatient } from "./hang.js";
import { EVERY, StubHost, inParallel, shellOf } from "./host.js";
import { journal } from "./invariants.js";
import { mirrorProgram } from "./mirror.js";
import { moveProgram } from "./plan.js";

const WAYS = [
  { way: "by files", program: (host: StubHost) => moveProgram(host) },
  { way: "mirrored by dm (restart)", program: (host: StubHost) => mirrorProgram(host, "restart", "dm") },
  { way: "mirrored by dm (suspend)", program: (host: StubHost) => mirrorProgram(host, "suspend", "dm") },
  { way: "mirrored by md (suspend)", program: (host: StubHost) => mirrorProgram(host, "suspend", "md") },
  { way: "mirrored by drbd (suspend)", program: (host: StubHost) => mirrorProgram(host, "suspend", "drbd") },
] as const;

/** What is asked of Xen, LVM and the kernel from when the guest is sent away until it is let run. */
async function questionsOf(program: (host: StubHost) => string): Promise<readonly string[]> {
  const host = new StubHost("dash");
  try {
    host.install(program(host));
    host.tell("hang-asked", "0");
    await host.run("run");
    expect(host.ended(), host.journalText()).toBe("done");
    const lines = host.lines(join(host.state, "asks"));
    const back = lines.findIndex((line) => line.startsWith("! xl unpause"));
    return lines.slice(0, back).filter((line) => !line.startsWith("! "));
  } finally {
    host.remove();
  }
}

describe.concurrent.each(WAYS)("a question that is not answered while the guest is away, in a move $way,", { tags: "long" }, ({ program }) => {
  it("is given up, whichever it is, and the guest is back on its image", async () => {
    const questions = await questionsOf(program);
    expect(questions.length).toBeGreaterThan(5);
    const numbers = questions.map((_, index) => index + 1).filter((number) => EVERY || number % 11 === 1);
    await inParallel(numbers, async (number) => {
      const host = new StubHost(shellOf(number));
      try {
        host.install(impatient(program(host)));
        const before = readFileSync(host.config, "utf8");
        host.tell("hang-asked", String(number));
        await host.run("run");
        const where = `${String(number)}: ${questions[number - 1] ?? ""} (${host.shell})\n${host.lines(join(host.state, "asks")).join("\n")}\n${host.journalText()}`;
        expect(host.journalText(), where).toMatch(new RegExp(`did not answer within ${String(GIVEN_UP)} s, and was given up`));
        expect(host.guests().map(({ state }) => state), where).toEqual(["-b----"]);
        expect(readFileSync(host.config, "utf8"), where).toBe(before);
        expect(host.leftovers().filter((left) => !/boot-web1|^loop|run directory|multi-user/.test(left)), where).toEqual([]);
        expect(host.lines(join(host.state, "violations")), where).toEqual([]);
        expect(journal(host).at(-1), where).toMatchObject({ event: "end", outcome: "failed" });
      } finally {
        host.remove();
      }
    }, 8);
  });
});
