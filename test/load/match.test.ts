import { describe, expect, test } from "vitest";
import { loadInventory } from "../../src/core/inventory/load-inventory.js";
import { NO_FILES } from "../../src/core/inventory/inventory.js";
import { acrossHosts, askedElsewhere } from "../../src/core/load/across-hosts.js";
import { loadPlaybooks } from "../../src/core/load/load-playbooks.js";
import type { FoundDomain } from "../../src/core/load/match.js";
import { matchDomains } from "../../src/core/load/match.js";
import type { DesiredHost } from "../../src/core/model/desired.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";

function desired(...texts: string[]): DesiredHost {
  const inventory = loadInventory(["dom0a,"], NO_FILES).value;
  if (inventory === undefined) throw new Error("no inventory");
  const sources = texts.map((text, i) => ({ file: `${i + 1}.yml`, text }));
  const loaded = loadPlaybooks(sources, inventory);
  const host = loaded.value?.hosts[0];
  if (host === undefined) throw new Error(renderDiagnostics(loaded.diagnostics));
  return host;
}

const guest = (name: string, ...vdevs: string[]): FoundDomain => ({ name, vdevs });

function summaries(host: DesiredHost, ...found: FoundDomain[]): string[] {
  return matchDomains(host, found).diagnostics.map((d) => `${d.severity}[${d.code}] ${d.summary}`);
}

describe("matching entries to guests", () => {
  test("an exact name beats a glob, key by key, and the glob underlies it", () => {
    const host = desired(`
- hosts: all
  move: { source: retire, throttle: { nice: 5, weight: 20 } }
  domains:
    "db*":
      disks: { "*": { volume: "vg0/{{ domain }}-{{ vdev }}", move: { verify: full } } }
      move: { downtime: 1m, throttle: { nice: 10 } }
      ready: { tcp: 5432 }
    db1:
      disks: { xvda: { size: 4GiB, move: { throttle: { ionice: idle } } }, xvdb: { volume: vg1/wal } }
      move: { downtime: 5s }
`);
    const matched = matchDomains(host, [guest("db1", "xvda", "xvdb"), guest("db2", "xvda"), guest("web", "xvda")]);
    expect(matched.diagnostics).toEqual([]);
    const [db1, db2, ...none] = matched.value?.domains ?? [];
    expect(none).toEqual([]);
    expect(db1?.move).toEqual({ source: "retire", downtimeSeconds: 5, throttle: { nice: 10, ioWeight: 20 } });
    expect(db1?.ready).toEqual({ kind: "tcp", port: 5432, timeoutSeconds: 60 });
    expect(db1?.disks.map(({ vdev, volume, bytes }) => [vdev, volume, bytes])).toEqual([
      ["xvda", "vg0/db1-xvda", 4 * 1024 ** 3], ["xvdb", "vg1/wal", undefined],
    ]);
    expect(db1?.disks[0]?.move).toEqual({
      source: "retire", verify: "full", downtimeSeconds: 5, throttle: { nice: 10, ioWeight: 20, ionice: "idle" },
    });
    expect(db2?.move.downtimeSeconds).toBe(60);
  });

  test("a rehearsal is said to be wanted or not, or how, and merged key by key", () => {
    const host = desired(`
- hosts: all
  move: { rehearse: { timeout: 5m } }
  domains:
    "*": { disks: { "*": { volume: "vg0/{{ domain }}" } } }
    db1: { move: { rehearse: { console: "login:" } } }
    db2: { move: { rehearse: false } }
`);
    const moves = (matchDomains(host, [guest("db1", "xvda"), guest("db2", "xvda"), guest("web", "xvda")]).value?.domains ?? []).map(({ move }) => move);
    expect(moves).toEqual([
      { rehearse: true, rehearseTimeoutSeconds: 300, rehearseConsole: "login:" }, { rehearse: false, rehearseTimeoutSeconds: 300 },
      { rehearse: true, rehearseTimeoutSeconds: 300 },
    ]);
  });

  test("two globs that disagree are an error that names both places", () => {
    const host = desired(`
- hosts: all
  domains:
    "db*": { disks: { "*": { volume: "vg0/{{ domain }}" } }, move: { downtime: 10s } }
    "*1": { move: { downtime: 20s } }
`);
    expect(renderDiagnostics(matchDomains(host, [guest("db1", "xvda")]).diagnostics)).toContain("1.yml:4:80");
    expect(summaries(host, guest("db1", "xvda"))[0]).toBe(
      "error[conflict] two entries disagree on 'move.downtime' of the guest 'db1'");
    expect(summaries(host, guest("db2", "xvda"))).toEqual([]);
  });

  test("an exact name settles what two globs disagree on", () => {
    const host = desired(`
- hosts: all
  domains:
    "db*": { move: { downtime: 10s } }
    "*1": { move: { downtime: 20s } }
    db1: { disks: { xvda: { volume: vg0/x } }, move: { downtime: 30s } }
`);
    expect(summaries(host, guest("db1", "xvda"))).toEqual([]);
  });

  test("two plays, and two files, on one guest are merged", () => {
    const host = desired(
      "- hosts: all\n  domains: { a: { disks: { xvda: { volume: vg0/a } } } }\n",
      "- hosts: all\n  domains: { a: { disks: { xvda: { size: 1GiB } }, move: { source: keep } } }\n",
    );
    const matched = matchDomains(host, [guest("a", "xvda")]);
    expect(matched.value?.domains[0]?.disks[0]).toMatchObject({ volume: "vg0/a", bytes: 1024 ** 3 });
  });

  test("a disk without a volume, a disk that the guest has not, two disks on one volume", () => {
    const host = desired(`
- hosts: all
  domains:
    a: { disks: { xvda: { size: 1GiB }, xvdz: { volume: vg0/z } } }
    "b*": { disks: { "*": { volume: "vg0/{{ domain }}" } } }
    "c*": { disks: { "*": { volume: "vg0/{{ domain }}" } } }
`);
    expect(summaries(host, guest("a", "xvda"))).toEqual([
      "error[unknown-disk] the guest 'a' has no disk 'xvdz'",
      "error[missing-key] nothing says which volume xvda of a goes to",
    ]);
    expect(summaries(host, guest("b", "xvda", "xvdb"))).toEqual(["error[duplicate-volume] the volume 'vg0/b' is given to two disks"]);
  });

  test("a guest's name that makes a name LVM does not take is refused", () => {
    const host = desired('- hosts: all\n  domains: { "*": { disks: { "*": { volume: "vg0/{{ domain }}" } } } }\n');
    expect(summaries(host, guest("snapshot", "xvda"))).toHaveLength(1);
    expect(summaries(host, guest("a b", "xvda"))).toHaveLength(1);
    expect(summaries(host, guest("{{ x }}", "xvda"))).toHaveLength(1);
    expect(summaries(host, guest("a.b-c", "xvda"))).toEqual([]);
  });

  test("--domain passes the others over, and does not call them missing", () => {
    const host = desired("- hosts: all\n  domains: { a: {}, b: {}, c: {} }\n");
    const matched = matchDomains(host, [guest("a"), guest("b")], ["a"]);
    expect(matched.value?.domains.map((d) => d.name)).toEqual(["a"]);
    expect(matched.value?.missing).toEqual([]);
  });
});

describe("across hosts", () => {
  const ALL_READ = { complete: true, elsewhere: new Set<string>() };
  const host = desired('- hosts: all\n  domains: { web1: { disks: { xvda: { volume: vg0/a } } }, "db*": {} }\n');
  const on = (name: string, ...found: FoundDomain[]) => {
    const matched = matchDomains({ ...host, host: name }, found).value;
    if (matched === undefined) throw new Error("does not match");
    return { matched, found };
  };

  test("missing on one host is fine, everywhere is an error", () => {
    expect(acrossHosts([on("a", guest("web1", "xvda"), guest("db1")), on("b")], ALL_READ)).toEqual([]);
    const missing = acrossHosts([on("a", guest("wbe1")), on("b", guest("db"))], ALL_READ);
    expect(missing.map((d) => [d.severity, d.summary, d.fix])).toEqual([
      ["error", "there is no guest 'web1' on any of the 2 hosts", "did you mean 'wbe1'?"],
    ]);
    const only = (glob: string): string | undefined =>
      acrossHosts([on("a", guest("web1", "xvda"), guest("late1"))], { ...ALL_READ, only: [glob] }).find(({ summary }) => summary.includes("--domain"))?.summary;
    expect(only("web*")).toBeUndefined();
    expect(only("wbe1")).toBe("--domain 'wbe1' matches no guest");
    expect(only("late1")).toBe("--domain 'late1': nothing is asked of late1");
    expect(acrossHosts([on("a", guest("wbe1"))], { complete: false, elsewhere: "any" })).toEqual([]);
    expect(acrossHosts([on("a", guest("web1", "xvda"))], ALL_READ)[0]).toMatchObject({ severity: "warning" });
  });

  test("defined on two hosts is refused", () => {
    const twice = acrossHosts([on("a", guest("web1", "xvda"), guest("db1")), on("b", guest("web1", "xvda"))], ALL_READ);
    expect(twice.map((d) => d.summary)).toEqual(["the guest 'web1' is defined on a and b"]);
  });

  /** The plays of a playbook for dom0a and dom0b as `-l` leaves them, and what is missing where the hosts that are left have these guests. */
  function across(text: string, limit: readonly string[], guests: Readonly<Record<string, readonly string[]>>): string[] {
    const inventory = loadInventory(["dom0a,dom0b,"], NO_FILES).value;
    if (inventory === undefined) throw new Error("no inventory");
    const loaded = loadPlaybooks([{ file: "1.yml", text }], inventory, { limit });
    if (loaded.value === undefined) throw new Error(renderDiagnostics(loaded.diagnostics));
    const matches = loaded.value.hosts.filter(({ host }) => guests[host] !== undefined).map((asked) => {
      const found = (guests[asked.host] ?? []).map((name) => guest(name));
      const matched = matchDomains(asked, found).value;
      if (matched === undefined) throw new Error("does not match");
      return { matched, found };
    });
    const elsewhere = askedElsewhere(loaded.value.plays, new Set(matches.map(({ matched }) => matched.host)));
    return acrossHosts(matches, { complete: matches.length === loaded.value.hosts.length, elsewhere })
      .map(({ severity, summary, fix }) => `${severity}: ${summary}${fix === undefined ? "" : `; ${fix}`}`);
  }
  const BOTH = "- hosts: all\n  domains: { web1: {}, mail9: {}, \"db*\": {} }\n";
  const APART = "- hosts: dom0a\n  domains: { web1: {}, mail9: {} }\n- hosts: dom0b\n  domains: { db1: {} }\n";

  test("what may be on a host that -l leaves out is not missing, and one note says what was passed over", () => {
    expect(across(BOTH, ["dom0a"], { dom0a: ["web1"] })).toEqual(["note: passed over, for they may be on hosts that --limit leaves out: mail9"]);
    expect(across(BOTH, ["all", "!dom0b"], { dom0a: ["web1", "mail9"] })).toEqual([]);
    // no host of its play is left out
    expect(across(APART, ["dom0a"], { dom0a: ["web1", "mali9"] })).toEqual(["error: there is no guest 'mail9' on dom0a; did you mean 'mali9'?"]);
    expect(across(BOTH, ["all"], { dom0a: ["web1"], dom0b: ["db1"] })).toEqual(["error: there is no guest 'mail9' on any of the 2 hosts"]);
    const names = Array.from({ length: 7 }, (_, i) => `g${i}`);
    expect(across(`- hosts: all\n  domains: { ${names.map((name) => `${name}: {}`).join(", ")} }\n`, ["dom0a"], { dom0a: [] })).toEqual([
      "note: passed over, for they may be on hosts that --limit leaves out: g0, g1, g2, g3, g4 and 2 more",
    ]);
  });

  test("nor is what a play asks for of which -l leaves no host, or that only the variables of its hosts name", () => {
    const twice = "- hosts: dom0a\n  domains: { web1: {} }\n- hosts: dom0b\n  domains: { web1: {} }\n";
    expect(across(twice, ["dom0a"], { dom0a: [] })).toEqual(["note: passed over, for they may be on hosts that --limit leaves out: web1"]);
    expect(across(twice, [], { dom0a: [], dom0b: ["web1"] })).toEqual([]);
    const byVariable = "- hosts: all\n  vars: { guests: { web1: {} } }\n  domains: \"{{ guests }}\"\n";
    expect(across(byVariable, ["dom0a"], { dom0a: [] })).toEqual(["note: passed over, for they may be on hosts that --limit leaves out: web1"]);
    expect(across(byVariable, [], { dom0a: [], dom0b: [] })).toEqual(["error: there is no guest 'web1' on any of the 2 hosts"]);
  });

  test("a host that could not be read says nothing of its own plays, and keeps nothing of the others", () => {
    expect(across(APART, [], { dom0a: ["web1"] })).toEqual(["error: there is no guest 'mail9' on dom0a"]);
    expect(across(APART, [], { dom0b: ["db1"] })).toEqual([]);
    expect(across(BOTH, [], { dom0a: ["web1"] })).toEqual([]);
  });

  test("a guest in the wrong play is missing, though another play asks for others on its host", () => {
    expect(across(APART, [], { dom0a: ["web1"], dom0b: ["db1", "mail9"] })).toEqual([
      "error: there is no guest 'mail9' on dom0a; It is on dom0b, which this play does not ask it of: name it in a play of that host.",
    ]);
  });
});
