import { describe, expect, it } from "vitest";
import { copyFiles } from "../../src/core/steps/copy-files.js";
import { shutDown } from "../../src/core/steps/shut-down.js";
import { RUNTIME } from "../../src/core/program/runtime.generated.js";
import { SHELLS, byTurns, evaluate } from "./host.js";
import { looked } from "./look.js";

/** What a guest has flushed just before it was destroyed may stand under a file's old time: its journal has no later commit. */
describe.concurrent.each(SHELLS)("under %s, the last pass of a guest that", (shell) => {
  const copies = (calls: readonly string[]): readonly string[] => calls.filter((call) => call.startsWith("rsync "));

  it.concurrent.each([
    { what: "had to be destroyed compares every file", stubborn: true },
    { what: "has shut down goes by times, though it might have been destroyed", stubborn: false },
  ])("$what", byTurns(0, shell), async ({ stubborn }) => {
    const { code, journal, calls } = await looked(shell, (host) => {
      if (stubborn) host.tell("stubborn");
      const tree = { name: "c", source: `${host.root}/from`, target: `${host.root}/to`, from: "i", to: "v" } as const;
      const copy = copyFiles.actions({ ...tree, role: "last", compare: "times", throttle: {}, destroyable: host.domain });
      return [
        ...shutDown.actions({ domain: host.domain, config: host.config, timeoutSeconds: 1, destroy: true }),
        ...copy.filter(({ verb = [] }) => ["if_destroyed", "copy"].includes(verb[0] ?? "")),
        // and of that copy alone
        ...copy.filter(({ verb = [] }) => verb[0] === "copy"),
      ];
    });
    expect(code, journal).toBe(0);
    expect(copies(calls).map((call) => call.includes("--checksum")), journal).toEqual([stubborn, false]);
    expect(journal.includes("was destroyed: every file is compared")).toBe(stubborn);
  });

  it.concurrent("had to be destroyed has time for that, which no pass has measured, and not for ever", byTurns(0, shell), async () => {
    const limits: Record<string, string> = {};
    for (const destroyed of ["", "web1"]) {
      const { stdout } = await evaluate(shell, `${RUNTIME.replace("HERE=$(cd", "HERE=$(mktemp -d) # $(cd")}
mkdir "$HERE/copies"; printf 'delta 90000 1\ndelta 100 1\n' >"$HERE/copies/c"
journal() { :; }
looked_after() { echo "$COPY_LIMIT"; STATUS=1; }
DESTROYED='${destroyed}' OUT=/dev/null
verb_if_destroyed
verb_copy c last -- rsync a b || :
rm -r "$HERE"`);
      limits[destroyed] = stdout.trim();
    }
    expect(limits).toEqual({ "": "700", web1: String(700 + 4 * 90_000 + 6000) });
  });
});
