import { describe, expect, it } from "vitest";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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
      const copy = copyFiles.actions({ ...tree, role: "last", compare: "times", throttle: {}, takenDown: host.domain });
      return [
        ...shutDown.actions({ domain: host.domain, config: host.config, timeoutSeconds: 1, destroy: true }),
        ...copy.filter(({ verb = [] }) => ["unless_shut_down", "copy"].includes(verb[0] ?? "")),
        // and of that copy alone
        ...copy.filter(({ verb = [] }) => verb[0] === "copy"),
      ];
    });
    expect(code, journal).toBe(0);
    expect(copies(calls).map((call) => call.includes("--checksum")), journal).toEqual([stubborn, false]);
    expect(journal.includes("was destroyed: every file is compared")).toBe(stubborn);
  });

  const WAITS = "Waiting for domain web1 (domid @) to die [pid 4711]\n";
  it.concurrent.each([
    { what: "shut down", log: `${WAITS}Domain @ has shut down, reason code 0 0x0\nAction for shutdown reason code 0 is destroy\n` },
    { what: "rebooted", log: `${WAITS}Domain @ has shut down, reason code 1 0x1\n` },
    { what: "has crashed", log: `${WAITS}Domain @ has shut down, reason code 3 0x3\n`, told: "web1 has crashed" },
    { what: "was shut down by its watchdog", log: `${WAITS}Domain @ has shut down, reason code 4 0x4\n`, told: "web1 has crashed" },
    { what: "was saved", log: `${WAITS}Domain @ has shut down, reason code 2 0x2\n`, told: "web1 did not shut down (xl: reason code 2)" },
    { what: "somebody destroyed", log: `${WAITS}Domain @ has been destroyed.\n`, told: "web1 was destroyed by somebody before it had shut down" },
    { what: "xl has not seen go", log: WAITS, told: "web1 was destroyed by somebody before it had shut down" },
    { what: "was destroyed once it had shut down", log: `${WAITS}Domain @ has shut down, reason code 0 0x0\nDomain @ has been destroyed.\n` },
    { what: "another one's end says nothing of", log: "Waiting for domain web1 (domid 3@) to die [pid 1]\nDomain 3@ has been destroyed.\n" },
    { what: "came by migration, and crashed", name: "web1--incoming", log: `${WAITS}Domain @ has shut down, reason code 3 0x3\n`, told: "web1 has crashed" },
    { what: "had a number that another one had before the boot", log: `${WAITS}Domain @ has been destroyed.\n`, keeper: "bash" },
    { what: "has nobody who looks after it", log: WAITS, keeper: "" },
  ])("$what is carried by what xl wrote of it", byTurns(0, shell), async ({ name = "web1", log, told, keeper = "xl" }) => {
    const { code, journal, calls } = await looked(shell, (host) => {
      const directory = join(host.root, "var/log/xen");
      mkdirSync(directory, { recursive: true });
      const file = join(directory, `xl-${name}.log`);
      const [guest] = host.guests();
      writeFileSync(file, log.replaceAll("@", guest?.domid ?? "none"));
      if (keeper !== "") {
        mkdirSync(join(host.root, "proc/4711"));
        writeFileSync(join(host.root, "proc/4711/comm"), `${keeper}\n`);
      }
      const tree = { name: "c", source: `${host.root}/from`, target: `${host.root}/to`, from: "i", to: "v" } as const;
      return [
        ...shutDown.actions({ domain: host.domain, config: host.config, timeoutSeconds: 1, destroy: false }),
        ...copyFiles.actions({ ...tree, role: "last", compare: "times", throttle: {}, takenDown: host.domain })
          .filter(({ verb = [] }) => ["unless_shut_down", "copy"].includes(verb[0] ?? "")),
      ];
    });
    expect(code, journal).toBe(0);
    expect(copies(calls).map((call) => call.includes("--checksum")), journal).toEqual([told !== undefined]);
    expect(journal).toMatch(told === undefined ? /"outcome":"done"/ : `${told}: every file is compared`);
  });

  it.concurrent("goes by itself right before it is asked to is carried in full", byTurns(0, shell), async () => {
    const { code, journal, calls } = await looked(shell, (host) => {
      const tree = { name: "c", source: `${host.root}/from`, target: `${host.root}/to`, from: "i", to: "v" } as const;
      rmSync(join(host.state, "doms"), { recursive: true });
      mkdirSync(join(host.state, "doms"));
      return [
        ...shutDown.actions({ domain: host.domain, config: host.config, timeoutSeconds: 1, destroy: false }),
        ...copyFiles.actions({ ...tree, role: "last", compare: "times", throttle: {}, takenDown: host.domain })
          .filter(({ verb = [] }) => ["unless_shut_down", "copy"].includes(verb[0] ?? "")),
      ];
    });
    expect(code, journal).toBe(0);
    expect(copies(calls).map((call) => call.includes("--checksum")), journal).toEqual([true]);
    expect(journal).toContain("web1 went before it was asked to shut down: every file is compared");
  });

  it.concurrent("had to be destroyed has time for that, which no pass has measured, and not for ever", byTurns(0, shell), async () => {
    const limits: Record<string, string> = {};
    for (const destroyed of ["", "web1"]) {
      const { stdout } = await evaluate(shell, `${RUNTIME.replace("HERE=$(cd", "HERE=$(mktemp -d) # $(cd")}
mkdir "$HERE/copies"; printf 'delta 90000 1\ndelta 100 1\n' >"$HERE/copies/c"
journal() { :; }
looked_after() { echo "$COPY_LIMIT"; STATUS=1; }
NOT_SHUT_DOWN='${destroyed}' SEEN_GOING=1 OUT=/dev/null
verb_unless_shut_down
verb_copy c last -- rsync a b || :
rm -r "$HERE"`);
      limits[destroyed] = stdout.trim();
    }
    expect(limits).toEqual({ "": "700", web1: String(700 + 4 * 90_000 + 6000) });
  });
});
